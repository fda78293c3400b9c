/** How a range of time is covered by rollups. Pure. */
import { HOUR, MINUTE, startOf } from "./rollup";

/** Both ends belong to it; times are ms since the epoch. */
export type Range = { from: number; to: number };

/**
 * A stretch of time that is read in one way. `edge`: a minute that the range cuts in two. Else all
 * rollups of `width` from `start` to before `end`.
 */
export type Span = { edge: boolean; width: number; start: number; end: number };

/** The spans of a range, in order; each instant of it lies in one. Hours only where `coarse`. */
export function spansOf({ from, to }: Range, coarse: boolean): Span[] {
  if (from > to) return [];
  const low = Math.ceil(from / MINUTE) * MINUTE + 0;
  // The last instant belongs to the range, so that the minute that begins there is cut.
  const high = startOf(to, MINUTE);
  const spans: Span[] = [];
  if (low > from) spans.push(edge(startOf(from, MINUTE)));
  if (low < high) spans.push(...whole(low, high, coarse));
  if (high >= low) spans.push(edge(high));
  return spans;
}

function whole(start: number, end: number, coarse: boolean): Span[] {
  const low = Math.ceil(start / HOUR) * HOUR + 0;
  const high = startOf(end, HOUR);
  const minutes = (from: number, to: number) => ({
    edge: false,
    width: MINUTE,
    start: from,
    end: to,
  });
  if (!coarse || low >= high) return [minutes(start, end)];
  const hours = { edge: false, width: HOUR, start: low, end: high };
  return [minutes(start, low), hours, minutes(high, end)].filter((span) => span.start < span.end);
}

function edge(start: number): Span {
  return { edge: true, width: MINUTE, start, end: start + MINUTE };
}
