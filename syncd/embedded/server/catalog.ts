/**
 * The tables and indexes of one deployment as SQLite holds them, and their prepared statements.
 *
 * A Convex table is an SQLite table `documents_<number>` keyed by row number, with each document's
 * size and its JSON text. An index of the schema is an SQLite table `index_<number>` from key to
 * row. Keys end with the creation time, which no two documents share, so they are unique and ties
 * are in that order. The built-in `by_creation_time` is in `creation`.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { encodeKey, fieldAt } from "./keys.ts";
import type { EncodedObject } from "./values.ts";
import type { SearchIndex } from "./search.ts";
import type { Validator } from "./validate.ts";

/** A document as stored: row number, size by the platform's formula, encoded JSON text. */
export interface Row {
  rid: number;
  size: number;
  json: string;
}

/** A document found through an index. */
export interface Entry extends Row {
  key: Uint8Array;
}

/** The keys from `low` on, up to but without `high`. */
export interface KeyRange {
  low: Uint8Array;
  high: Uint8Array;
}

export type Order = "asc" | "desc";

export const BY_CREATION_TIME = "by_creation_time";

/** Whether a key lies in a range. */
export function covers({ low, high }: KeyRange, key: Uint8Array): boolean {
  return Buffer.compare(low, key) <= 0 && Buffer.compare(key, high) < 0;
}

export interface Index {
  readonly name: string;
  readonly fields: readonly string[];
  /** `commitTs` stands in for its placeholder, once it is known. */
  keyOf(document: EncodedObject, commitTs?: bigint): Buffer;
  /** Whether the document's key may hold a placeholder, and change when that is known. */
  isOpen(document: EncodedObject): boolean;
  insert(key: Uint8Array, rid: number): void;
  remove(key: Uint8Array): void;
  /** At most `limit` entries of a range, in order. */
  scan(range: KeyRange, order: Order, limit: number): Entry[];
}

/** An index of the schema. */
export class FieldIndex implements Index {
  readonly name: string;
  readonly fields: readonly string[];
  readonly #paths: readonly (readonly string[])[];
  readonly #insert: StatementSync;
  readonly #remove: StatementSync;
  readonly #scan: Record<Order, StatementSync>;

  constructor(
    db: DatabaseSync,
    number: number,
    table: number,
    name: string,
    fields: readonly string[],
  ) {
    this.name = name;
    this.fields = [...fields, "_creationTime"];
    this.#paths = this.fields.map((field) => field.split("."));
    this.#insert = db.prepare(`INSERT INTO index_${number} (key, rid) VALUES (?, ?)`);
    this.#remove = db.prepare(`DELETE FROM index_${number} WHERE key = ?`);
    // `+ 0`: SQLite looks at a bare parameter of a LIMIT when it plans, and so would compile the
    // statement anew for each execution.
    const scan = (order: Order) =>
      db.prepare(
        `SELECT i.key, d.rid, d.size, d.json
         FROM index_${number} i JOIN documents_${table} d ON d.rid = i.rid
         WHERE i.key >= ? AND i.key < ? ORDER BY i.key ${order} LIMIT ? + 0`,
      );
    this.#scan = { asc: scan("asc"), desc: scan("desc") };
  }

  keyOf(document: EncodedObject, commitTs?: bigint): Buffer {
    return encodeKey(
      this.#paths.map((path) => fieldAt(document, path)),
      commitTs,
    );
  }

  /** Only an object is a placeholder or holds one. */
  isOpen(document: EncodedObject): boolean {
    return this.#paths.some((path) => typeof fieldAt(document, path) === "object");
  }

  insert(key: Uint8Array, rid: number): void {
    this.#insert.run(key, rid);
  }

  remove(key: Uint8Array): void {
    this.#remove.run(key);
  }

  scan(range: KeyRange, order: Order, limit: number): Entry[] {
    return this.#scan[order].all(range.low, range.high, limit) as unknown as Entry[];
  }
}

export class Table {
  readonly name: string;
  readonly number: number;
  readonly documentType: Validator;
  readonly indexes: ReadonlyMap<string, Index>;
  readonly searchIndexes: ReadonlyMap<string, SearchIndex>;
  readonly #get: StatementSync;
  readonly #last: StatementSync;
  readonly #put: StatementSync;
  readonly #remove: StatementSync;

  constructor(
    db: DatabaseSync,
    number: number,
    name: string,
    documentType: Validator,
    indexes: readonly Index[],
    searchIndexes: readonly SearchIndex[],
  ) {
    this.name = name;
    this.number = number;
    this.documentType = documentType;
    this.indexes = new Map(indexes.map((index) => [index.name, index]));
    this.searchIndexes = new Map(searchIndexes.map((index) => [index.name, index]));
    const documents = `documents_${number}`;
    this.#get = db.prepare(`SELECT rid, size, json FROM ${documents} WHERE rid = ?`);
    this.#last = db.prepare(`SELECT coalesce(max(rid), 0) AS rid FROM ${documents}`);
    this.#put = db.prepare(
      `INSERT OR REPLACE INTO ${documents} (rid, size, json) VALUES (?, ?, ?)`,
    );
    this.#remove = db.prepare(`DELETE FROM ${documents} WHERE rid = ?`);
  }

  get byCreationTime(): Index {
    return this.indexes.get(BY_CREATION_TIME)!;
  }

  get(rid: number): Row | undefined {
    return this.#get.get(rid) as unknown as Row | undefined;
  }

  /** The largest row number in use, 0 in an empty table. */
  lastRow(): number {
    return this.#last.get()!["rid"] as number;
  }

  put(row: Row): void {
    this.#put.run(row.rid, row.size, row.json);
  }

  remove(rid: number): void {
    this.#remove.run(rid);
  }
}
