/** The entry: found by its key, seen as a snapshot, as a manifest's line or as a change. */
import type { Doc } from "../_generated/dataModel";
import type { MutationCtx, QueryCtx } from "../_generated/server";
import type { Change, Delta, Key, Listed, Snapshot } from "../validators";

export type Entry = Doc<"entries">;

/** Keys are unique: only `revise` and `move` insert, after this very range was read. */
export function findEntry(ctx: QueryCtx, workspace: string, key: Key): Promise<Entry | null> {
  return ctx.db
    .query("entries")
    .withIndex("by_workspace_and_store_and_path_and_record", (q) =>
      q
        .eq("workspace", workspace)
        .eq("store", key.store)
        .eq("path", key.path)
        .eq("record", key.record),
    )
    .unique();
}

/** Writes the entry's next revision, in place of the `former` one if there is any. */
export async function putEntry(
  ctx: MutationCtx,
  former: Entry | null,
  next: Omit<Entry, "_id" | "_creationTime">,
) {
  if (former === null) return ctx.db.insert("entries", next);
  await ctx.db.replace("entries", former._id, next);
  return former._id;
}

export function snapshotOf({ revision, digest, deleted, at }: Entry): Snapshot {
  return { revision, digest, deleted, at };
}

export function listedOf(entry: Entry): Listed {
  const { store, path, record, kind, format, lastDigest, movedTo, size, device, origin } = entry;
  const stored = entry.blob !== undefined;
  return {
    store,
    path,
    record,
    kind,
    format,
    ...snapshotOf(entry),
    lastDigest,
    movedTo,
    size,
    stored,
    device,
    origin,
  };
}

/** The entry as news, told by its text or by what that changes in the former one. */
export function changeOf(entry: Entry, text: string | null, delta?: Delta): Change {
  return { ...listedOf(entry), text, ...(delta && { delta }) };
}

/** The entry's `at` outside the mutation that wrote it, where it is always resolved. */
export function committedAt(entry: Entry): bigint {
  if (typeof entry.at !== "bigint") throw new Error(`entry ${entry._id} is not committed`);
  return entry.at;
}
