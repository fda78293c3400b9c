import { v } from "convex/values";
import { internalMutation } from "./_generated/server";
import { reapAfter } from "./model/reap";

/** Reaps tombstones that every device has passed, in the workspaces behind `after`. */
export const reap = internalMutation({
  args: { after: v.string() },
  returns: v.null(),
  handler: async (ctx, { after }) => {
    await reapAfter(ctx, after);
    return null;
  },
});
