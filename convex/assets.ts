/** Assets, as the files say them; an asset's category is the first folder of its path. */
import { v } from "convex/values";
import type { Doc } from "./_generated/dataModel";
import type { QueryCtx } from "./_generated/server";
import { record, rowsOf, withId, withRecord } from "./model/answer";
import { appMutation, appQuery, type AppCaller } from "./model/authorized";
import { createRecord, newId } from "./model/create";
import { fieldsOf, flat, idIn, inOrder } from "./model/flat";
import { entryWithId, firstWithId } from "./model/found";
import { increment, pending } from "./model/increment";
import { asking, at, outcome } from "./model/outcome";
import { paging, type Paging } from "./model/page";
import { once } from "./model/request";
import { foundAssets } from "./model/search";
import { trouble } from "./model/trouble";
import { removeRecord, updateRecord } from "./model/update";
import { assetRecord } from "./records";
import schema from "./schema";

const any = v.optional(v.any());
const { requestId } = asking;
const body = { content: any, metadata: any, dependencies: any };
const asset = schema.doc("assets").omit("searchText").extend({ id: v.string() });
const page = v.object({ rows: v.array(asset), cursor: v.union(v.string(), v.null()) });

/** The asset with this id; of several, the one with the first path. */
export const get = appQuery({
  args: { id: v.string() },
  returns: v.union(v.object({ ...body, ...asset.fields, ...record }), v.null()),
  handler: async (ctx, { id }) => {
    const row = await firstWithId(ctx, ctx.workspace, "assets", id);
    const counted = row && (await shown(ctx, withId(row)));
    return withRecord(ctx, counted, ["content", "metadata", "dependencies"]);
  },
});

/** By path; with a status and nothing else by category. */
export const list = appQuery({
  args: {
    category: v.optional(v.string()),
    type: v.optional(v.string()),
    status: v.optional(v.string()),
    ...paging,
  },
  returns: page,
  handler: (ctx, { category, type, status, ...paged }) => {
    if (status === undefined || type === undefined) {
      return listed(ctx, { category, type, status }, paged);
    }
    throw trouble("invalid", "list by status or by type, not by both");
  },
});

/** By path. */
export const getByCategory = appQuery({
  args: { category: v.string(), ...paging },
  returns: page,
  handler: (ctx, { category, ...paged }) => listed(ctx, { category }, paged),
});

/** The best match first; without a word to search for by path. See `model/search.ts`. */
export const search = appQuery({
  args: {
    query: v.optional(v.string()),
    category: v.optional(v.string()),
    type: v.optional(v.string()),
    status: v.optional(v.string()),
    tags: v.optional(v.array(v.string())),
    limit: v.optional(v.number()),
  },
  returns: page,
  handler: async (ctx, asked) => {
    const rows = await foundAssets(ctx, ctx.workspace, asked);
    return counted(ctx, { rows, cursor: null });
  },
});

/** Creates the file of an asset, given in `asset` or field by field, in its category's folder. */
export const create = appMutation({
  args: { asset: any, data: any, ...flat(assetRecord.fields), requestId },
  returns: outcome,
  handler: (ctx, { asset, data, requestId, ...flatFields }) => {
    const given = fieldsOf([asset, data], flatFields);
    const id = idIn(given) ?? newId("asset");
    const fields = inOrder(assetRecord.fields, { id, ...given });
    const category = typeof fields.category === "string" ? fields.category : undefined;
    return once(ctx, "assets:create", { requestId }, () =>
      createRecord(ctx, "asset", "assets", { id, category, fields }),
    );
  },
});

/** Sets top-level fields of an asset; null removes one. The file stays in its folder. */
export const update = appMutation({
  args: { id: v.string(), updates: v.record(v.string(), v.any()), ...asking },
  returns: outcome,
  handler: (ctx, { id, updates, ...asked }) =>
    once(ctx, "assets:update", asked, () => updateRecord(ctx, "assets", id, updates, asked)),
});

/** Deletes the file of an asset. */
export const deleteAsset = appMutation({
  args: { id: v.string(), ...asking },
  returns: outcome,
  handler: (ctx, { id, ...asked }) =>
    once(ctx, "assets:deleteAsset", asked, () => removeRecord(ctx, "assets", id, asked)),
});

/** Adds to the asset's downloads; the file follows within a second or two. */
export const incrementDownloads = appMutation({
  args: { id: v.string(), by: v.optional(v.number()), requestId },
  returns: outcome,
  handler: async (ctx, { id, by = 1, ...asked }) => {
    if (!Number.isSafeInteger(by)) throw trouble("invalid", "by is a whole number");
    return once(ctx, "assets:incrementDownloads", asked, async () => {
      const { entry, outcome } = await entryWithId(ctx, ctx.workspace, "assets", id);
      if (entry === null) return outcome;
      await increment(ctx, entry._id, "downloads", by);
      return at("applied", id, entry);
    });
  },
});

type Asked = { category?: string; type?: string; status?: string };

async function listed(ctx: QueryCtx & AppCaller, asked: Asked, paged: Paging) {
  const given = { workspace: ctx.workspace, ...asked };
  const listing = { table: "assets", index: indexOf(asked), given } as const;
  return counted(ctx, await rowsOf(ctx, listing, paged));
}

function indexOf(asked: Asked) {
  if (asked.status !== undefined) return "by_workspace_and_status_and_category_and_path";
  if (asked.type === undefined) {
    return asked.category === undefined
      ? "by_workspace_and_path"
      : "by_workspace_and_category_and_path";
  }
  return asked.category === undefined
    ? "by_workspace_and_type_and_path"
    : "by_workspace_and_category_and_type_and_path";
}

type Row = Doc<"assets"> & { id: string };

async function counted(ctx: QueryCtx, { rows, cursor }: { rows: Row[]; cursor: string | null }) {
  return { rows: await Promise.all(rows.map((row) => shown(ctx, row))), cursor };
}

/** The row with the downloads that its file does not tell yet, and without what only finds it. */
async function shown(ctx: QueryCtx, { searchText, ...row }: Row) {
  const sum = await pending(ctx, row.entry, "downloads");
  return sum === 0 ? row : { ...row, downloads: (row.downloads ?? 0) + sum };
}
