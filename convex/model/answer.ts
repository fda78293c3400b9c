/** The answers of the app plane: rows with their ids, and one row with its record. */
import { v } from "convex/values";
import type { Doc } from "../_generated/dataModel";
import type { QueryCtx } from "../_generated/server";
import { urlOf } from "./blob";
import { readText } from "./content";
import { isObject } from "./fields";
import type { IdTable } from "./found";
import { pageOf, type Listing, type Paging } from "./page";
import type { RowTable } from "./project";
import { valueOf } from "./value";

/** What `get` adds to a row: see `valueOf`. Content in file storage has a URL and no text. */
export const record = {
  text: v.union(v.string(), v.null()),
  url: v.union(v.string(), v.null()),
  value: v.any(),
  valueFlag: v.union(v.string(), v.null()),
};

type IdRow = Doc<IdTable>;

/** One page of rows, each with its record's id. */
export async function rowsOf<Table extends IdTable>(
  ctx: QueryCtx,
  listing: Listing<Table>,
  paged: Paging,
) {
  const { rows, cursor } = await pageOf(ctx, listing, paged);
  // The compiler does not know that each of these tables has rows with an id.
  const told = rows.map((row) => withId(row as unknown as IdRow)) as unknown;
  return { rows: told as (Doc<Table> & { id: string })[], cursor };
}

/** The row with its record's id, under one name for all tables. */
export function withId<Row extends IdRow>(row: Row): Row & { id: string } {
  return { ...row, id: "executionId" in row ? row.executionId : row.recordId };
}

/**
 * The row with the whole record, parsed from the entry's text; null without a row. `names` are
 * fields of the record that have no column, and are repeated beside the columns.
 */
export async function withRecord<
  Row extends Pick<Doc<RowTable>, "entry">,
  Name extends string = never,
>(ctx: QueryCtx, row: Row | null, names: readonly Name[] = []) {
  const entry = row && (await ctx.db.get("entries", row.entry));
  if (row === null || entry === null) return null;
  const url = entry.blob === undefined ? null : await urlOf(ctx, entry.blob);
  const text = await readText(ctx, entry);
  if (text === null) return { ...row, text, url, value: null, valueFlag: "stored" };
  const { value, flag } = valueOf(entry.format, text);
  return { ...picked(value, names), ...row, text, url, value, valueFlag: flag };
}

function picked<Name extends string>(value: unknown, names: readonly Name[]) {
  const fields = isObject(value) ? value : {};
  const there = names.filter((name) => Object.hasOwn(fields, name));
  return Object.fromEntries(there.map((name) => [name, fields[name]])) as { [N in Name]?: unknown };
}
