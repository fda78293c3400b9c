/** The answers of the app plane: one page of rows, and one row with its record. */
import type { PaginationOptions, PaginationResult } from "convex/server";
import { v } from "convex/values";
import type { Doc } from "../_generated/dataModel";
import type { QueryCtx } from "../_generated/server";
import { urlOf } from "./blob";
import { readText } from "./content";
import { isObject } from "./fields";
import { LIST_ROWS, PAGE_BYTES } from "./limits";
import type { RowTable } from "./project";
import { trouble } from "./trouble";
import { valueOf } from "./value";

/** Arguments of every list; `cursor` is the one of the page before. */
export const paging = {
  limit: v.optional(v.number()),
  cursor: v.optional(v.union(v.string(), v.null())),
};
type Paging = { limit?: number; cursor?: string | null };

/** What `get` adds to a row: see `valueOf`. Content in file storage has a URL and no text. */
export const record = {
  text: v.union(v.string(), v.null()),
  url: v.union(v.string(), v.null()),
  value: v.any(),
  valueFlag: v.union(v.string(), v.null()),
};

type IdRow = Doc<"workflows" | "executions" | "assets" | "deployments">;

type Pages<Row> = { paginate: (options: PaginationOptions) => Promise<PaginationResult<Row>> };

/**
 * One page in the order of the index, shorter where its rows are long; `cursor` is null after the
 * last.
 */
export async function pageOf<Row>(
  rows: Pages<Row>,
  { limit = 50, cursor = null }: Paging,
  maximumBytesRead = PAGE_BYTES,
) {
  if (!Number.isInteger(limit) || limit < 1 || limit > LIST_ROWS) {
    throw trouble("invalid", `limit is a whole number from 1 to ${LIST_ROWS}`);
  }
  const bounds = { numItems: limit, maximumBytesRead };
  const { page, isDone, continueCursor } = await rows.paginate({ ...bounds, cursor });
  return { rows: page, cursor: isDone ? null : continueCursor };
}

/** One page of rows, each with its record's id. */
export async function rowsOf<Row extends IdRow>(rows: Pages<Row>, paged: Paging) {
  const page = await pageOf(rows, paged);
  return { ...page, rows: page.rows.map(withId) };
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
