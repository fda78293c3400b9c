import { mutationGeneric as mutation, queryGeneric as query } from "convex/server";
import { v } from "convex/values";

const file = v.id("_storage");

export const uploadUrl = mutation({
  args: {},
  returns: v.string(),
  handler: (ctx) => ctx.storage.generateUploadUrl(),
});

export const url = query({
  args: { file },
  returns: v.union(v.string(), v.null()),
  handler: (ctx, args) => ctx.storage.getUrl(args.file),
});

export const metadata = query({
  args: { file },
  returns: v.any(),
  handler: (ctx, args) => ctx.storage.getMetadata(args.file),
});

export const get = query({
  args: { file },
  returns: v.any(),
  handler: (ctx, args) => ctx.db.system.get(args.file),
});

/** What was uploaded between two creation times, oldest first. */
export const between = query({
  args: { after: v.number(), before: v.number() },
  returns: v.array(v.string()),
  handler: async (ctx, { after, before }) => {
    const found = await ctx.db.system
      .query("_storage")
      .withIndex("by_creation_time", (q) =>
        q.gt("_creationTime", after).lt("_creationTime", before),
      )
      .take(5000);
    return found.map((each) => each._id);
  },
});

/** Deletes a file, and fails after that if asked to. */
export const remove = mutation({
  args: { file, fails: v.optional(v.boolean()) },
  returns: v.null(),
  handler: async (ctx, args) => {
    await ctx.storage.delete(args.file);
    if (args.fails === true) throw new Error("after the deletion");
    return null;
  },
});

/** What the platform must refuse. */
export const meddle = mutation({
  args: { file: v.string() },
  returns: v.null(),
  handler: async (ctx, args) => {
    await ctx.db.patch(args.file as never, { size: 0 } as never);
    return null;
  },
});

export const wrongReader = query({
  args: { file: v.string() },
  returns: v.any(),
  handler: (ctx, args) => ctx.db.get(args.file as never),
});
