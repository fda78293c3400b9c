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
import { FEED_TEXT_BYTES, KNOWN, PAGE_ROWS } from "./limits";
import { trouble } from "./trouble";

export type Page = { changes: Change[]; cursor: string; done: boolean };

export const MAX_INT64 = 2n ** 63n - 1n;

/**
 * The newest place of the workspace's feed and the one before it, "0" where there is none. Who heard
 * the feed up to the one before, and wrote all that lies at the newest, need not ask.
 */
export async function end(ctx: QueryCtx, workspace: string) {
  const newest = await newestPlace(ctx, workspace, MAX_INT64);
  const before = await newestPlace(ctx, workspace, newest);
  return { head: newest.toString(), before: before.toString() };
}

/** The newest place before another one; 0 if there is none. */
async function newestPlace(ctx: QueryCtx, workspace: string, before: bigint): Promise<bigint> {
  const newest = await ctx.db
    .query("entries")
    .withIndex("by_workspace_and_at", (q) => q.eq("workspace", workspace).lt("at", before))
    .order("desc")
    .first();
  return newest === null ? 0n : committedAt(newest);
}

/**
 * Whether the feed ends before a place, as it does before a cursor where a deployment was restored.
 * Looks at the first entry from the place on: a mutation that read the head would be run again for
 * every push that commits meanwhile, and on a busy workspace never end.
 */
export async function endsBefore(
  ctx: QueryCtx,
  workspace: string,
  at: bigint,
): Promise<boolean> {
  if (at === 0n) return false;
  const reached = await ctx.db
    .query("entries")
    .withIndex("by_workspace_and_at", (q) => q.eq("workspace", workspace).gte("at", at))
    .first();
  return reached === null;
}

/**
 * The changes after `cursor` in the order of `at`, with up to `most` bytes of text. A page ends only
 * between two groups of equal `at`: the cursor could not say how much of a group was handed out.
 *
 * `known` are places whose whole groups the device wrote and was acknowledged: they are neither
 * read nor told, and the cursor passes them.
 */
export async function changesAfter(
  ctx: QueryCtx & Caller,
  stores: string[],
  own: string[],
  cursor: string | null,
  known: string[],
  most: number,
): Promise<Page> {
  const after = parseCursor(cursor);
  const passed = parseKnown(known, after);
  const changes: Change[] = [];
  let last = after;
  let rows = 0;
  let bytes = 0;
  for await (const entry of entriesAfter(ctx, after, passed)) {
    const at = committedAt(entry);
    const full = rows >= PAGE_ROWS || bytes >= most;
    if (full && at !== last) return { changes, cursor: last.toString(), done: false };
    last = at;
    rows += 1;
    bytes += entry.text === null ? 0 : entry.size;
    if (!stores.includes(entry.store)) continue;
    const unwanted = own.includes(entry.store) && entry.origin !== ctx.device._id;
    const wanted = !unwanted && isNews(ctx, entry);
    const read = wanted && entry.delta === undefined && bytes < most;
    const text = read && entry.size <= FEED_TEXT_BYTES ? await readText(ctx, entry) : null;
    if (entry.pieces > 0 && text !== null) bytes += entry.size;
    changes.push(changeOf(entry, text, wanted ? entry.delta : undefined));
  }
  return { changes, cursor: (await endOf(ctx, last, passed)).toString(), done: true };
}

/** Where the feed was read to: its `last` entry that was told, or one behind it that was passed. */
async function endOf(ctx: QueryCtx & Caller, last: bigint, passed: bigint[]): Promise<bigint> {
  const end = passed.at(-1) ?? last;
  if (end <= last) return last;
  // RACE: read from a snapshot before that commit, what lies in front of it was not seen yet.
  return end <= (await newestPlace(ctx, ctx.workspace, MAX_INT64)) ? end : last;
}

/** Whether a device has to hear the text: not its own, nor what it has under a former name. */
function isNews(ctx: Caller, entry: Entry): boolean {
  // What the app plane wrote with the device's token is in no file of the device.
  const own = entry.device === ctx.device._id && entry.app !== true;
  return !entry.deleted && !own && entry.movedFrom === undefined;
}

/** The entries after a place, in order; of the `passed` ones nothing is read. */
async function* entriesAfter(ctx: QueryCtx & Caller, after: bigint, passed: bigint[]) {
  let from = after;
  for (const at of passed) {
    yield* entriesBetween(ctx, from, at);
    from = at;
  }
  yield* entriesBetween(ctx, from, null);
}

/** The entries after a place, up to but without another. */
function entriesBetween(ctx: QueryCtx & Caller, after: bigint, before: bigint | null) {
  return ctx.db.query("entries").withIndex("by_workspace_and_at", (q) => {
    const behind = q.eq("workspace", ctx.workspace).gt("at", after);
    return before === null ? behind : behind.lt("at", before);
  });
}

function parseKnown(known: string[], after: bigint): bigint[] {
  if (known.length > KNOWN) {
    throw trouble("invalid", `${known.length} known places; at most ${KNOWN} a call`);
  }
  const places = known.map(parseCursor).filter((at) => at > after);
  return places.sort((left, right) => (left < right ? -1 : 1));
}

/** The place that a cursor says; none: the beginning. */
export function parseCursor(cursor: string | null): bigint {
  if (cursor === null) return 0n;
  const at = /^[0-9]{1,19}$/.test(cursor) ? BigInt(cursor) : null;
  if (at === null || at > MAX_INT64)
    throw trouble("invalid", "the cursor is not one of the feed's");
  return at;
}
