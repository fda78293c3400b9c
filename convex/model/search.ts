/** Assets found by words in their names, descriptions, tags and contents. */
import type { Doc } from "../_generated/dataModel";
import type { QueryCtx } from "../_generated/server";
import { withId } from "./answer";
import { LIST_ROWS, SEARCHED_LENGTH, SEARCHED_ROWS } from "./limits";
import { trouble } from "./trouble";

/** `tags`: the asset has all of them. */
export type Asked = {
  query?: string;
  category?: string;
  type?: string;
  status?: string;
  tags?: string[];
  limit?: number;
};

/** As many words as the platform looks for. */
const WORDS = 16;

type Asset = Doc<"assets">;

/**
 * The first `limit` that match, of the first SEARCHED_ROWS that the words and the filters find, of
 * long ones fewer: tags are looked at afterwards, since an index of words can be filtered by single
 * values only.
 */
export async function foundAssets(ctx: QueryCtx, workspace: string, asked: Asked) {
  const { query = "", tags = [], limit = 50 } = asked;
  if (!Number.isInteger(limit) || limit < 1 || limit > LIST_ROWS) {
    throw trouble("invalid", `limit is a whole number from 1 to ${LIST_ROWS}`);
  }
  const words = (query.match(/[\p{L}\p{N}\p{M}]+/gu) ?? []).slice(0, WORDS).join(" ");
  const candidates = words ? byWords(ctx, workspace, words, asked) : byPath(ctx, workspace, asked);
  const found: Asset[] = [];
  let looked = 0;
  let length = 0;
  for await (const asset of candidates) {
    if (matches(asset, asked) && tags.every((tag) => asset.tags.includes(tag))) found.push(asset);
    looked += 1;
    length += lengthOf(asset);
    if (found.length === limit || looked === SEARCHED_ROWS || length >= SEARCHED_LENGTH) break;
  }
  return found.map(withId);
}

function byWords(ctx: QueryCtx, workspace: string, words: string, asked: Asked) {
  return ctx.db.query("assets").withSearchIndex("search_searchText", (q) => {
    let search = q.search("searchText", words).eq("workspace", workspace);
    for (const field of ["category", "type", "status"] as const) {
      const wanted = asked[field];
      if (wanted !== undefined) search = search.eq(field, wanted);
    }
    return search;
  });
}

function byPath(ctx: QueryCtx, workspace: string, { category }: Asked) {
  const assets = ctx.db.query("assets");
  if (category === undefined) {
    return assets.withIndex("by_workspace_and_path", (q) => q.eq("workspace", workspace));
  }
  return assets.withIndex("by_workspace_and_category_and_path", (q) =>
    q.eq("workspace", workspace).eq("category", category),
  );
}

/** UTF-16 units of all that a row holds. */
function lengthOf(asset: Asset): number {
  return JSON.stringify(asset).length;
}

function matches(asset: Asset, { category, type, status }: Asked): boolean {
  return (
    (category === undefined || asset.category === category) &&
    (type === undefined || asset.type === type) &&
    (status === undefined || asset.status === status)
  );
}
