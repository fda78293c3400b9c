/** Conflicts of the workspace, so that those see them whose versions lost. */
import { v } from "convex/values";
import { internalMutation, type QueryCtx } from "./_generated/server";
import type { Doc, Id } from "./_generated/dataModel";
import { deviceQuery } from "./model/authorized";
import { loserOf, loserUrl } from "./model/conflict";
import { pageOf, paging } from "./model/page";
import { forgetResolved } from "./model/resolved";
import schema from "./schema";

/** A conflict with the names of the device whose file won and of the one whose version lost. */
const row = v.object({
  ...schema.doc("conflicts").fields,
  deviceName: v.union(v.string(), v.null()),
  authorName: v.union(v.string(), v.null()),
});

/** Newest first, resolved ones too; `mine`: only those that the calling device lost. */
export const list = deviceQuery({
  args: { mine: v.optional(v.boolean()), ...paging },
  returns: v.object({ rows: v.array(row), cursor: v.union(v.string(), v.null()) }),
  handler: async (ctx, { mine, ...paged }) => {
    const { workspace, device } = ctx;
    const chosen = mine
      ? ({ index: "by_author", given: { author: device._id } } as const)
      : ({ index: "by_workspace", given: { workspace } } as const);
    const listing = { table: "conflicts", ...chosen, order: "desc" } as const;
    const { rows, cursor } = await pageOf(ctx, listing, paged);
    return { rows: await Promise.all(rows.map((found) => named(ctx, found))), cursor };
  },
});

/** One conflict with what lost: its text, or the URL that serves it; null for what nobody sent. */
export const get = deviceQuery({
  args: { conflict: v.id("conflicts") },
  returns: v.union(
    v.object({
      ...row.fields,
      text: v.union(v.string(), v.null()),
      url: v.union(v.string(), v.null()),
    }),
    v.null(),
  ),
  handler: async (ctx, { conflict }) => {
    const found = await ctx.db.get("conflicts", conflict);
    if (found === null || found.workspace !== ctx.workspace) return null;
    const [text, url] = [await loserOf(ctx, conflict), await loserUrl(ctx, found)];
    return { ...(await named(ctx, found)), text, url };
  },
});

/** Forgets conflicts that were resolved long ago, from `after` (ms) on. */
export const forget = internalMutation({
  args: { after: v.number() },
  returns: v.null(),
  handler: async (ctx, { after }) => {
    await forgetResolved(ctx, after);
    return null;
  },
});

async function named(ctx: QueryCtx, conflict: Doc<"conflicts">) {
  return {
    ...conflict,
    deviceName: await nameOf(ctx, conflict.device),
    authorName: conflict.author && (await nameOf(ctx, conflict.author)),
  };
}

async function nameOf(ctx: QueryCtx, device: Id<"devices">): Promise<string | null> {
  return (await ctx.db.get("devices", device))?.name ?? null;
}
