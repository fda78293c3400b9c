/** Assets, as the files say them; an asset's category is the first folder of its path. */
import { v } from "convex/values";
import { appQuery } from "./model/authorized";
import { pageOf, paging, record, withRecord } from "./model/answer";
import schema from "./schema";

const asset = schema.doc("assets");

/** The asset with this id; of several, the one with the first path. */
export const get = appQuery({
  args: { id: v.string() },
  returns: v.union(v.object({ ...asset.fields, ...record }), v.null()),
  handler: async (ctx, { id }) => {
    const row = await ctx.db
      .query("assets")
      .withIndex("by_workspace_and_recordId_and_path", (q) =>
        q.eq("workspace", ctx.workspace).eq("recordId", id),
      )
      .first();
    return withRecord(ctx, row);
  },
});

/** By path. */
export const list = appQuery({
  args: { category: v.optional(v.string()), type: v.optional(v.string()), ...paging },
  returns: v.object({ rows: v.array(asset), cursor: v.union(v.string(), v.null()) }),
  handler: async (ctx, { category, type, ...page }) => {
    const { workspace } = ctx;
    const rows = ctx.db.query("assets");
    if (category !== undefined && type !== undefined) {
      const both = rows.withIndex("by_workspace_and_category_and_type_and_path", (q) =>
        q.eq("workspace", workspace).eq("category", category).eq("type", type),
      );
      return pageOf(both, page);
    }
    if (category !== undefined) {
      const ofCategory = rows.withIndex("by_workspace_and_category_and_path", (q) =>
        q.eq("workspace", workspace).eq("category", category),
      );
      return pageOf(ofCategory, page);
    }
    if (type !== undefined) {
      const ofType = rows.withIndex("by_workspace_and_type_and_path", (q) =>
        q.eq("workspace", workspace).eq("type", type),
      );
      return pageOf(ofType, page);
    }
    const all = rows.withIndex("by_workspace_and_path", (q) => q.eq("workspace", workspace));
    return pageOf(all, page);
  },
});
