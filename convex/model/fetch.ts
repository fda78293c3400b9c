import type { QueryCtx } from "../_generated/server";
import type { Fetched, Key } from "../validators";
import { urlOf } from "./blob";
import { readText } from "./content";
import { changeOf, findEntry, type Entry } from "./entry";
import { PAGE_ROWS } from "./limits";

/**
 * The entries of the first keys that have up to `most` bytes of text, at least one; null for a key
 * that never existed. Here a live entry always has its content: its text, or its URL.
 */
export async function fetchEntries(
  ctx: QueryCtx,
  workspace: string,
  keys: Key[],
  most: number,
): Promise<(Fetched | null)[]> {
  const entries: (Fetched | null)[] = [];
  let bytes = 0;
  for (const key of keys.slice(0, PAGE_ROWS)) {
    const entry = await findEntry(ctx, workspace, key);
    bytes += entry === null || entry.blob !== undefined ? 0 : entry.size;
    if (entries.length > 0 && bytes > most) break;
    entries.push(entry && (await withContent(ctx, entry)));
  }
  return entries;
}

async function withContent(ctx: QueryCtx, entry: Entry): Promise<Fetched> {
  const text = entry.deleted ? null : await readText(ctx, entry);
  const url = entry.blob === undefined ? null : await urlOf(ctx, entry.blob);
  return { ...changeOf(entry, text), url };
}
