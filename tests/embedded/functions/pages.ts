import {
  mutationGeneric as mutation,
  paginationOptsValidator,
  queryGeneric as query,
} from "convex/server";
import { v } from "convex/values";

const page = {
  tag: v.string(),
  text: v.string(),
  shelf: v.optional(v.string()),
  about: v.optional(v.object({ title: v.string() })),
};

export const insert = mutation({
  args: page,
  returns: v.id("pages"),
  handler: async (ctx, page) => ctx.db.insert("pages", page),
});

export const rewrite = mutation({
  args: { id: v.id("pages"), text: v.union(v.string(), v.null()), fails: v.optional(v.boolean()) },
  returns: v.null(),
  handler: async (ctx, { id, text, fails }) => {
    if (text === null) await ctx.db.delete("pages", id);
    else await ctx.db.patch("pages", id, { text });
    if (fails === true) throw new Error("undo this");
    return null;
  },
});

/** The texts that are found, in the order of the search. */
export const search = query({
  args: {
    tag: v.string(),
    words: v.string(),
    shelf: v.optional(v.string()),
    limit: v.optional(v.number()),
  },
  returns: v.array(v.string()),
  handler: async (ctx, { tag, words, shelf, limit }) => {
    const found = await ctx.db
      .query("pages")
      .withSearchIndex("by_words", (q) => {
        const search = q.search("text", words).eq("tag", tag);
        return shelf === undefined ? search : search.eq("shelf", shelf);
      })
      .take(limit ?? 2000);
    return found.map(({ text }) => text as string);
  },
});

/** The texts of the pages whose nested title is found. */
export const searchTitle = query({
  args: { tag: v.string(), words: v.string() },
  returns: v.array(v.string()),
  handler: async (ctx, { tag, words }) => {
    const found = await ctx.db
      .query("pages")
      .withSearchIndex("by_title", (q) => q.search("about.title", words).eq("tag", tag))
      .take(10);
    return found.map(({ text }) => text as string);
  },
});

/** A page of the texts that are found. */
export const searchPage = query({
  args: {
    tag: v.string(),
    words: v.string(),
    without: v.optional(v.string()),
    paginationOpts: paginationOptsValidator,
  },
  returns: v.any(),
  handler: async (ctx, { tag, words, without, paginationOpts }) => {
    const found = await ctx.db
      .query("pages")
      .withSearchIndex("by_words", (q) => q.search("text", words).eq("tag", tag))
      .filter((q) => q.neq(q.field("text"), without ?? ""))
      .paginate(paginationOpts);
    return { ...found, page: found.page.map(({ text }) => text as string) };
  },
});
