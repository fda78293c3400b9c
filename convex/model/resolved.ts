/**
 * Conflicts that were resolved RESOLVED_DAYS ago go, with the texts that lost in them, in bounded
 * steps: once a day, by `crons.ts`. Those that nobody resolved stay, whoever was revoked since: each
 * is a version that somebody saved, and may be the only place where it is.
 *
 * The device that met it forgets it earlier. One that is told of again, by a ledger that is an old
 * copy, is recorded again, and goes in its time.
 */
import { internal } from "../_generated/api";
import type { Doc } from "../_generated/dataModel";
import type { MutationCtx } from "../_generated/server";
import { EXPIRED_LENGTH, FORGOTTEN_CONFLICTS, RESOLVED_DAYS } from "./limits";

const DAY = 24 * 3600 * 1000;

/** One step through those resolved at `after` (ms) or later; schedules the next one if need be. */
export async function forgetResolved(ctx: MutationCtx, after: number): Promise<void> {
  const hasUndated = after === 0 && (await date(ctx));
  const due = ctx.db
    .query("conflicts")
    .withIndex("by_resolvedAt_and_resolution", (q) =>
      q.gte("resolvedAt", after).lt("resolvedAt", Date.now() - RESOLVED_DAYS * DAY),
    );
  let conflicts = 0;
  let length = 0;
  for await (const conflict of due) {
    if (conflicts === FORGOTTEN_CONFLICTS || length >= EXPIRED_LENGTH) {
      return goOn(ctx, conflict.resolvedAt ?? 0);
    }
    conflicts += 1;
    length += await remove(ctx, conflict);
  }
  if (hasUndated) await goOn(ctx, 0);
}

async function goOn(ctx: MutationCtx, after: number): Promise<void> {
  await ctx.scheduler.runAfter(0, internal.conflicts.forget, { after });
}

/** Those resolved under earlier functions, which noted no time, were resolved now; if more are left. */
async function date(ctx: MutationCtx): Promise<boolean> {
  const undated = await ctx.db
    .query("conflicts")
    .withIndex("by_resolvedAt_and_resolution", (q) =>
      q.eq("resolvedAt", undefined).gt("resolution", null),
    )
    .take(FORGOTTEN_CONFLICTS);
  for (const { _id } of undated) await ctx.db.patch("conflicts", _id, { resolvedAt: Date.now() });
  return undated.length === FORGOTTEN_CONFLICTS;
}

/** Deletes a conflict with what lost; how long that was, in UTF-16 units. */
async function remove(ctx: MutationCtx, { _id }: Doc<"conflicts">): Promise<number> {
  let length = 0;
  const pieces = ctx.db
    .query("losers")
    .withIndex("by_conflict_and_number", (q) => q.eq("conflict", _id));
  for await (const piece of pieces) {
    length += piece.text.length;
    await ctx.db.delete("losers", piece._id);
  }
  await ctx.db.delete("conflicts", _id);
  return length;
}
