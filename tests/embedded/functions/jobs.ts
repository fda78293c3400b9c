import {
  anyApi,
  internalActionGeneric as internalAction,
  internalMutationGeneric as internalMutation,
  mutationGeneric as mutation,
  queryGeneric as query,
} from "convex/server";
import { v } from "convex/values";

const own = anyApi["jobs"]!;

/** Adds a thing with the tag and the value, and throws after that where the value is "fail". */
export const run = internalMutation({
  args: { tag: v.string(), value: v.any() },
  returns: v.null(),
  handler: async (ctx, args) => {
    await ctx.db.insert("things", args);
    if (args.value === "fail") throw new Error("as asked");
    return null;
  },
});

export const act = internalAction({
  args: { tag: v.string(), value: v.any() },
  returns: v.null(),
  handler: async (ctx, args) => {
    await ctx.runMutation(own["run"]! as never, args as never);
    return null;
  },
});

/** Schedules `name` in so many ms, and throws after that if asked to. */
export const later = mutation({
  args: {
    name: v.string(),
    tag: v.string(),
    value: v.any(),
    after: v.number(),
    fails: v.optional(v.boolean()),
  },
  returns: v.string(),
  handler: async (ctx, { name, after, fails, ...args }) => {
    const id = await ctx.scheduler.runAfter(after, own[name]! as never, args as never);
    if (fails === true) throw new Error("after scheduling");
    return id;
  },
});

/** Schedules `run` at a time in ms, which may be past. */
export const at = mutation({
  args: { tag: v.string(), value: v.any(), time: v.number() },
  returns: v.string(),
  handler: (ctx, { time, ...args }) =>
    ctx.scheduler.runAt(time, own["run"]! as never, args as never),
});

/** Schedules what a text names. */
export const byPath = mutation({
  args: { path: v.string(), tag: v.string() },
  returns: v.string(),
  handler: (ctx, { path, tag }) => ctx.scheduler.runAfter(0, path as never, { tag } as never),
});

export const cancel = mutation({
  args: { job: v.id("_scheduled_functions") },
  returns: v.null(),
  handler: async (ctx, { job }) => {
    await ctx.scheduler.cancel(job);
    return null;
  },
});

export const state = query({
  args: { job: v.id("_scheduled_functions") },
  returns: v.any(),
  handler: async (ctx, { job }) => (await ctx.db.system.get(job))?.state ?? null,
});

export const done = query({
  args: { tag: v.string() },
  returns: v.array(v.any()),
  handler: async (ctx, { tag }) => {
    const things = await ctx.db
      .query("things")
      .withIndex("by_tag", (q) => q.eq("tag", tag))
      .collect();
    return things.map((thing) => thing["value"] as unknown);
  },
});
