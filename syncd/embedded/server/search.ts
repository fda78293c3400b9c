/**
 * Full text search, as the platform describes it (docs.convex.dev/search/text-search): a document
 * matches if it has any of the words, of the last also one that begins so; the best match comes
 * first, of equal ones the newest; at most 1,024 are found, on all pages together.
 *
 * An index is an SQLite table from word to row, with how often the word is there: SQLite's own
 * full text search is not in every build of Node. What the platform does beyond is left out.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { Refusal } from "./failure.ts";
import { encodeKey, fieldAt } from "./keys.ts";
import { BY_CREATION_TIME, type Entry, type Row, type Table } from "./catalog.ts";
import { Operators, type Operator, type SerializedQuery } from "./query.ts";
import type { Encoded, EncodedObject } from "./values.ts";
import type { Transaction } from "./transaction.ts";

const RESULTS = 1024;
const QUERY_WORDS = 16;
const FILTERS = 8;
/** Characters; longer words are not indexed. */
const WORD_LENGTH = 32;
/** The share of a word's weight that its second occurrence still adds; of BM25, as is usual. */
const SATURATION = 1.2;

type Source = Extract<SerializedQuery["source"], { type: "Search" }>;

/** The words of a text, in their order. */
export function wordsOf(text: string): string[] {
  const words = text.toLowerCase().match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];
  return words.filter((word) => word.length <= WORD_LENGTH);
}

export class SearchIndex {
  readonly name: string;
  readonly field: string;
  readonly filterFields: readonly string[];
  readonly #insert: StatementSync;
  readonly #remove: StatementSync;
  readonly #find: StatementSync;
  readonly #count: StatementSync;

  constructor(
    db: DatabaseSync,
    number: number,
    table: number,
    name: string,
    { searchField, filterFields }: { searchField: string; filterFields: readonly string[] },
  ) {
    this.name = name;
    this.field = searchField;
    this.filterFields = filterFields;
    this.#insert = db.prepare(`INSERT INTO search_${number} (word, rid, times) VALUES (?, ?, ?)`);
    this.#remove = db.prepare(`DELETE FROM search_${number} WHERE word = ? AND rid = ?`);
    this.#find = db.prepare(
      `SELECT rid, sum(times) AS times FROM search_${number} WHERE word >= ? AND word < ? GROUP BY rid`,
    );
    this.#count = db.prepare(`SELECT count(*) AS documents FROM documents_${table}`);
  }

  insert(document: EncodedObject, rid: number): void {
    for (const [word, times] of this.#counted(document)) this.#insert.run(word, rid, times);
  }

  remove(document: EncodedObject, rid: number): void {
    for (const word of this.#counted(document).keys()) this.#remove.run(word, rid);
  }

  /** Rows that have any of the words, or one that begins as the last does; the best first. */
  find(words: readonly string[]): { rid: number; score: number }[] {
    const documents = this.#count.get()!["documents"] as number;
    const scores = new Map<number, number>();
    for (const [at, word] of words.entries()) {
      const end = at === words.length - 1 ? `${word}\u{10ffff}` : `${word}\0`;
      const found = this.#find.all(word, end) as { rid: number; times: number }[];
      const weight = Math.log(1 + (documents + 0.5) / (found.length + 0.5));
      for (const { rid, times } of found)
        scores.set(rid, (scores.get(rid) ?? 0) + (weight * times) / (times + SATURATION));
    }
    return [...scores]
      .map(([rid, score]) => ({ rid, score }))
      .sort((one, other) => other.score - one.score || other.rid - one.rid);
  }

  /** What of a document is searched. */
  textOf(document: EncodedObject): string {
    const text = fieldAt(document, this.field.split("."));
    return typeof text === "string" ? text : "";
  }

  #counted(document: EncodedObject): Map<string, number> {
    const counts = new Map<string, number>();
    for (const word of wordsOf(this.textOf(document)))
      counts.set(word, (counts.get(word) ?? 0) + 1);
    return counts;
  }
}

/**
 * The documents of a search, one by one. It depends on the whole table.
 *
 * A place in it is a score and a row. What is written between two pages changes scores: a document
 * may then be on both or on neither, as on the platform.
 */
export class SearchStream {
  readonly #tx: Transaction;
  readonly #table: Table;
  readonly #operators: Operators;
  readonly #wanted: { field: string; key: Buffer }[];
  readonly #ranked: { rid: number; score: number }[];
  readonly #from: Uint8Array | undefined;
  readonly #to: Uint8Array | undefined;
  #next = 0;
  #found = 0;
  #seen = { rows: 0, bytes: 0 };

  /** `from` and `to` narrow it to what lies after one place and up to another. */
  constructor(
    tx: Transaction,
    source: Source,
    operators: readonly Operator[],
    from?: Uint8Array,
    to?: Uint8Array,
  ) {
    const { table, index } = locate(tx, source);
    this.#tx = tx;
    this.#table = table;
    this.#operators = new Operators(operators);
    const { words, filters } = expressions(index, source);
    this.#wanted = filters.map(({ fieldPath, value }) => ({
      field: fieldPath,
      key: encodeKey([value]),
    }));
    tx.reveal();
    this.#ranked = index.find(words);
    this.#from = from;
    this.#to = to;
    const everything = { low: Buffer.of(), high: Buffer.of(0xff) };
    tx.reads.push({ index: table.indexes.get(BY_CREATION_TIME)!, ...everything });
    tx.meter.countRange();
  }

  /** How many documents were looked at, and their bytes. */
  get seen(): { rows: number; bytes: number } {
    return this.#seen;
  }

  next(): Entry | null {
    while (!this.#operators.isDone && this.#found < RESULTS) {
      const ranked = this.#ranked[this.#next];
      if (ranked === undefined) return null;
      const key = encodeKey([-ranked.score, -ranked.rid]);
      if (this.#to !== undefined && key.compare(this.#to) > 0) return null;
      this.#next += 1;
      this.#tx.reveal();
      const row = this.#table.get(ranked.rid);
      if (row === undefined || !this.#passes(row)) continue;
      this.#found += 1;
      if (this.#from !== undefined && key.compare(this.#from) <= 0) continue;
      this.#tx.meter.countRead(row.size);
      this.#seen = { rows: this.#seen.rows + 1, bytes: this.#seen.bytes + row.size };
      const entry = { ...row, key };
      if (this.#operators.passes(entry)) return entry;
    }
    return null;
  }

  #passes({ json }: Row): boolean {
    const document = JSON.parse(json) as EncodedObject;
    return this.#wanted.every(({ field, key }) =>
      encodeKey([fieldAt(document, field.split("."))]).equals(key),
    );
  }
}

function locate(tx: Transaction, { indexName }: Source): { table: Table; index: SearchIndex } {
  const dot = indexName.indexOf(".");
  const table = tx.store.tables.get(indexName.slice(0, dot));
  const index = table?.searchIndexes.get(indexName.slice(dot + 1));
  if (table === undefined || index === undefined)
    throw new Refusal("IndexNotFoundError", `Search index ${indexName} not found.`);
  return { table, index };
}

function expressions(index: SearchIndex, { filters: all }: Source) {
  const [search, ...others] = all.filter((each) => each.type === "Search");
  const filters = all.filter((each) => each.type === "Eq");
  const wrong = filters.find(({ fieldPath }) => !index.filterFields.includes(fieldPath));
  if (search === undefined || others.length > 0 || search.fieldPath !== index.field)
    throw new Refusal("InvalidSearch", `A search of ${index.name} searches ${index.field} once.`);
  if (wrong !== undefined)
    throw new Refusal("InvalidSearch", `${wrong.fieldPath} is no filter field of ${index.name}.`);
  const words = wordsOf(String(search.value));
  if (words.length > QUERY_WORDS || filters.length > FILTERS)
    throw new Refusal(
      "InvalidSearch",
      `A search has at most ${QUERY_WORDS} words and ${FILTERS} filters.`,
    );
  return { words, filters };
}

/** A condition of a search as npm `convex` serialises it. */
export interface SearchExpression {
  type: "Search" | "Eq";
  fieldPath: string;
  value: Encoded;
}
