/**
 * What one transaction writes: documents with their index entries, and the keys that tell others.
 *
 * Everything goes to SQLite at once, inside its transaction: later reads see it, and undoing it is
 * SQLite's work. A commit timestamp is known only at the end, so until then documents hold its
 * placeholder, which sorts as the largest int64; `resolve` rewrites those.
 */
import { Refusal } from "./failure.ts";
import type { TableOfId } from "./validate.ts";
import { COMMIT_TS_TEXT, resolveCommitTs, sizeOfDocument, type EncodedObject } from "./values.ts";
import type { Index, Row, Table } from "./catalog.ts";
import type { Meter } from "./limits.ts";

/** A key of an index whose document was written: added, removed, or kept with other content. */
export interface WrittenKey {
  index: Index;
  key: Uint8Array;
}

interface Unresolved extends Row {
  table: Table;
  document: EncodedObject;
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
  /** Documents with a placeholder, by row. */
  #unresolved = new Map<number, Unresolved>();

  constructor(tableOf: TableOfId, meter: Meter) {
    this.#tableOf = tableOf;
    this.#meter = meter;
  }

  /** Puts or, with `after` null, removes a document. A write that changes nothing is none. */
  write(table: Table, rid: number, before: Row | null, after: EncodedObject | null): string {
    const json = JSON.stringify(after);
    if (json === before?.json) return json;
    if (after === null) this.#remove(table, before!);
    else this.#put(table, rid, after, json);
    const former = before === null ? null : (JSON.parse(before.json) as EncodedObject);
    this.#reindex(table, rid, former, after);
    return json;
  }

  /** Replaces the placeholders in what was written by the timestamp. */
  resolve(ts: bigint): void {
    for (const [rid, { table, document, size, json }] of this.#unresolved) {
      table.put({ rid, size, json: resolveCommitTs(json, ts) });
      for (const index of table.indexes.values()) {
        const former = index.keyOf(document);
        this.#move(index, rid, former, index.keyOf(document, ts));
      }
    }
  }

  mark(): Mark {
    return { keys: this.keys.length, unresolved: new Map(this.#unresolved) };
  }

  /** Forgets what came after the mark; in SQLite it is undone by the caller. */
  forgetSince({ keys, unresolved }: Mark): void {
    this.keys.length = keys;
    this.#unresolved = unresolved;
  }

  #put(table: Table, rid: number, document: EncodedObject, json: string): void {
    const size = sizeOfDocument(document);
    const trouble = table.documentType(document, this.#tableOf);
    if (trouble !== null)
      throw new Refusal(
        "SchemaEnforcementError",
        `Failed to insert or update a document in table "${table.name}" because it does not match` +
          ` the schema: ${trouble}`,
      );
    this.#meter.countWrite(size);
    table.put({ rid, size, json });
    if (json.includes(COMMIT_TS_TEXT))
      this.#unresolved.set(rid, { rid, table, document, size, json });
    else this.#unresolved.delete(rid);
  }

  #remove(table: Table, { rid, size }: Row): void {
    this.#meter.countWrite(size);
    table.remove(rid);
    this.#unresolved.delete(rid);
  }

  #reindex(
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
    for (const index of table.indexes.values()) {
      const former = before && index.keyOf(before);
      const key = after && index.keyOf(after);
      if (former !== null) this.keys.push({ index, key: former });
      this.#move(index, rid, former, key);
    }
  }

  #move(index: Index, rid: number, former: Uint8Array | null, key: Buffer | null): void {
    if (former !== null && key !== null && key.equals(former)) return;
    if (former !== null) index.remove(former);
    if (key === null) return;
    index.insert(key, rid);
    this.keys.push({ index, key });
  }
}
