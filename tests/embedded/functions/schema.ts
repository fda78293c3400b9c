import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

export default defineSchema({
  things: defineTable({ tag: v.string(), value: v.any(), more: v.optional(v.any()) })
    .index("by_tag", ["tag"])
    .index("by_tag_and_value", ["tag", "value"])
    .index("by_tag_and_nested", ["tag", "value.inner"]),
  stamps: defineTable({ name: v.string(), at: v.commitTs() }).index("by_at", ["at"]),
  pages: defineTable({
    tag: v.string(),
    text: v.string(),
    shelf: v.optional(v.string()),
    about: v.optional(v.object({ title: v.string() })),
  })
    .searchIndex("by_title", { searchField: "about.title", filterFields: ["tag"] })
    .searchIndex("by_words", { searchField: "text", filterFields: ["tag", "shelf"] }),
  links: defineTable({ thing: v.id("things"), note: v.union(v.literal("a"), v.null()) }),
  loose: defineTable(v.any()),
});
