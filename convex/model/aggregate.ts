/**
 * Many samples as a few numbers. Whole minutes and hours are read from their rollups; in a minute
 * that the range cuts in two its samples are read, unless all of them lie in the range, or it has
 * too many of them, or of rollups, or some are gone. What does not fit in one call is carried over in the cursor, so
 * that the last page tells of everything.
 */
import { v, type Infer } from "convex/values";
import type { QueryCtx } from "../_generated/server";
import { EDGE_LENGTH, EDGE_ROLLUPS, EDGE_SAMPLES, ROLLUPS, SKETCH_BYTES } from "./limits";
import { decodeCarry, encodeCarry, type Carry, type Place } from "./carry";
import { HOUR, MINUTE, startOf, Summary, type Rollup } from "./rollup";
import { chosenRollups, chosenSamples, type Choice } from "./choice";
import { quantiles } from "./sketch";
import { spansOf, type Range, type Span } from "./span";
import { trouble } from "./trouble";

/** Largest time of a Date, in ms. */
const END_OF_TIME = 8.64e15;

const value = v.union(v.number(), v.null());

/** `sum` is 0 and the others null where there is no sample. Percentiles: see RELATIVE_ERROR. */
export const summary = v.object({
  count: v.number(),
  sum: v.number(),
  min: value,
  max: value,
  mean: value,
  p50: value,
  p90: value,
  p95: value,
  p99: value,
});
export type Told = Infer<typeof summary>;

export const aggregated = v.object({
  ...summary.fields,
  buckets: v.array(v.object({ start: v.number(), ...summary.fields })),
  widened: v.boolean(),
  partial: v.boolean(),
  cursor: v.union(v.string(), v.null()),
});
export type Aggregated = Infer<typeof aggregated>;

export type Question = Choice & {
  startTime?: number;
  endTime?: number;
  bucket?: number;
  cursor?: string | null;
};

/** See `metrics:aggregate`. */
export async function aggregate(
  ctx: QueryCtx,
  workspace: string,
  question: Question,
): Promise<Aggregated> {
  refuse(question);
  const { startTime = -Infinity, endTime = Infinity, bucket, cursor } = question;
  const carry = decodeCarry(cursor ?? null);
  // A place at an infinity could not be told in a cursor.
  const range = { from: Math.max(startTime, -END_OF_TIME), to: Math.min(endTime, END_OF_TIME) };
  const reading = new Reading(ctx, workspace, question, range, carry);
  const coarse = bucket === undefined || bucket % HOUR === 0;
  for (const span of spansOf(range, coarse)) {
    if (span.end <= carry.next) continue;
    const rest = { ...span, start: Math.max(span.start, carry.next) };
    const behind = rest.start === carry.next ? carry.behind : null;
    const stopped = await (span.edge ? reading.edge(rest, behind) : reading.whole(rest, behind));
    if (stopped !== null) return reading.answer(stopped);
  }
  return reading.answer(null);
}

function refuse({ type, name, bucket }: Question): void {
  if (type === undefined && name === undefined) {
    throw trouble("invalid", "name a type, a name, or both");
  }
  if (bucket !== undefined && !(bucket > 0 && bucket % MINUTE === 0)) {
    throw trouble("invalid", `bucket is a multiple of ${MINUTE} ms`);
  }
}

/** One call's reading; `carry` is what earlier calls read. */
class Reading {
  readonly #buckets: ({ start: number } & Told)[] = [];
  #read = 0;

  constructor(
    private readonly ctx: QueryCtx,
    private readonly workspace: string,
    private readonly question: Question,
    private readonly range: Range,
    private readonly carry: Carry,
  ) {}

  /** Reads rollups; the place from which another call goes on, null at the end of the span. */
  async whole(span: Span, behind: number | null): Promise<Place | null> {
    let last: Rollup | null = null;
    for await (const rollup of this.#rollups(span, behind)) {
      // All of one start and creation are read together: a place between them has no name.
      if (this.#read >= ROLLUPS && last?.start !== rollup.start) {
        return { next: rollup.start, behind: null };
      }
      if (this.#read >= ROLLUPS && last?._creationTime !== rollup._creationTime) {
        return { next: rollup.start, behind: last?._creationTime ?? null };
      }
      last = rollup;
      this.#merge(span.edge ? span.start : rollup.start, rollup);
    }
    return null;
  }

  /** With `behind`, in a minute that was too full to be read exactly by the call before. */
  async edge(span: Span, behind: number | null): Promise<Place | null> {
    if (behind !== null) return this.whole(span, behind);
    if (this.#read >= ROLLUPS) return { next: span.start, behind };
    const rollups = await this.#few(span);
    if (rollups === null) return this.whole(span, null);
    const cut = rollups.filter((rollup) => this.#isCut(rollup));
    const isExact = cut.length > 0 && cut.every(({ thinned }) => thinned !== true);
    const samples = isExact ? await this.#samples(span) : null;
    if (samples === null) {
      for (const rollup of rollups) this.#merge(span.start, rollup);
    } else {
      for (const value of samples) this.#add(span.start, (summary) => summary.add(value));
    }
    return null;
  }

  answer(stopped: Place | null): Aggregated {
    const { total, open, widened } = this.carry;
    const isUnfinished = stopped !== null && open?.start === this.#bucketOf(stopped.next);
    if (open !== null && !isUnfinished) this.#finish(open);
    const rest = { total, open: isUnfinished ? open : null, widened };
    return {
      ...told(total),
      buckets: this.#buckets,
      widened,
      partial: stopped !== null,
      cursor: stopped && encodeCarry({ ...stopped, ...rest }),
    };
  }

  #rollups(span: Span, behind: number | null): AsyncIterable<Rollup> {
    return chosenRollups(this.ctx, this.workspace, this.question, span, behind);
  }

  /** The rollups of a minute; null where they are too many to be looked at before they are read. */
  async #few(span: Span): Promise<Rollup[] | null> {
    const rollups: Rollup[] = [];
    let looked = 0;
    for await (const rollup of this.#rollups(span, null)) {
      looked += costOf(rollup);
      if (looked > EDGE_ROLLUPS) return null;
      rollups.push(rollup);
    }
    return rollups;
  }

  /** Whether samples of it lie in the range, and others do not. */
  #isCut(rollup: Rollup): boolean {
    const { from, to } = this.range;
    return this.#isTouched(rollup) && (rollup.first < from || rollup.last > to);
  }

  #isTouched({ first, last }: Rollup): boolean {
    return first <= this.range.to && last >= this.range.from;
  }

  /** The samples of a minute that lie in the range; null where they are too much to be read. */
  async #samples({ start, end }: Span): Promise<number[] | null> {
    const from = Math.max(start, this.range.from);
    const samples = chosenSamples(this.ctx, this.workspace, this.question, {
      from,
      to: this.range.to,
      before: end,
    });
    const values: number[] = [];
    let length = 0;
    for await (const { value, text } of samples) {
      length += text.length;
      if (values.length === EDGE_SAMPLES || length > EDGE_LENGTH) return null;
      values.push(value);
    }
    this.#read += values.length + Math.floor(length / SKETCH_BYTES);
    return values;
  }

  #merge(start: number, rollup: Rollup): void {
    this.#read += costOf(rollup);
    if (!this.#isTouched(rollup)) return;
    this.carry.widened ||= this.#isCut(rollup);
    this.#add(start, (summary) => summary.merge(rollup));
  }

  #add(start: number, into: (summary: Summary) => void): void {
    into(this.carry.total);
    const bucket = this.#bucketOf(start);
    if (bucket === null) return;
    if (this.carry.open !== null && this.carry.open.start !== bucket) {
      this.#finish(this.carry.open);
      this.carry.open = null;
    }
    this.carry.open ??= { start: bucket, summary: new Summary() };
    into(this.carry.open.summary);
  }

  #bucketOf(time: number): number | null {
    const { bucket } = this.question;
    return bucket === undefined ? null : startOf(time, bucket);
  }

  #finish({ start, summary }: { start: number; summary: Summary }): void {
    this.#buckets.push({ start, ...told(summary) });
  }
}

/** What values of many magnitudes are spread over takes longer to read. */
function costOf({ sketch }: Rollup): number {
  return 1 + Math.floor(sketch.byteLength / SKETCH_BYTES);
}

function told({ count, sum, min, max, sketch }: Summary): Told {
  if (count === 0) {
    return {
      count,
      sum,
      min: null,
      max: null,
      mean: null,
      p50: null,
      p90: null,
      p95: null,
      p99: null,
    };
  }
  // The extremes are known exactly.
  const found = quantiles(sketch, [0.5, 0.9, 0.95, 0.99]);
  const percentiles = found.map((value) => Math.min(max, Math.max(min, value)));
  const [p50 = min, p90 = min, p95 = min, p99 = min] = percentiles;
  return { count, sum, min, max, mean: sum / count, p50, p90, p95, p99 };
}
