/** Files of lines that only grow. */
import { v } from "convex/values";
import { internalMutation } from "./_generated/server";
import { appQuery, deviceMutation, deviceQuery } from "./model/authorized";
import { expireLines } from "./model/expire";
import * as logs from "./model/log";
import { pageOf, paging } from "./model/page";
import schema from "./schema";
import { append as one, appendResult, listedLog } from "./validators";

const cursor = v.union(v.string(), v.null());

/** Adds lines to logs of the calling device; one answer an append, in their order. */
export const append = deviceMutation("write", {
  args: { appends: v.array(one) },
  returns: v.object({ results: v.array(appendResult) }),
  handler: async (ctx, { appends }) => ({ results: await logs.append(ctx, appends) }),
});

/** How far the calling device's logs of a store go; page on with `next` as `after`. */
export const tails = deviceQuery({
  args: { store: v.string(), after: v.union(v.string(), v.null()) },
  returns: v.object({ logs: v.array(listedLog), next: v.union(v.string(), v.null()) }),
  handler: (ctx, { store, after }) => logs.tailsAfter(ctx, store, after),
});

/** Logs of all devices, by path. */
export const list = appQuery({
  args: { store: v.string(), path: v.optional(v.string()), ...paging },
  returns: v.object({ rows: v.array(schema.doc("logs")), cursor }),
  handler: (ctx, { store, path, ...page }) => {
    const index = "by_workspace_and_store_and_path";
    const given = { workspace: ctx.workspace, store, path };
    return pageOf(ctx, { table: "logs", index, given }, page);
  },
});

/** The lines of a log that are no samples, in their order. */
export const lines = appQuery({
  args: { log: v.id("logs"), ...paging },
  returns: v.object({ rows: v.array(schema.doc("lines")), cursor }),
  handler: async (ctx, { log, ...page }) => {
    const found = await ctx.db.get("logs", log);
    if (found?.workspace !== ctx.workspace) return { rows: [], cursor: null };
    return pageOf(ctx, { table: "lines", index: "by_log_and_number", given: { log } }, page);
  },
});

/** Deletes lines that are older than the deployment's environment says. */
export const expire = internalMutation({
  args: { table: v.union(v.literal("metrics"), v.literal("lines")), after: v.number() },
  returns: v.null(),
  handler: async (ctx, { table, after }) => {
    await expireLines(ctx, table, after);
    return null;
  },
});
