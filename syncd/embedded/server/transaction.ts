/**
 * One query's or mutation's view of the documents: reads with their ranges, writes, limits.
 *
 * Executions are serialised by the caller, so there is one transaction at a time and nothing to
 * conflict with.
 */
import { Refusal } from "./failure.ts";
import { makeId, parseId } from "./ids.ts";
import { creationTime } from "./creation.ts";
import { encodeKey, justAfter } from "./keys.ts";
import { Meter } from "./limits.ts";
import { resolveCommitTs, type EncodedObject } from "./values.ts";
import { Writes, type WrittenKey } from "./writes.ts";
import type { Entry, Index, KeyRange, Order, Row, Table } from "./catalog.ts";
import type { Answer, RequestName, Store } from "./store.ts";

/** A range of an index that was read. A stream widens its range as it goes. */
export interface ReadRange extends KeyRange {
  index: Index;
}

/** Where an id points. There may be no document. */
interface Place {
  id: string;
  table: Table;
  rid: number;
}

export class Transaction {
  readonly store: Store;
  readonly kind: "query" | "mutation";
  /** Milliseconds; what `Date.now()` says all through. */
  readonly startedAt: number;
  readonly meter = new Meter();
  readonly reads: ReadRange[] = [];
  /** Raised by every write and undoing: what was read ahead before it is not to be trusted. */
  version = 0;
  /** What is done once the transaction is committed, and never otherwise. Must not throw. */
  readonly afterCommit: (() => void)[] = [];
  readonly #writes: Writes;
  #trouble: unknown;
  #begun = false;
  #ended = false;

  constructor(store: Store, kind: "query" | "mutation") {
    this.store = store;
    this.kind = kind;
    this.startedAt = Date.now();
    this.#writes = new Writes(store.tableOf, this.meter);
  }

  /** The keys written so far. */
  get written(): readonly WrittenKey[] {
    return this.#writes.keys;
  }

  /** What SQLite itself threw first. */
  get trouble(): unknown {
    return this.#trouble;
  }

  /** RACE: promises that a function left behind go on after its answer; they find this true. */
  get isEnded(): boolean {
    return this.#ended;
  }

  /** The document's JSON text, or null. `tableName`, when given, must be the id's table. */
  get(id: string, tableName?: string): string | null {
    return this.#find(this.#locate(id, tableName))?.json ?? null;
  }

  /** At most `limit` entries of a range of an index, in order; what was read is told by who asks. */
  scan(index: Index, range: KeyRange, order: Order, limit: number): Entry[] {
    this.#writes.reveal(index, range);
    return index.scan(range, order, limit);
  }

  /** Makes the store itself have all that was written so far. */
  reveal(): void {
    this.#writes.revealAll();
  }

  /** Adds a document; answers its id. */
  insert(tableName: string, value: EncodedObject): string {
    const table = this.store.tables.get(tableName);
    if (table === undefined)
      throw new Refusal("TableNotInSchema", `Table \`${tableName}\` is not in the schema.`);
    const rid = this.store.nextRow(this.startedAt);
    const id = makeId(table.number, rid);
    this.#write({ id, table, rid }, null, value);
    return id;
  }

  /** Replaces all fields; answers the document's JSON text. */
  replace(id: string, value: EncodedObject, tableName?: string): string {
    const place = this.#locate(id, tableName);
    return this.#write(place, this.#existing(place, "Update"), value);
  }

  /** Sets the given fields, drops those given as undefined; answers the document's JSON text. */
  patch(id: string, value: EncodedObject, tableName?: string): string {
    const place = this.#locate(id, tableName);
    const row = this.#existing(place, "Update");
    const merged = Object.entries({ ...(JSON.parse(row.json) as EncodedObject), ...value })
      .filter(([, field]) => !isUndefined(field))
      .sort(([left], [right]) => (left < right ? -1 : 1));
    return this.#write(place, row, Object.fromEntries(merged));
  }

  /** Removes a document; answers its former JSON text. */
  remove(id: string, tableName?: string): string {
    const place = this.#locate(id, tableName);
    const row = this.#existing(place, "Delete");
    this.#write(place, row, null);
    return row.json;
  }

  /** Runs a part whose writes are undone when it throws; what it read and used stays counted. */
  async nested<T>(run: () => Promise<T>): Promise<T> {
    this.#begin();
    const [mark, acts] = [this.#writes.mark(), this.afterCommit.length];
    this.store.savepoint();
    try {
      const result = await run();
      this.#requireOpen();
      this.store.release();
      return result;
    } catch (error) {
      // RACE: a savepoint goes with its transaction, and the next one's has the same name.
      if (this.#ended) throw error;
      this.store.rollbackToSavepoint();
      this.#writes.forgetSince(mark);
      this.afterCommit.length = acts;
      this.version += 1;
      throw error;
    }
  }

  /**
   * Ends the transaction; answers the result with its placeholders resolved, and its timestamp.
   *
   * A transaction that wrote nothing has the timestamp of the snapshot it read.
   */
  commit(result: string, name: RequestName | null): Answer {
    if (this.written.length === 0) {
      this.rollback();
      return { result: resolveCommitTs(result, this.store.ts), ts: this.store.ts };
    }
    const ts = this.store.nextTs();
    this.#writes.resolve(ts);
    const answer = { result: resolveCommitTs(result, ts), ts };
    this.store.commit(answer, name);
    this.#ended = true;
    for (const act of this.afterCommit) act();
    return answer;
  }

  /** Ends the transaction without a trace. */
  rollback(): void {
    this.#ended = true;
    if (this.#begun) this.store.rollback();
  }

  /**
   * Ends the transaction for what SQLite threw: it may have undone everything by itself, and what
   * came after would be committed at once. The function may swallow it, who called may not.
   */
  fail(trouble: unknown): void {
    this.#trouble ??= trouble;
    this.rollback();
  }

  #requireOpen(): void {
    if (this.#ended)
      throw new Refusal("FunctionEnded", "The function has ended: nothing more is written.");
  }

  #begin(): void {
    this.#requireOpen();
    if (this.kind === "query")
      throw new Refusal("ReadOnly", "A query can't write to the database.");
    if (this.#begun) return;
    this.store.begin();
    this.#begun = true;
  }

  #write({ id, table, rid }: Place, before: Row | null, value: EncodedObject | null): string {
    this.#begin();
    this.version += 1;
    return this.#writes.write(table, rid, before, value && withSystemFields(rid, id, value));
  }

  #locate(id: string, tableName: string | undefined): Place {
    const parts = parseId(id);
    const table = parts === null ? undefined : this.store.table(parts.table);
    if (parts === null || table === undefined)
      throw new Refusal("InvalidDocumentId", `\`${id}\` is not an id of this deployment.`);
    if (tableName !== undefined && tableName !== table.name)
      throw new Refusal(
        "TableNameMismatch",
        `\`${id}\` is an id of table \`${table.name}\`, not of \`${tableName}\`.`,
      );
    return { id, table, rid: parts.row };
  }

  /** The row of an id: its number alone could be a guess, so the stored id is compared. */
  #find({ id, table, rid }: Place): Row | null {
    const key = encodeKey([creationTime(rid)]);
    this.reads.push({ index: table.byCreationTime, low: key, high: justAfter(key) });
    this.meter.countRange();
    this.#writes.revealRow(rid);
    const row = table.get(rid);
    const beginning = `{"_creationTime":${creationTime(rid)},"_id":"${id}"`;
    if (row === undefined || !row.json.startsWith(beginning)) return null;
    this.meter.countRead(row.size);
    return row;
  }

  #existing(place: Place, verb: string): Row {
    const row = this.#find(place);
    if (row === null)
      throw new Refusal("NonexistentDocument", `${verb} on nonexistent document ID ${place.id}`);
    return row;
  }
}

/** The whole document; the system fields come first, which `#find` relies on. */
function withSystemFields(rid: number, id: string, value: EncodedObject): EncodedObject {
  const { _id = id, _creationTime = creationTime(rid), ...fields } = value;
  if (_id !== id || _creationTime !== creationTime(rid))
    throw new Refusal("InvalidDocumentError", "`_id` and `_creationTime` can't be changed.");
  return { _creationTime, _id, ...fields };
}

function isUndefined(field: unknown): boolean {
  return field !== null && typeof field === "object" && Object.hasOwn(field, "$undefined");
}
