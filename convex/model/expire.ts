/**
 * Lines of logs go when they are as old as the deployment's environment allows, in bounded steps:
 * once a day, by `crons.ts`. Where it says nothing, nothing goes.
 *
 * Their age counts from their arrival, since what a line says of its time may be wrong. The logs
 * stay, by which devices know how far they got, and so do the rollups: only of a minute that a
 * question cuts in two nothing exact can be told any more.
 */
import { internal } from "../_generated/api";
import type { Doc } from "../_generated/dataModel";
import type { MutationCtx, QueryCtx } from "../_generated/server";
import { EXPIRED_AT_ONCE, EXPIRED_LENGTH } from "./limits";
import { thin } from "./rollup";

const DAY = 24 * 3600 * 1000;

export type LineTable = "metrics" | "lines";

/** One step through what came at `after` (ms) or later; schedules the next one if need be. */
export async function expireLines(
  ctx: MutationCtx,
  table: LineTable,
  after: number,
): Promise<void> {
  const days = daysKept();
  if (days === null) return;
  let rows = 0;
  let length = 0;
  for await (const row of linesBetween(ctx, table, after, Date.now() - days * DAY)) {
    if (rows === EXPIRED_AT_ONCE || length >= EXPIRED_LENGTH) {
      // Not from the beginning: what was just deleted takes time to be passed over.
      const rest = { table, after: row._creationTime };
      await ctx.scheduler.runAfter(0, internal.logs.expire, rest);
      return;
    }
    rows += 1;
    length += row.text.length;
    await remove(ctx, row);
  }
}

async function remove(ctx: MutationCtx, row: Doc<LineTable>): Promise<void> {
  if ("timestamp" in row) {
    await ctx.db.delete("metrics", row._id);
    await thin(ctx, row);
  } else {
    await ctx.db.delete("lines", row._id);
  }
}

/** Null: for ever. Throws where the environment says something else than a number of days. */
function daysKept(): number | null {
  const told = process.env.SYNCD_KEEP_LINES_DAYS ?? "";
  if (told === "") return null;
  if (/^[1-9][0-9]{0,5}$/.test(told)) return Number(told);
  throw new Error(`SYNCD_KEEP_LINES_DAYS is no number of days, but ${told}: nothing was deleted`);
}

function linesBetween(
  { db }: QueryCtx,
  table: LineTable,
  from: number,
  before: number,
): AsyncIterable<Doc<LineTable>> {
  return table === "metrics"
    ? db
        .query("metrics")
        .withIndex("by_creation_time", (q) =>
          q.gte("_creationTime", from).lt("_creationTime", before),
        )
    : db
        .query("lines")
        .withIndex("by_creation_time", (q) =>
          q.gte("_creationTime", from).lt("_creationTime", before),
        );
}
