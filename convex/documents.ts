/** Everything that has no table of its own. */
import { v } from "convex/values";
import { appQuery } from "./model/authorized";
import { record, withRecord } from "./model/answer";
import { pageOf, paging } from "./model/page";
import schema from "./schema";

const document = schema.doc("documents");

/** The document at this path; of a records file, its envelope. */
export const get = appQuery({
  args: { store: v.string(), path: v.string() },
  returns: v.union(v.object({ ...document.fields, ...record }), v.null()),
  handler: async (ctx, { store, path }) => {
    const row = await ctx.db
      .query("documents")
      .withIndex("by_workspace_and_store_and_path_and_record", (q) =>
        q.eq("workspace", ctx.workspace).eq("store", store).eq("path", path),
      )
      .first();
    return withRecord(ctx, row);
  },
});

/** By path. */
export const list = appQuery({
  args: { store: v.optional(v.string()), ...paging },
  returns: v.object({ rows: v.array(document), cursor: v.union(v.string(), v.null()) }),
  handler: (ctx, { store, ...page }) => {
    const index =
      store === undefined ? "by_workspace_and_path" : "by_workspace_and_store_and_path_and_record";
    const given = { workspace: ctx.workspace, store };
    return pageOf(ctx, { table: "documents", index, given }, page);
  },
});
