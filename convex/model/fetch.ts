import type { QueryCtx } from "../_generated/server";
import type { Change, Key } from "../validators";
import { readText } from "./content";
import { changeOf, findEntry } from "./entry";
import { PAGE_BYTES, PAGE_ROWS } from "./limits";

/**
 * The entries of the first keys that fit in a response, at least one; null for a key that never
 * existed. Here a live entry always has its text.
 */
export async function fetchEntries(
  ctx: QueryCtx,
  workspace: string,
  keys: Key[],
): Promise<(Change | null)[]> {
  const entries: (Change | null)[] = [];
  let bytes = 0;
  for (const key of keys.slice(0, PAGE_ROWS)) {
    const entry = await findEntry(ctx, workspace, key);
    bytes += entry?.size ?? 0;
    if (entries.length > 0 && bytes > PAGE_BYTES) break;
    const live = entry !== null && !entry.deleted;
    entries.push(entry && changeOf(entry, live ? await readText(ctx, entry) : null));
  }
  return entries;
}
