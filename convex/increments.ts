import { v } from "convex/values";
import { internalMutation } from "./_generated/server";
import { fold as foldInto } from "./model/increment";
import { editEntry } from "./model/write";

/** Adds to an entry's text what has gathered for it; see `model/increment.ts`. */
export const fold = internalMutation({
  args: { entry: v.id("entries") },
  returns: v.null(),
  handler: async (ctx, { entry: id }) => {
    const entry = await ctx.db.get("entries", id);
    if (entry === null || entry.deleted) return null;
    const writer = { ...ctx, workspace: entry.workspace, device: null };
    await foldInto(ctx, entry, (patch) => editEntry(writer, entry.path, entry, patch, {}));
    return null;
  },
});
