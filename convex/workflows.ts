/** Workflows and their executions, as the files say them. */
import { v } from "convex/values";
import { appQuery } from "./model/authorized";
import { pageOf, paging, record, withRecord } from "./model/answer";
import schema from "./schema";

const workflow = schema.doc("workflows");
const execution = schema.doc("executions");
const cursor = v.union(v.string(), v.null());

/** The workflow with this id; of several, the one with the first path. */
export const get = appQuery({
  args: { id: v.string() },
  returns: v.union(v.object({ ...workflow.fields, ...record }), v.null()),
  handler: async (ctx, { id }) => {
    const row = await ctx.db
      .query("workflows")
      .withIndex("by_workspace_and_recordId_and_path", (q) =>
        q.eq("workspace", ctx.workspace).eq("recordId", id),
      )
      .first();
    return withRecord(ctx, row);
  },
});

/** By name if a status is given, else by path. */
export const list = appQuery({
  args: { status: v.optional(v.string()), name: v.optional(v.string()), ...paging },
  returns: v.object({ rows: v.array(workflow), cursor }),
  handler: async (ctx, { status, name, ...page }) => {
    const { workspace } = ctx;
    const rows = ctx.db.query("workflows");
    if (status !== undefined) {
      const ofStatus = rows.withIndex("by_workspace_and_status_and_name", (q) => {
        const range = q.eq("workspace", workspace).eq("status", status);
        return name === undefined ? range : range.eq("name", name);
      });
      return pageOf(ofStatus, page);
    }
    if (name !== undefined) {
      const named = rows.withIndex("by_workspace_and_name_and_path", (q) =>
        q.eq("workspace", workspace).eq("name", name),
      );
      return pageOf(named, page);
    }
    const all = rows.withIndex("by_workspace_and_path", (q) => q.eq("workspace", workspace));
    return pageOf(all, page);
  },
});

/** The execution with this id, which is its file's name. */
export const getExecution = appQuery({
  args: { executionId: v.string() },
  returns: v.union(v.object({ ...execution.fields, ...record }), v.null()),
  handler: async (ctx, { executionId }) => {
    const row = await ctx.db
      .query("executions")
      .withIndex("by_workspace_and_executionId_and_path", (q) =>
        q.eq("workspace", ctx.workspace).eq("executionId", executionId),
      )
      .first();
    return withRecord(ctx, row);
  },
});

/** The newest start first; executions without a known start come last. */
export const listExecutions = appQuery({
  args: { workflowId: v.optional(v.string()), status: v.optional(v.string()), ...paging },
  returns: v.object({ rows: v.array(execution), cursor }),
  handler: async (ctx, { workflowId, status, ...page }) => {
    const { workspace } = ctx;
    const rows = ctx.db.query("executions");
    if (workflowId !== undefined && status !== undefined) {
      const both = rows.withIndex("by_workspace_and_workflowId_and_status_and_startTime", (q) =>
        q.eq("workspace", workspace).eq("workflowId", workflowId).eq("status", status),
      );
      return pageOf(both.order("desc"), page);
    }
    if (workflowId !== undefined) {
      const ofWorkflow = rows.withIndex("by_workspace_and_workflowId_and_startTime", (q) =>
        q.eq("workspace", workspace).eq("workflowId", workflowId),
      );
      return pageOf(ofWorkflow.order("desc"), page);
    }
    if (status !== undefined) {
      const ofStatus = rows.withIndex("by_workspace_and_status_and_startTime", (q) =>
        q.eq("workspace", workspace).eq("status", status),
      );
      return pageOf(ofStatus.order("desc"), page);
    }
    const all = rows.withIndex("by_workspace_and_startTime", (q) => q.eq("workspace", workspace));
    return pageOf(all.order("desc"), page);
  },
});
