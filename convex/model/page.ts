/**
 * Pages of the lists of the app plane, each a range of an index.
 *
 * Not by the platform's `paginate`: where a query is subscribed to, that ends each later run where the
 * first one ended. A list of the newest five would grow with every one that comes, one that began
 * empty would hold all there ever is, and rows beyond what a page may read would be passed over.
 * See https://docs.convex.dev/database/pagination
 */
import type { IndexNames, IndexRange, NamedTableInfo } from "convex/server";
import { getConvexSize, v } from "convex/values";
import type { DataModel, Doc, TableNames } from "../_generated/dataModel";
import type { QueryCtx } from "../_generated/server";
import { LIST_ROWS, PAGE_BYTES } from "./limits";
import { trouble } from "./trouble";

/** Arguments of every list; `cursor` is the one of the page before. */
export const paging = {
  limit: v.optional(v.number()),
  cursor: v.optional(v.union(v.string(), v.null())),
};
export type Paging = { limit?: number; cursor?: string | null };

/** What is listed, in the order of an index. */
export type Listing<Table extends TableNames> = {
  table: Table;
  /** Its name lists its fields. */
  index: IndexNames<NamedTableInfo<DataModel, NoInfer<Table>>> & `by_${string}`;
  /** What the first fields of the index are; one that is undefined may be anything. */
  given: Partial<Doc<NoInfer<Table>>>;
  order?: "asc" | "desc";
  /** Bounds of the field behind these; both belong to the range. */
  from?: number;
  to?: number;
};

export type Page<Row> = { rows: Row[]; cursor: string | null };

/** A value of an index field. */
type Value = string | number | undefined;
type Fields = Record<string, Value>;

/** Where a row stands in its list: its fields behind the given ones. */
type Place = Value[];

/** As many rows as may be read before anyone looks how long they are. */
const FEW_ROWS = 30;
/** As many rows as may stand at one place: made in the same instant, and equal in the index. */
const AT_ONE_PLACE = 3;

/**
 * One page, shorter where its rows are long; `cursor` is null after the last. It tells the list and
 * where the last row stood: that the row moves or goes, or that functions are deployed, does not
 * matter to it.
 */
export async function pageOf<Table extends TableNames>(
  { db }: QueryCtx,
  listing: Listing<Table>,
  { limit = 50, cursor = null }: Paging,
  bytes = PAGE_BYTES,
): Promise<Page<Doc<Table>>> {
  if (!Number.isInteger(limit) || limit < 1 || limit > LIST_ROWS) {
    throw trouble("invalid", `limit is a whole number from 1 to ${LIST_ROWS}`);
  }
  const { table, index, order = "asc" } = listing;
  const list = new List(listing);
  const rows: Doc<Table>[] = [];
  let size = 0;
  let last = "";
  for (const range of list.rangesAfter(list.placeIn(cursor))) {
    const found = db.query(table).withIndex(index, range).order(order);
    // Whoever iterates depends on a hundred rows that are read ahead: few rows are taken at once.
    const isShort = limit <= FEW_ROWS;
    for await (const row of isShort ? await found.take(limit + AT_ONE_PLACE) : found) {
      const next = list.cursorAt(row as Fields);
      // Rows that stand at one place, made in the same instant, are told together.
      if ((rows.length >= limit || size >= bytes) && next !== last) return { rows, cursor: last };
      rows.push(row);
      size += getConvexSize(row);
      last = next;
    }
  }
  return { rows, cursor: null };
}

/** The builder of index ranges, for fields that are known when it runs. */
type Builder = IndexRange & Record<"eq" | Bound, (field: string, value: Value) => Builder>;
type Bound = "gt" | "gte" | "lt" | "lte";
type Range = (rows: object) => IndexRange;

/** The fields of a list, and its places. */
class List {
  readonly #given: [string, Value][];
  readonly #rest: string[];
  readonly #name: string;

  constructor(private readonly listing: Listing<TableNames>) {
    const { index, order = "asc", from, to } = listing;
    const given = listing.given as Fields;
    const fields = index.slice("by_".length).split("_and_");
    const free = fields.findIndex((field) => given[field] === undefined);
    const known = free === -1 ? fields : fields.slice(0, free);
    this.#given = known.map((field) => [field, given[field]]);
    this.#rest = [...fields.slice(known.length), "_creationTime"];
    this.#name = JSON.stringify([index, order, from, to, this.#given]);
    const told = Object.keys(given).filter((field) => given[field] !== undefined);
    if (told.length > known.length) throw new Error(`${index} does not begin with ${told.join()}`);
  }

  cursorAt(row: Fields): string {
    const place = this.#rest.map((field) => row[field]);
    return JSON.stringify([this.#name, ...place]);
  }

  /** Throws `invalid` for a cursor of another list, and for a text that is none. */
  placeIn(cursor: string | null): Place | null {
    if (cursor === null) return null;
    const [name, ...place] = parsed(cursor);
    if (name !== this.#name || place.length !== this.#rest.length || !place.every(isValue)) {
      const detail = "cursor is not one that this list answered, or was with other arguments";
      throw trouble("invalid", `${detail}: begin without one`);
    }
    return place.map((value) => value ?? undefined);
  }

  /** Ranges that bound one field each: first the one in which most are equal to those of the place. */
  rangesAfter(place: Place | null): Range[] {
    if (place === null) return [this.#range([], [])];
    return place.map((_, at) => this.#range(place.slice(0, -1 - at), [place.at(-1 - at)]));
  }

  /** What has `equal` in its first fields and, where `after` holds one, lies behind that value. */
  #range(equal: Place, after: [] | [Value]): Range {
    const { order, from, to } = this.listing;
    const isDown = order === "desc";
    const same = equal.map((value, at) => [this.#rest[at] ?? "", value] as const);
    const field = this.#rest[equal.length] ?? "";
    const bounds = after.map((value): [Bound, Value] => [isDown ? "lt" : "gt", value]);
    if (equal.length === 0) {
      if (from !== undefined && (isDown || after.length === 0)) bounds.push(["gte", from]);
      if (to !== undefined && (!isDown || after.length === 0)) bounds.push(["lte", to]);
    }
    return (rows) => {
      let range = rows as Builder;
      for (const [name, value] of [...this.#given, ...same]) range = range.eq(name, value);
      for (const [bound, value] of bounds) range = range[bound](field, value);
      return range;
    };
  }
}

function parsed(cursor: string): unknown[] {
  try {
    const value: unknown = JSON.parse(cursor);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

/** JSON has null for undefined. */
function isValue(value: unknown): value is string | number | null {
  return value === null || typeof value === "string" || typeof value === "number";
}
