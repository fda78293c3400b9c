/**
 * Tombstones that every unrevoked device of the workspace has passed go, in bounded steps: once a day,
 * by `crons.ts`. Never the newest place of a feed: it would end before cursors that devices have, as
 * it does where a deployment was restored.
 *
 * A device has passed a place when it heard all up to it and whatever it sent before that was
 * answered; it tells so for each of its ledgers, in `sync:hello` and now and then in between. One that
 * was enrolled lately and did not come yet is waited for too: what it brings may have been deleted
 * here. A ledger that is bootstrapped says that it has no place: what it is told of a key page by
 * page must not lose its end.
 *
 * That devices are waited for spares them a first contact. What is right does not hang on it:
 * see `model/reaped.ts`.
 */
import { internal } from "../_generated/api";
import type { Doc } from "../_generated/dataModel";
import type { MutationCtx, QueryCtx } from "../_generated/server";
import { committedAt, type Entry } from "./entry";
import { endsBefore, MAX_INT64, parseCursor } from "./feed";
import { REAPED_AT_ONCE, REAPED_DEVICES, REAPED_LEDGERS, WORKSPACES_AT_ONCE } from "./limits";
import { LEDGERS, presencesOf } from "./presence";
import { findReaped, type Reaped } from "./reaped";

/** How long a device is waited for that was enrolled and never said hello: a token may be a program's. */
const NEWCOMER = 14 * 24 * 3600 * 1000;

/** One step through the workspaces behind `after`; schedules the next one if need be. */
export async function reapAfter(ctx: MutationCtx, after: string): Promise<void> {
  let last = after;
  for (let looked = 0; looked < WORKSPACES_AT_ONCE; looked += 1) {
    const workspace = await workspaceAfter(ctx, last);
    if (workspace === null) return;
    if ((await tombstonesUpTo(ctx, workspace, MAX_INT64).first()) !== null) {
      const hasMore = await reapWorkspace(ctx, workspace);
      return goOn(ctx, hasMore ? last : workspace);
    }
    last = workspace;
  }
  await goOn(ctx, last);
}

async function goOn(ctx: MutationCtx, after: string): Promise<void> {
  await ctx.scheduler.runAfter(0, internal.tombstones.reap, { after });
}

async function workspaceAfter(ctx: QueryCtx, after: string): Promise<string | null> {
  const device = await ctx.db
    .query("devices")
    .withIndex("by_workspace_and_name", (q) => q.gt("workspace", after))
    .first();
  return device?.workspace ?? null;
}

function tombstonesUpTo(ctx: QueryCtx, workspace: string, at: bigint) {
  return ctx.db
    .query("entries")
    .withIndex("by_workspace_and_deleted_and_at", (q) =>
      q.eq("workspace", workspace).eq("deleted", true).lte("at", at),
    );
}

/** Whether there may be more of them that can be reaped. */
async function reapWorkspace(ctx: MutationCtx, workspace: string): Promise<boolean> {
  const upTo = await passedByAll(ctx, workspace);
  const found = await tombstonesUpTo(ctx, workspace, upTo).take(REAPED_AT_ONCE);
  const last = found.at(-1);
  if (last === undefined) return false;
  // Only whether there is something behind: a mutation that read the head would be run again for
  // every push that commits meanwhile.
  const end = committedAt(last);
  const isNewest = await endsBefore(ctx, workspace, end + 1n);
  const old = isNewest ? found.filter((entry) => committedAt(entry) < end) : found;
  return reapEntries(ctx, workspace, old);
}

/** The place up to which every device needs no tombstone any more; 0 where one has none. */
async function passedByAll(ctx: QueryCtx, workspace: string): Promise<bigint> {
  const devices = await ctx.db
    .query("devices")
    .withIndex("by_workspace_and_name", (q) => q.eq("workspace", workspace))
    .take(REAPED_DEVICES + 1);
  if (devices.length > REAPED_DEVICES) return 0n;
  let least = MAX_INT64;
  let ledgers = 0;
  for (const device of devices) {
    if (device.revoked) continue;
    const presences = await presencesOf(ctx, device._id);
    ledgers += presences.length;
    // A step that read too much would end here every day, and what is behind never be looked at.
    if (ledgers > REAPED_LEDGERS) return 0n;
    const passed = passedBy(device, presences);
    if (passed < least) least = passed;
    if (least === 0n) return least;
  }
  return least;
}

function passedBy(device: Doc<"devices">, presences: Doc<"presence">[]): bigint {
  if (presences.length === LEDGERS) return 0n; // There may be more that nobody looks at.
  if (presences.length === 0) {
    return device._creationTime > Date.now() - NEWCOMER ? 0n : MAX_INT64;
  }
  const places = presences.map(({ passed }) => parseCursor(passed ?? null));
  return places.reduce((least, place) => (place < least ? place : least));
}

/** Deletes these with what is theirs, as many as a step may; whether that was all it may. */
async function reapEntries(
  ctx: MutationCtx,
  workspace: string,
  entries: Entry[],
): Promise<boolean> {
  let left = REAPED_AT_ONCE;
  let reaped: Reaped | null = null;
  for (const entry of entries) {
    left -= await deleteParts(ctx, entry, left);
    if (left <= 0) break; // What is left of this one goes in the next step.
    await ctx.db.delete("entries", entry._id);
    left -= 1;
    const revision = Math.max(entry.revision, reaped?.revision ?? 0);
    reaped = { at: committedAt(entry), revision };
  }
  if (reaped !== null) await noteReaped(ctx, workspace, reaped);
  return left <= 0;
}

/**
 * Deletes up to `most` documents that belong to the entry; how many. Its pieces and its row went with
 * its content.
 */
async function deleteParts(ctx: MutationCtx, entry: Entry, most: number): Promise<number> {
  const increments = await ctx.db
    .query("increments")
    .withIndex("by_entry_and_field", (q) => q.eq("entry", entry._id))
    .take(most);
  for (const { _id } of increments) await ctx.db.delete("increments", _id);
  if (entry.moreReceipts !== true) return increments.length;
  const receipts = await ctx.db
    .query("receipts")
    .withIndex("by_entry_and_device", (q) => q.eq("entry", entry._id))
    .take(most - increments.length);
  for (const { _id } of receipts) await ctx.db.delete("receipts", _id);
  return increments.length + receipts.length;
}

async function noteReaped(ctx: MutationCtx, workspace: string, reaped: Reaped): Promise<void> {
  const known = await findReaped(ctx, workspace);
  if (known === null) {
    await ctx.db.insert("reaped", { workspace, ...reaped });
    return;
  }
  const at = reaped.at > known.at ? reaped.at : known.at;
  const revision = Math.max(reaped.revision, known.revision);
  await ctx.db.replace("reaped", known._id, { workspace, at, revision });
}
