/**
 * Samples added up as they come, by the minute and by the hour: what `metrics:aggregate` reads.
 * Each log has rollups of its own, so that devices that report at once do not contend.
 */
import type { SampleColumns } from "../columns";
import type { Doc, Id } from "../_generated/dataModel";
import type { MutationCtx, QueryCtx } from "../_generated/server";
import { addEncoded, bucketOf, encodeSketch, tally, type Sketch } from "./sketch";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

export type Rollup = Doc<"rollups">;
type Width = typeof MINUTE | typeof HOUR;

/** Many values as a few numbers. `min` and `max` of none are Infinity and -Infinity. */
export class Summary {
  count = 0;
  sum = 0;
  min = Infinity;
  max = -Infinity;
  sketch: Sketch = new Map();

  add(value: number): void {
    this.count += 1;
    this.sum += value;
    this.min = Math.min(this.min, value);
    this.max = Math.max(this.max, value);
    tally(this.sketch, bucketOf(value));
  }

  merge(other: Pick<Rollup, "count" | "sum" | "min" | "max" | "sketch">): void {
    this.count += other.count;
    this.sum += other.sum;
    this.min = Math.min(this.min, other.min);
    this.max = Math.max(this.max, other.max);
    addEncoded(this.sketch, other.sketch);
  }

  encoded() {
    const { count, sum, min, max } = this;
    return { count, sum, min, max, sketch: encodeSketch(this.sketch) };
  }
}

/** Counts samples of a log in its rollups. */
export async function addToRollups(
  ctx: MutationCtx,
  log: Doc<"logs">,
  samples: SampleColumns[],
): Promise<void> {
  for (const width of [MINUTE, HOUR] as const) {
    for (const part of grouped(samples, width).values()) await addPart(ctx, log, part);
  }
}

/** The start of the `width` in which a time lies. */
export function startOf(timestamp: number, width: number): number {
  // -0 is another value than 0 to an index.
  return Math.floor(timestamp / width) * width + 0;
}

type Part = {
  width: Width;
  start: number;
  type: string;
  name: string;
  first: number;
  last: number;
  summary: Summary;
};

function grouped(samples: SampleColumns[], width: Width): Map<string, Part> {
  const parts = new Map<string, Part>();
  for (const { type, name, timestamp, value } of samples) {
    const start = startOf(timestamp, width);
    const key = JSON.stringify([start, type, name]);
    const part = parts.get(key) ?? {
      ...{ width, start, type, name, first: timestamp, last: timestamp },
      summary: new Summary(),
    };
    part.first = Math.min(part.first, timestamp);
    part.last = Math.max(part.last, timestamp);
    part.summary.add(value);
    parts.set(key, part);
  }
  return parts;
}

/** Notes in a sample's minute that samples of it are gone. */
export async function thin(
  ctx: MutationCtx,
  { log, type, name, timestamp }: Pick<Doc<"metrics">, "log" | "type" | "name" | "timestamp">,
): Promise<void> {
  const start = startOf(timestamp, MINUTE);
  const minute = await findRollup(ctx, log, { width: MINUTE, start, type, name });
  if (minute !== null && minute.thinned !== true) {
    await ctx.db.patch("rollups", minute._id, { thinned: true });
  }
}

function findRollup(
  ctx: QueryCtx,
  log: Id<"logs">,
  { width, start, type, name }: Pick<Part, "width" | "start" | "type" | "name">,
): Promise<Rollup | null> {
  return ctx.db
    .query("rollups")
    .withIndex("by_log_and_width_and_start_and_type_and_name", (q) =>
      q.eq("log", log).eq("width", width).eq("start", start).eq("type", type).eq("name", name),
    )
    .unique();
}

async function addPart(ctx: MutationCtx, log: Doc<"logs">, part: Part): Promise<void> {
  const { width, start, type, name, first, last, summary } = part;
  const known = await findRollup(ctx, log._id, part);
  if (known === null) {
    const of = { workspace: log.workspace, log: log._id, width, start, type, name };
    await ctx.db.insert("rollups", { ...of, first, last, ...summary.encoded() });
    return;
  }
  summary.merge(known);
  const times = { first: Math.min(known.first, first), last: Math.max(known.last, last) };
  await ctx.db.patch("rollups", known._id, { ...times, ...summary.encoded() });
}
