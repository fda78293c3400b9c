import { v } from "convex/values";
import { internalMutation } from "./_generated/server";
import { rebuildRow } from "./model/row";

/** Makes an entry's row anew from its text. */
export const rebuild = internalMutation({
  args: { entry: v.id("entries") },
  returns: v.null(),
  handler: async (ctx, { entry }) => {
    await rebuildRow(ctx, entry);
    return null;
  },
});
