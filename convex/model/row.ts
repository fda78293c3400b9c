/**
 * The entry's row in the app plane, written in the entry's own transaction. While the entry lives
 * its row is replaced in place, so that a row's id can be kept and subscribed to.
 */
import type { WithoutSystemFields } from "convex/server";
import { internal } from "../_generated/api";
import type { Doc, Id } from "../_generated/dataModel";
import type { MutationCtx, QueryCtx } from "../_generated/server";
import type { Kind } from "../validators";
import { readText } from "./content";
import type { Entry } from "./entry";
import { project, tableOf, type RowTable } from "./project";

/**
 * Writes the row of a live entry from its text, null of a stored one. An entry that `isNew`, made by
 * this very transaction, has no row that would have to be looked for.
 */
export async function writeRow(
  ctx: MutationCtx,
  entry: Omit<Entry, "_creationTime">,
  text: string | null,
  isNew = false,
): Promise<void> {
  const { workspace, store, path, record, revision, digest, kind, format, carried } = entry;
  if (digest === null) throw new Error(`entry ${entry._id} is a tombstone and has no row`);
  const { table, columns, flags } = project(kind, path, format, text, carried);
  const source = { workspace, entry: entry._id, store, path, record, revision, digest, flags };
  const row = { ...source, ...columns } as WithoutSystemFields<Doc<RowTable>>;
  const old = isNew ? null : await rowOf(ctx, table, entry._id);
  if (old === null) await ctx.db.insert(table, row);
  else await ctx.db.replace(table, old._id, row);
}

/** Writes the row in a transaction of its own, soon after this one. */
export async function writeRowLater(ctx: MutationCtx, entry: Id<"entries">): Promise<void> {
  await ctx.scheduler.runAfter(0, internal.rows.rebuild, { entry });
}

/** Writes the row from what the entry holds by now; nothing if it is gone. */
export async function rebuildRow(ctx: MutationCtx, id: Id<"entries">): Promise<void> {
  const entry = await ctx.db.get("entries", id);
  if (entry === null || entry.deleted) return;
  await writeRow(ctx, entry, await readText(ctx, entry));
}

/** Tells what the text says by now: where the row comes later, readers see no less until then. */
export async function noteDownloads(ctx: MutationCtx, entry: Id<"entries">, downloads: number) {
  const row = await ctx.db
    .query("assets")
    .withIndex("by_entry", (q) => q.eq("entry", entry))
    .unique();
  if (row !== null) await ctx.db.patch("assets", row._id, { downloads });
}

/**
 * Gives the row of an entry that moved to the entry it moved to; the row's id stays. With `later` it
 * tells at once where it comes from, and its columns in a transaction of their own.
 */
export async function moveRow(
  ctx: MutationCtx,
  from: { _id: Id<"entries">; kind: Kind },
  to: Omit<Entry, "_creationTime">,
  text: string | null,
  rows?: "later",
): Promise<void> {
  const table = tableOf(from.kind);
  const row = await rowOf(ctx, table, from._id);
  if (row !== null && table === tableOf(to.kind)) {
    const { _id: entry, path, revision } = to;
    await ctx.db.patch(table, row._id, { entry, path, revision });
  } else {
    await dropRow(ctx, from);
  }
  if (rows === "later") await writeRowLater(ctx, to._id);
  else await writeRow(ctx, to, text);
}

export async function dropRow(ctx: MutationCtx, entry: { _id: Id<"entries">; kind: Kind }) {
  const table = tableOf(entry.kind);
  const row = await rowOf(ctx, table, entry._id);
  if (row !== null) await ctx.db.delete(table, row._id);
}

function rowOf(ctx: QueryCtx, table: RowTable, entry: Id<"entries">) {
  return ctx.db
    .query(table)
    .withIndex("by_entry", (q) => q.eq("entry", entry))
    .unique();
}
