/**
 * The feed: the index on (workspace, at). `at` follows commit order and all writes of one
 * transaction share it: https://docs.convex.dev/database/advanced/commit-timestamp
 * A cursor is the decimal of the last `at` that was handed out.
 */
import type { QueryCtx } from "../_generated/server";
import type { Change } from "../validators";
import type { Caller } from "./authorized";
import { readText } from "./content";
import { changeOf, committedAt, type Entry } from "./entry";
import { FEED_TEXT_BYTES, PAGE_BYTES, PAGE_ROWS } from "./limits";
import { trouble } from "./trouble";

export type Page = { changes: Change[]; cursor: string; done: boolean };

const START = "0";
const MAX_INT64 = 2n ** 63n - 1n;

/** The place of the workspace's newest change, "0" if it has none. */
export async function head(ctx: QueryCtx, workspace: string): Promise<string> {
  const newest = await ctx.db
    .query("entries")
    .withIndex("by_workspace_and_at", (q) => q.eq("workspace", workspace))
    .order("desc")
    .first();
  return newest === null ? START : committedAt(newest).toString();
}

/**
 * Whether the feed ends before `cursor`, as it does where a deployment was restored. Looks at the
 * first entry from the cursor on: a mutation that read the head would be run again for every push
 * that commits meanwhile, and on a busy workspace never end.
 */
export async function endsBefore(
  ctx: QueryCtx,
  workspace: string,
  cursor: string | null,
): Promise<boolean> {
  const at = parseCursor(cursor ?? START);
  if (at === 0n) return false;
  const reached = await ctx.db
    .query("entries")
    .withIndex("by_workspace_and_at", (q) => q.eq("workspace", workspace).gte("at", at))
    .first();
  return reached === null;
}

/**
 * The changes after `cursor` in the order of `at`. A page ends only between two groups of equal
 * `at`: the cursor could not say how much of a group was handed out.
 */
export async function changesAfter(
  ctx: QueryCtx & Caller,
  stores: string[],
  own: string[],
  cursor: string | null,
): Promise<Page> {
  const after = parseCursor(cursor ?? START);
  const changes: Change[] = [];
  let last = after;
  let rows = 0;
  let bytes = 0;
  for await (const entry of entriesAfter(ctx, after)) {
    const at = committedAt(entry);
    const full = rows >= PAGE_ROWS || bytes >= PAGE_BYTES;
    if (full && at !== last) return { changes, cursor: last.toString(), done: false };
    last = at;
    rows += 1;
    bytes += entry.text === null ? 0 : entry.size;
    if (!stores.includes(entry.store)) continue;
    const unwanted = own.includes(entry.store) && entry.origin !== ctx.device._id;
    const text = bytes < PAGE_BYTES && !unwanted ? await newsText(ctx, entry) : null;
    if (entry.pieces > 0 && text !== null) bytes += entry.size;
    changes.push(changeOf(entry, text));
  }
  return { changes, cursor: last.toString(), done: true };
}

/**
 * The text a device has to hear here: not its own, not what it has under a former name, and not
 * one better fetched alone.
 */
async function newsText(ctx: QueryCtx & Caller, entry: Entry): Promise<string | null> {
  // What the app plane wrote with the device's token is in no file of the device.
  const own = entry.device === ctx.device._id && entry.app !== true;
  const known = own || entry.movedFrom !== undefined;
  if (entry.deleted || known || entry.size > FEED_TEXT_BYTES) return null;
  return readText(ctx, entry);
}

function entriesAfter(ctx: QueryCtx & Caller, after: bigint) {
  return ctx.db
    .query("entries")
    .withIndex("by_workspace_and_at", (q) => q.eq("workspace", ctx.workspace).gt("at", after));
}

function parseCursor(cursor: string): bigint {
  const at = /^[0-9]{1,19}$/.test(cursor) ? BigInt(cursor) : null;
  if (at === null || at > MAX_INT64)
    throw trouble("invalid", "the cursor is not one of the feed's");
  return at;
}
