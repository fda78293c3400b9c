/**
 * What file storage holds and nothing needs goes, in bounded steps: once a day, by `crons.ts`.
 *
 * There are no counts of references to keep right: a blob that was not seen for REFRESH is looked up
 * among entries and conflicts, and `seenAt` renewed if one names it. One that no look has found in
 * use for FORGET is deleted, so what nothing needs stays for a week at least. An upload that was
 * never committed goes after a day; each file is looked at once, in the order of their creation.
 */
import { internal } from "../_generated/api";
import type { MutationCtx } from "../_generated/server";
import { holderOf, isOurs, type Blob } from "./blob";
import { BLOBS_AT_ONCE } from "./limits";

const DAY = 24 * 3600 * 1000;
const REFRESH = 7 * DAY;
const FORGET = 15 * DAY;
const UPLOAD = DAY;

/** One step through the blobs last seen after `after`; schedules the next one if need be. */
export async function collectBlobs(ctx: MutationCtx, after: number): Promise<void> {
  const now = Date.now();
  const due = await ctx.db
    .query("blobs")
    .withIndex("by_seenAt", (q) => q.gt("seenAt", after).lt("seenAt", now - REFRESH))
    .take(BLOBS_AT_ONCE);
  for (const blob of due) {
    if (await isUsed(ctx, blob)) await ctx.db.patch("blobs", blob._id, { seenAt: now });
    else if (blob.seenAt < now - FORGET) await forget(ctx, blob);
  }
  const last = due.at(-1);
  if (last === undefined || due.length < BLOBS_AT_ONCE) return;
  // Those seen at the very same moment wait for the next day.
  await ctx.scheduler.runAfter(0, internal.blobs.collect, { after: last.seenAt });
}

/** One step through the files created since the last; schedules the next one if need be. */
export async function sweepUploads(ctx: MutationCtx): Promise<void> {
  const meta = await ctx.db.query("meta").first();
  if (meta === null) return;
  const due = ctx.db.system
    .query("_storage")
    .withIndex("by_creation_time", (q) =>
      q.gt("_creationTime", meta.sweptTo ?? 0).lt("_creationTime", Date.now() - UPLOAD),
    );
  let looked = 0;
  let last: number | undefined;
  for await (const file of due) {
    // All of one instant are looked at together: a place between them has no name.
    if (looked >= BLOBS_AT_ONCE && file._creationTime !== last) {
      await ctx.scheduler.runAfter(0, internal.blobs.sweep, {});
      break;
    }
    last = file._creationTime;
    looked += 1;
    if (isOurs(file) && (await holderOf(ctx, file._id)) === null)
      await ctx.storage.delete(file._id);
  }
  if (last !== undefined) await ctx.db.patch("meta", meta._id, { sweptTo: last });
}

async function isUsed(ctx: MutationCtx, { _id }: Blob): Promise<boolean> {
  const entry = await ctx.db
    .query("entries")
    .withIndex("by_blob", (q) => q.eq("blob", _id))
    .first();
  if (entry !== null) return true;
  const conflict = await ctx.db
    .query("conflicts")
    .withIndex("by_blob", (q) => q.eq("blob", _id))
    .first();
  return conflict !== null;
}

async function forget(ctx: MutationCtx, blob: Blob): Promise<void> {
  const file = await ctx.db.system.get("_storage", blob.storageId);
  if (file !== null) await ctx.storage.delete(blob.storageId);
  await ctx.db.delete("blobs", blob._id);
}
