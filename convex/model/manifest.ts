/** A store's entries, tombstones too, in the order of (path, record). */
import type { QueryCtx } from "../_generated/server";
import type { Listed, Place } from "../validators";
import { listedOf, type Entry } from "./entry";
import { PAGE_BYTES, PAGE_ROWS } from "./limits";

export type ManifestPage = { entries: Listed[]; next: Place | null };

/** The page after `after`; `next` is null when it was the last. */
export async function manifestAfter(
  ctx: QueryCtx,
  workspace: string,
  store: string,
  after: Place | null,
): Promise<ManifestPage> {
  const entries: Listed[] = [];
  let last: Place | null = null;
  let bytes = 0;
  for (const range of rangesAfter(ctx, workspace, store, after)) {
    for await (const entry of range) {
      if (entries.length >= PAGE_ROWS || bytes >= PAGE_BYTES) return { entries, next: last };
      entries.push(listedOf(entry));
      last = { path: entry.path, record: entry.record };
      bytes += entry.text === null ? 0 : entry.size;
    }
  }
  return { entries, next: null };
}

/** An index range bounds one field: first the rest of the same path, then the later paths. */
function rangesAfter(
  ctx: QueryCtx,
  workspace: string,
  store: string,
  after: Place | null,
): AsyncIterable<Entry>[] {
  const index = "by_workspace_and_store_and_path_and_record";
  if (after === null) {
    const whole = ctx.db
      .query("entries")
      .withIndex(index, (q) => q.eq("workspace", workspace).eq("store", store));
    return [whole];
  }
  const { path, record } = after;
  const samePath = ctx.db
    .query("entries")
    .withIndex(index, (q) =>
      q.eq("workspace", workspace).eq("store", store).eq("path", path).gt("record", record),
    );
  const laterPaths = ctx.db
    .query("entries")
    .withIndex(index, (q) => q.eq("workspace", workspace).eq("store", store).gt("path", path));
  return [samePath, laterPaths];
}
