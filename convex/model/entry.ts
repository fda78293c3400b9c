/** The entry: found by its key, seen as a snapshot, as a manifest's line or as a change. */
import type { Doc } from "../_generated/dataModel";
import type { QueryCtx } from "../_generated/server";
import type { Change, Key, Listed, Snapshot } from "../validators";

export type Entry = Doc<"entries">;

/** Keys are unique: only `revise` inserts, after its caller has read this very range. */
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

export function changeOf(entry: Entry, text: string | null): Change {
  return { ...listedOf(entry), text };
}

/** The entry's `at` outside the mutation that wrote it, where it is always resolved. */
export function committedAt(entry: Entry): bigint {
  if (typeof entry.at !== "bigint") throw new Error(`entry ${entry._id} is not committed`);
  return entry.at;
}
