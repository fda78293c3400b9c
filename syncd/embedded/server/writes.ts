/**
 * What one transaction writes: documents with their index entries, and the keys that tell others.
 *
 * It goes to SQLite at once, inside its transaction: later reads see it, and undoing it is SQLite's
 * work. But a commit timestamp is known only at the end, and a document that holds its placeholder,
 * which sorts as the largest int64, would be written twice: such a one waits for `resolve`. A read
 * that would find it has it written before, by `reveal`; a part that may be undone does too.
 */
import { Refusal } from "./failure.ts";
import type { TableOfId } from "./validate.ts";
import { COMMIT_TS_TEXT, resolveCommitTs, sizeOfDocument, type EncodedObject } from "./values.ts";
import { covers, type Index, type KeyRange, type Row, type Table } from "./catalog.ts";
import type { Meter } from "./limits.ts";

/** A key of an index whose document was written: added, removed, or kept with other content. */
export interface WrittenKey {
  index: Index;
  key: Uint8Array;
}

/** What becomes of a document in one index: null where it was not, or is not any more. */
interface Move {
  index: Index;
  former: Buffer | null;
  key: Buffer | null;
}

/** A document with a placeholder; `waiting` is what is to be done to the indexes, once. */
interface Unresolved extends Row {
  table: Table;
  document: EncodedObject;
  waiting: Move[] | null;
}

/** A moment to which writes can be undone. */
export interface Mark {
  keys: number;
  unresolved: Map<number, Unresolved>;
}

export class Writes {
  readonly keys: WrittenKey[] = [];
  readonly #tableOf: TableOfId;
  readonly #meter: Meter;
  /** By row, which no two tables share. */
  #unresolved = new Map<number, Unresolved>();
  /** Keys under which SQLite does not have yet what was written, or has what was there before. */
  readonly #hidden = new Map<Index, Buffer[]>();

  constructor(tableOf: TableOfId, meter: Meter) {
    this.#tableOf = tableOf;
    this.#meter = meter;
  }

  /** Puts or, with `after` null, removes a document. A write that changes nothing is none. */
  write(table: Table, rid: number, before: Row | null, after: EncodedObject | null): string {
    const json = JSON.stringify(after);
    if (json === before?.json) return json;
    const size = after === null ? before!.size : this.#check(table, after);
    this.#meter.countWrite(size);
    const former = before === null ? null : (JSON.parse(before.json) as EncodedObject);
    const moves = movesOf(table, former, after);
    this.#tell(moves);
    this.#unresolved.delete(rid);
    reindexText(table, rid, former, after);
    if (after !== null && json.includes(COMMIT_TS_TEXT)) {
      this.#unresolved.set(rid, { rid, size, json, table, document: after, waiting: moves });
      this.#hide(moves);
      return json;
    }
    if (after === null) table.remove(rid);
    else table.put({ rid, size, json });
    for (const move of moves) carryOut(move, rid);
    return json;
  }

  /** Makes SQLite have what a read of the range is to find. */
  reveal(index: Index, range: KeyRange): void {
    if (this.#hidden.get(index)?.some((key) => covers(range, key))) this.revealAll();
  }

  /** Makes SQLite have the document, if it was written. */
  revealRow(rid: number): void {
    if (this.#unresolved.get(rid)?.waiting != null) this.revealAll();
  }

  /** Makes SQLite have all that was written, placeholders and all. */
  revealAll(): void {
    if (this.#hidden.size === 0) return;
    for (const { table, waiting, ...row } of this.#unresolved.values()) {
      if (waiting === null) continue;
      table.put(row);
      for (const move of waiting) carryOut(move, row.rid);
    }
    for (const written of this.#unresolved.values()) written.waiting = null;
    this.#hidden.clear();
  }

  /** Replaces the placeholders in what was written by the timestamp. */
  resolve(ts: bigint): void {
    for (const [rid, { table, document, size, json, waiting }] of this.#unresolved) {
      table.put({ rid, size, json: resolveCommitTs(json, ts) });
      for (const { index, former, key } of waiting ?? standing(table, document)) {
        const resolved = index.isOpen(document) ? index.keyOf(document, ts) : key;
        carryOut({ index, former, key: resolved }, rid);
        if (resolved !== key) this.keys.push({ index, key: resolved! });
      }
    }
  }

  /** What comes after the mark can be undone: SQLite has all that came before. */
  mark(): Mark {
    this.revealAll();
    return { keys: this.keys.length, unresolved: new Map(this.#unresolved) };
  }

  /** Forgets what came after the mark; in SQLite it is undone by the caller. */
  forgetSince({ keys, unresolved }: Mark): void {
    this.keys.length = keys;
    this.#unresolved = unresolved;
    this.#hidden.clear();
  }

  /** The size of a document that the schema admits. */
  #check(table: Table, document: EncodedObject): number {
    const size = sizeOfDocument(document);
    const trouble = table.documentType(document, this.#tableOf);
    if (trouble !== null)
      throw new Refusal(
        "SchemaEnforcementError",
        `Failed to insert or update a document in table "${table.name}" because it does not match` +
          ` the schema: ${trouble}`,
      );
    return size;
  }

  #tell(moves: Move[]): void {
    for (const { index, former, key } of moves) {
      if (former !== null) this.keys.push({ index, key: former });
      if (key !== null && key !== former) this.keys.push({ index, key });
    }
  }

  #hide(moves: Move[]): void {
    for (const { index, former, key } of moves) {
      const hidden = this.#hidden.get(index) ?? [];
      if (hidden.length === 0) this.#hidden.set(index, hidden);
      if (former !== null) hidden.push(former);
      if (key !== null && key !== former) hidden.push(key);
    }
  }
}

/** A key that stays is the same object. */
function movesOf(table: Table, before: EncodedObject | null, after: EncodedObject | null): Move[] {
  return Array.from(table.indexes.values(), (index) => {
    const former = before && index.keyOf(before);
    const key = after && index.keyOf(after);
    return { index, former, key: former !== null && key?.equals(former) ? former : key };
  });
}

/** What stands in the indexes for a document that SQLite has with its placeholder. */
function standing(table: Table, document: EncodedObject): Move[] {
  return movesOf(table, document, document);
}

function carryOut({ index, former, key }: Move, rid: number): void {
  if (key === former) return;
  if (former !== null) index.remove(former);
  if (key !== null) index.insert(key, rid);
}

function reindexText(
  table: Table,
  rid: number,
  before: EncodedObject | null,
  after: EncodedObject | null,
): void {
  for (const index of table.searchIndexes.values()) {
    if ((before && index.textOf(before)) === (after && index.textOf(after))) continue;
    if (before !== null) index.remove(before, rid);
    if (after !== null) index.insert(after, rid);
  }
}
