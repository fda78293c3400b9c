/** What one page of an aggregate hands to the next, as an opaque cursor. Pure. */
import { fromBase64, toBase64 } from "./base64";
import { isObject } from "./fields";
import { Summary } from "./rollup";
import { addEncoded, encodeSketch } from "./sketch";
import { trouble } from "./trouble";

/**
 * Where reading goes on: at the rollups that start at `next` and, if `behind` is not null, were
 * created after that.
 */
export type Place = { next: number; behind: number | null };

/**
 * The place; `total` sums up all before it, `open` the part of the bucket that it lies in, and
 * `widened` is whether a minute was told whole.
 */
export type Carry = Place & {
  total: Summary;
  open: { start: number; summary: Summary } | null;
  widened: boolean;
};

export function encodeCarry({ total, open, ...rest }: Carry): string {
  const begun = open === null ? null : { start: open.start, summary: written(open.summary) };
  return JSON.stringify({ ...rest, total: written(total), open: begun });
}

/** No cursor: the beginning. Throws `invalid` for a text that is no cursor. */
export function decodeCarry(cursor: string | null): Carry {
  const beginning = { next: -Infinity, behind: null };
  if (cursor === null) return { ...beginning, total: new Summary(), open: null, widened: false };
  try {
    const { next, behind, total, open, widened } = JSON.parse(cursor) as Record<string, unknown>;
    const begun = isObject(open)
      ? { start: number(open.start), summary: read(open.summary) }
      : null;
    // Cursors of earlier functions have no `behind` and no `widened`.
    const place = { next: number(next), behind: typeof behind === "number" ? behind : null };
    return { ...place, total: read(total), open: begun, widened: widened === true };
  } catch {
    throw trouble("invalid", "cursor is not one that this function answered");
  }
}

/** Numbers as text: a sum may be Infinity, which JSON does not have. */
function written({ count, sum, min, max, sketch }: Summary): string[] {
  return [...[count, sum, min, max].map(String), toBase64(encodeSketch(sketch))];
}

function read(value: unknown): Summary {
  const [count, sum, min, max, sketch] = value as string[];
  const summary = new Summary();
  const numbers = { count: Number(count), sum: Number(sum), min: Number(min), max: Number(max) };
  Object.assign(summary, numbers);
  addEncoded(summary.sketch, fromBase64(sketch ?? ""));
  return summary;
}

function number(value: unknown): number {
  if (typeof value !== "number") throw new TypeError("not a number");
  return value;
}
