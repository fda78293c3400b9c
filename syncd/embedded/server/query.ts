/**
 * Database queries: a range of an index, in order, through a chain of filters and limits.
 *
 * What is recorded as read is what was looked at: a query that stops early depends on nothing
 * beyond its last document, so a later insert there wakes no subscriber.
 */
import { after, encodeKey, justAfter } from "./keys.ts";
import { Refusal } from "./failure.ts";
import { LIMITS } from "./limits.ts";
import { passes } from "./filter.ts";
import {
  BY_CREATION_TIME,
  type Entry,
  type Index,
  type KeyRange,
  type Order,
  type Row,
  type Table,
} from "./catalog.ts";
import type { Encoded, EncodedObject } from "./values.ts";
import type { ReadRange, Transaction } from "./transaction.ts";
import type { SearchExpression } from "./search.ts";

export interface RangeExpression {
  type: "Eq" | "Gt" | "Gte" | "Lt" | "Lte";
  fieldPath: string;
  value: Encoded;
}

export type Operator = { filter: Encoded } | { limit: number };

/** A query as npm `convex` serialises it. */
export interface SerializedQuery {
  source:
    | { type: "FullTableScan"; tableName: string; order: Order | null }
    | { type: "IndexRange"; indexName: string; range: RangeExpression[]; order: Order | null }
    | { type: "Search"; indexName: string; filters: SearchExpression[] };
  operators: Operator[];
}

/** A query of a range of an index. */
export interface RangeQuery {
  source: Exclude<SerializedQuery["source"], { type: "Search" }>;
  operators: Operator[];
}

const END = Buffer.of(0xff);
const FIRST_BATCH = 8;
const LARGEST_BATCH = 256;
const BATCH_BYTES = 1 << 20;

/** A query's chain of filters and limits. */
export class Operators {
  readonly #chain: { step: Operator; passed: number }[];

  constructor(steps: readonly Operator[]) {
    this.#chain = steps.map((step) => ({ step, passed: 0 }));
  }

  /** Whether nothing more can pass. */
  get isDone(): boolean {
    return this.#chain.some(({ step, passed }) => "limit" in step && passed >= step.limit);
  }

  /** How many more documents are wanted at most; unknown where some are filtered out. */
  get wanted(): number {
    if (this.#chain.some(({ step }) => "filter" in step)) return Infinity;
    const left = this.#chain.map(({ step, passed }) =>
      "limit" in step ? step.limit - passed : Infinity,
    );
    return Math.min(Infinity, ...left);
  }

  passes(row: Row): boolean {
    let document: EncodedObject | undefined;
    for (const operator of this.#chain) {
      if ("filter" in operator.step) {
        document ??= JSON.parse(row.json) as EncodedObject;
        if (!passes(operator.step.filter, document)) return false;
      }
      operator.passed += 1;
    }
    return true;
  }
}

/** The documents of a query, one by one, as JSON text. */
export class Stream {
  readonly order: Order;
  readonly #tx: Transaction;
  readonly #index: Index;
  readonly #range: KeyRange;
  readonly #operators: Operators;
  readonly #read: ReadRange;
  #batch: Entry[] = [];
  #next = 0;
  #seen = 0;
  #seenBytes = 0;
  #version: number;
  #exhausted = false;

  /**
   * `from` and `to` narrow the range to what lies after one key and up to another, in the query's
   * order.
   */
  constructor(tx: Transaction, query: RangeQuery, from?: Uint8Array, to?: Uint8Array) {
    const { index, range, order } = locate(tx, query);
    this.order = order;
    this.#tx = tx;
    this.#index = index;
    this.#range = narrow(range, order, from, to);
    this.#operators = new Operators(query.operators);
    const start = order === "asc" ? this.#range.low : this.#range.high;
    this.#read = { index, low: start, high: start };
    this.#version = tx.version;
    tx.reads.push(this.#read);
    tx.meter.countRange();
  }

  /** How many documents were looked at, and their bytes. */
  get seen(): { rows: number; bytes: number } {
    return { rows: this.#seen, bytes: this.#seenBytes };
  }

  /** The next document that passes, or null at the end. */
  next(): Entry | null {
    while (!this.#operators.isDone) {
      const entry = this.#advance();
      if (entry === null) return null;
      if (this.#operators.passes(entry)) return entry;
    }
    return null;
  }

  #advance(): Entry | null {
    if (this.#next === this.#batch.length || this.#version !== this.#tx.version) this.#fetch();
    const entry = this.#batch[this.#next];
    if (entry === undefined) {
      this.#read.low = this.#range.low;
      this.#read.high = this.#range.high;
      return null;
    }
    this.#next += 1;
    this.#seen += 1;
    this.#seenBytes += entry.size;
    this.#tx.meter.countRead(entry.size);
    if (this.order === "asc") this.#read.high = justAfter(entry.key);
    else this.#read.low = entry.key;
    return entry;
  }

  /**
   * Reads on from the last document that was used; what was read ahead is dropped once something is
   * written.
   */
  #fetch(): void {
    const stale = this.#version !== this.#tx.version;
    this.#version = this.#tx.version;
    if (this.#exhausted && !stale) return;
    const rest =
      this.order === "asc"
        ? { low: this.#read.high, high: this.#range.high }
        : { low: this.#range.low, high: this.#read.low };
    const size = this.#batchSize();
    this.#batch = this.#tx.scan(this.#index, rest, this.order, size);
    this.#next = 0;
    this.#exhausted = this.#batch.length < size;
  }

  #batchSize(): number {
    const average =
      this.#seen === 0 ? BATCH_BYTES / FIRST_BATCH : Math.max(1, this.#seenBytes / this.#seen);
    const affordable = Math.min(LARGEST_BATCH, Math.max(1, Math.floor(BATCH_BYTES / average)));
    return Math.min(affordable, this.#operators.wanted);
  }
}

function locate(
  tx: Transaction,
  query: RangeQuery,
): { index: Index; range: KeyRange; order: Order } {
  const { source, operators } = query;
  if (operators.length > LIMITS.queryOperators)
    throw new Refusal(
      "TooManyOperators",
      `A query has more than ${LIMITS.queryOperators} operators.`,
    );
  const order = source.order ?? "asc";
  if (source.type === "FullTableScan") {
    const index = indexNamed(tx, source.tableName, BY_CREATION_TIME);
    return { index, range: rangeOf(index, []), order };
  }
  const dot = source.indexName.indexOf(".");
  const index = indexNamed(tx, source.indexName.slice(0, dot), source.indexName.slice(dot + 1));
  return { index, range: rangeOf(index, source.range), order };
}

function indexNamed(tx: Transaction, tableName: string, indexName: string): Index {
  const table: Table | undefined = tx.store.tables.get(tableName);
  const index = table?.indexes.get(indexName);
  if (index === undefined)
    throw new Refusal("IndexNotFoundError", `Index ${tableName}.${indexName} not found.`);
  return index;
}

/**
 * The keys of an index range: equal to a prefix of its fields, then at most one bound a side on the
 * next.
 */
export function rangeOf(index: Index, expressions: readonly RangeExpression[]): KeyRange {
  const equal = expressions.findIndex((each) => each.type !== "Eq");
  const prefix = equal === -1 ? expressions : expressions.slice(0, equal);
  const bounds = equal === -1 ? [] : expressions.slice(equal);
  const fields = [
    ...prefix.map((each) => each.fieldPath),
    ...new Set(bounds.map((each) => each.fieldPath)),
  ];
  const lower = bounds.filter((each) => each.type === "Gt" || each.type === "Gte");
  const upper = bounds.filter((each) => each.type === "Lt" || each.type === "Lte");
  if (
    fields.some((field, at) => field !== index.fields[at]) ||
    bounds.some((each) => each.type === "Eq")
  )
    throw badRange(index);
  if (lower.length > 1 || upper.length > 1) throw badRange(index);
  const values = prefix.map((each) => each.value);
  return { low: lowOf(values, lower[0]), high: highOf(values, upper[0]) };
}

function lowOf(values: Encoded[], bound: RangeExpression | undefined): Buffer {
  if (bound === undefined) return encodeKey(values);
  const key = encodeKey([...values, bound.value]);
  return bound.type === "Gt" ? after(key) : key;
}

function highOf(values: Encoded[], bound: RangeExpression | undefined): Buffer {
  if (bound !== undefined) {
    const key = encodeKey([...values, bound.value]);
    return bound.type === "Lte" ? after(key) : key;
  }
  return values.length === 0 ? END : after(encodeKey(values));
}

function badRange(index: Index): Refusal {
  return new Refusal(
    "InvalidIndexRange",
    `A range of index ${index.name} must be equalities on its first fields in order, then at most` +
      ` one lower and one upper bound on the next. Its fields: ${index.fields.join(", ")}.`,
  );
}

function narrow(range: KeyRange, order: Order, from?: Uint8Array, to?: Uint8Array): KeyRange {
  const first = order === "asc" ? from && justAfter(from) : to;
  const last = order === "asc" ? to && justAfter(to) : from;
  return { low: first ?? range.low, high: last ?? range.high };
}
