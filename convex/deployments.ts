/** Deployments: each a record of a records file, as the file says it. */
import { v } from "convex/values";
import { appQuery } from "./model/authorized";
import { pageOf, paging, record, withRecord } from "./model/answer";
import schema from "./schema";

const deployment = schema.doc("deployments");
const page = v.object({ rows: v.array(deployment), cursor: v.union(v.string(), v.null()) });
const whole = v.union(v.object({ ...deployment.fields, ...record }), v.null());

/** The deployment with this id; of several, the one with the first path. */
export const get = appQuery({
  args: { id: v.string() },
  returns: whole,
  handler: async (ctx, { id }) => {
    const row = await ctx.db
      .query("deployments")
      .withIndex("by_workspace_and_recordId_and_path", (q) =>
        q.eq("workspace", ctx.workspace).eq("recordId", id),
      )
      .first();
    return withRecord(ctx, row);
  },
});

/** The newest start first; deployments without a known start come last. */
export const list = appQuery({
  args: { siteId: v.optional(v.string()), status: v.optional(v.string()), ...paging },
  returns: page,
  handler: async (ctx, { siteId, status, ...paged }) => {
    const { workspace } = ctx;
    const rows = ctx.db.query("deployments");
    if (siteId !== undefined && status !== undefined) {
      const both = rows.withIndex("by_workspace_and_siteId_and_status_and_startedAt", (q) =>
        q.eq("workspace", workspace).eq("siteId", siteId).eq("status", status),
      );
      return pageOf(both.order("desc"), paged);
    }
    if (siteId !== undefined) {
      const ofSite = rows.withIndex("by_workspace_and_siteId_and_startedAt", (q) =>
        q.eq("workspace", workspace).eq("siteId", siteId),
      );
      return pageOf(ofSite.order("desc"), paged);
    }
    if (status !== undefined) {
      const ofStatus = rows.withIndex("by_workspace_and_status_and_startedAt", (q) =>
        q.eq("workspace", workspace).eq("status", status),
      );
      return pageOf(ofStatus.order("desc"), paged);
    }
    const all = rows.withIndex("by_workspace_and_startedAt", (q) => q.eq("workspace", workspace));
    return pageOf(all.order("desc"), paged);
  },
});

/** The newest start of a site first. */
export const getBySite = appQuery({
  args: { siteId: v.string(), ...paging },
  returns: page,
  handler: async (ctx, { siteId, ...paged }) => {
    const ofSite = ctx.db
      .query("deployments")
      .withIndex("by_workspace_and_siteId_and_startedAt", (q) =>
        q.eq("workspace", ctx.workspace).eq("siteId", siteId),
      );
    return pageOf(ofSite.order("desc"), paged);
  },
});

/** The deployment of a site that started last; null if it has none. */
export const getLatest = appQuery({
  args: { siteId: v.string() },
  returns: whole,
  handler: async (ctx, { siteId }) => {
    const latest = await ctx.db
      .query("deployments")
      .withIndex("by_workspace_and_siteId_and_startedAt", (q) =>
        q.eq("workspace", ctx.workspace).eq("siteId", siteId),
      )
      .order("desc")
      .first();
    return withRecord(ctx, latest);
  },
});

/** The newest start with this status first. */
export const getByStatus = appQuery({
  args: { status: v.string(), ...paging },
  returns: page,
  handler: async (ctx, { status, ...paged }) => {
    const ofStatus = ctx.db
      .query("deployments")
      .withIndex("by_workspace_and_status_and_startedAt", (q) =>
        q.eq("workspace", ctx.workspace).eq("status", status),
      );
    return pageOf(ofStatus.order("desc"), paged);
  },
});
