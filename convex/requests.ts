import { v } from "convex/values";
import { internal } from "./_generated/api";
import { internalMutation } from "./_generated/server";
import { sweepRequests } from "./model/request";

/** Forgets answers that are too old for their requests to be repeated. */
export const sweep = internalMutation({
  args: {},
  returns: v.null(),
  handler: async (ctx) => {
    if (await sweepRequests(ctx)) await ctx.scheduler.runAfter(0, internal.requests.sweep, {});
    return null;
  },
});
