import {
  mutationGeneric as mutation,
  paginationOptsValidator,
  queryGeneric as query,
} from "convex/server";
import { ConvexError, v } from "convex/values";

const tag = v.string();
const id = v.id("things");

/** As the function meets it: where the value's keys stand is lost on the way back. */
export const textOf = query({
  args: { value: v.any() },
  returns: v.string(),
  handler: async (_, { value }) => JSON.stringify(value),
});

export const echo = query({
  args: { value: v.any() },
  returns: v.any(),
  handler: async (_ctx, { value }) => value,
});

export const insert = mutation({
  args: { tag, value: v.any() },
  returns: id,
  handler: async (ctx, args) => ctx.db.insert("things", args),
});

export const insertLoose = mutation({
  args: { document: v.any() },
  returns: v.id("loose"),
  handler: async (ctx, { document }) => ctx.db.insert("loose", document),
});

/** A document that nests arrays so deep, all levels counted. */
export const insertNested = mutation({
  args: { levels: v.number() },
  returns: v.null(),
  handler: async (ctx, { levels }) => {
    let value: unknown[] = [];
    for (let level = 2; level < levels; level += 1) value = [value];
    await ctx.db.insert("loose", { value });
    return null;
  },
});

export const insertMany = mutation({
  args: { tag, count: v.number(), size: v.number() },
  returns: v.null(),
  handler: async (ctx, { tag, count, size }) => {
    const value = "x".repeat(size);
    for (let at = 0; at < count; at += 1) await ctx.db.insert("things", { tag, value });
    return null;
  },
});

export const insertUnchecked = mutation({
  args: { table: v.string(), document: v.any() },
  returns: v.null(),
  handler: async (ctx, { table, document }) => {
    await ctx.db.insert(table, document);
    return null;
  },
});

export const patch = mutation({
  args: { id, fields: v.any(), drop: v.optional(v.string()) },
  returns: v.any(),
  handler: async (ctx, { id, fields, drop }) => {
    await ctx.db.patch(
      "things",
      id,
      drop === undefined ? fields : { ...fields, [drop]: undefined },
    );
    return ctx.db.get("things", id);
  },
});

export const replace = mutation({
  args: { id, document: v.any() },
  returns: v.any(),
  handler: async (ctx, { id, document }) => {
    await ctx.db.replace("things", id, document);
    return ctx.db.get("things", id);
  },
});

export const remove = mutation({
  args: { id },
  returns: v.null(),
  handler: async (ctx, { id }) => {
    await ctx.db.delete("things", id);
    return null;
  },
});

export const get = query({
  args: { id },
  returns: v.any(),
  handler: async (ctx, { id }) => ctx.db.get("things", id),
});

export const normalize = query({
  args: { table: v.string(), id: v.string() },
  returns: v.union(v.string(), v.null()),
  handler: async (ctx, { table, id }) => ctx.db.normalizeId(table, id),
});

/** Values of a tag between two bounds, in order. */
export const range = query({
  args: {
    tag,
    lower: v.optional(v.any()),
    upper: v.optional(v.any()),
    open: v.boolean(),
    order: v.union(v.literal("asc"), v.literal("desc")),
    limit: v.optional(v.number()),
  },
  returns: v.array(v.any()),
  handler: async (ctx, { tag, lower, upper, open, order, limit }) => {
    const found = ctx.db
      .query("things")
      .withIndex("by_tag_and_value", (q) => {
        const of = q.eq("tag", tag) as any;
        const from =
          lower === undefined ? of : open ? of.gt("value", lower) : of.gte("value", lower);
        return upper === undefined
          ? from
          : open
            ? from.lt("value", upper)
            : from.lte("value", upper);
      })
      .order(order);
    const things = limit === undefined ? await found.collect() : await found.take(limit);
    return things.map((thing) => thing.value);
  },
});

export const byNested = query({
  args: { tag, inner: v.any() },
  returns: v.number(),
  handler: async (ctx, { tag, inner }) =>
    (
      await ctx.db
        .query("things")
        .withIndex("by_tag_and_nested", (q: any) => q.eq("tag", tag).eq("value.inner", inner))
        .collect()
    ).length,
});

export const over = query({
  args: { tag, bound: v.number() },
  returns: v.array(v.any()),
  handler: async (ctx, { tag, bound }) =>
    (
      await ctx.db
        .query("things")
        .withIndex("by_tag", (q) => q.eq("tag", tag))
        .filter((q) =>
          q.and(q.gt(q.field("value"), bound), q.neq(q.field("value"), q.add(bound, 2))),
        )
        .collect()
    ).map((thing) => thing.value),
});

export const page = query({
  args: { tag, paginationOpts: paginationOptsValidator },
  returns: v.any(),
  handler: async (ctx, { tag, paginationOpts }) =>
    ctx.db
      .query("things")
      .withIndex("by_tag_and_value", (q) => q.eq("tag", tag))
      .paginate(paginationOpts),
});

export const count = query({
  args: { tag },
  returns: v.number(),
  handler: async (ctx, { tag }) =>
    (
      await ctx.db
        .query("things")
        .withIndex("by_tag", (q) => q.eq("tag", tag))
        .collect()
    ).length,
});

/** The first values of a tag, and a number that tells one execution from another. */
export const sample = query({
  args: { tag, limit: v.number() },
  returns: v.object({ values: v.array(v.any()), execution: v.number() }),
  handler: async (ctx, { tag, limit }) => {
    const things = await ctx.db
      .query("things")
      .withIndex("by_tag_and_value", (q) => q.eq("tag", tag))
      .take(limit);
    return { values: things.map((thing) => thing.value), execution: Math.random() };
  },
});

/** What a write in the middle of a stream does to the rest of it. */
export const rewriteWhileReading = mutation({
  args: { tag },
  returns: v.array(v.any()),
  handler: async (ctx, { tag }) => {
    const seen: unknown[] = [];
    for await (const thing of ctx.db.query("things").withIndex("by_tag", (q) => q.eq("tag", tag))) {
      seen.push(thing.value);
      const next = await ctx.db
        .query("things")
        .withIndex("by_tag_and_value", (q: any) => q.eq("tag", tag).gt("value", thing.value))
        .first();
      if (next !== null && seen.length === 1) await ctx.db.delete("things", next._id);
    }
    return seen;
  },
});

export const failAfterWriting = mutation({
  args: { tag, data: v.any() },
  returns: v.null(),
  handler: async (ctx, { tag, data }) => {
    await ctx.db.insert("things", { tag, value: 1 });
    throw new ConvexError(data);
  },
});

export const throwPlain = mutation({
  args: {},
  returns: v.null(),
  handler: async () => {
    throw new Error("plain trouble");
  },
});

export const stamp = mutation({
  args: { name: v.string() },
  returns: v.object({ at: v.commitTs(), readBack: v.string(), isLast: v.boolean() }),
  handler: async (ctx, { name }) => {
    const id = await ctx.db.insert("stamps", { name, at: ctx.db.vars.commitTs });
    const written = await ctx.db.get("stamps", id);
    const last = await ctx.db.query("stamps").withIndex("by_at").order("desc").first();
    return {
      at: ctx.db.vars.commitTs as any,
      readBack: String(written!.at),
      isLast: last!._id === id,
    };
  },
});

export const stamps = query({
  args: { after: v.int64() },
  returns: v.object({
    snapshot: v.int64(),
    found: v.array(v.object({ name: v.string(), at: v.int64() })),
  }),
  handler: async (ctx, { after }) => {
    const found = await ctx.db
      .query("stamps")
      .withIndex("by_at", (q: any) => q.gt("at", after))
      .collect();
    return {
      snapshot: ctx.meta.getSnapshotTs(),
      found: found.map(({ name, at }) => ({ name, at: at as bigint })),
    };
  },
});
