/**
 * The SQLite file of a deployment: opening, the clock, and the boundaries of its one write
 * transaction.
 *
 * One connection does everything, with `locking_mode=EXCLUSIVE`: the lock on the file keeps a
 * second backend out and goes with the process, however it ends. `synchronous=FULL`, since a commit
 * that a subscriber has seen must not be forgotten by a power cut.
 */
import { DatabaseSync } from "node:sqlite";
import { Outage, Refusal, messageOf } from "./failure.ts";
import { makeTableOfId } from "./ids.ts";
import { migrate, type ExportedSchema } from "./migrate.ts";
import { Crons } from "./crons.ts";
import { FileNames } from "./files.ts";
import type { Table } from "./catalog.ts";
import type { TableOfId } from "./validate.ts";

const MEMORY = `
  CREATE TABLE IF NOT EXISTS clock (one INTEGER PRIMARY KEY CHECK (one = 1), ts INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS requests (
    session TEXT NOT NULL, request INTEGER NOT NULL, result TEXT NOT NULL, ts INTEGER NOT NULL,
    PRIMARY KEY (session, request)) WITHOUT ROWID;`;

const DAY_NS = 24n * 3600n * 1_000_000_000n;
const REQUEST_LIFE_NS = 14n * DAY_NS;

/** A WebSocket client's name for one mutation; the same name is never executed twice. */
export interface RequestName {
  session: string;
  request: number;
}

/** What a mutation answered: JSON text of its value, and its commit timestamp. */
export interface Answer {
  result: string;
  ts: bigint;
}

export class Store {
  readonly tables: ReadonlyMap<string, Table>;
  readonly tableOf: TableOfId;
  readonly files: FileNames;
  readonly crons: Crons;
  readonly #db: DatabaseSync;
  readonly #byNumber: ReadonlyMap<number, Table>;
  #ts: bigint;
  #rid: number;
  #pruneAt = 0n;

  /**
   * Opens or creates the file. Throws a `Refusal` DataInUse or SchemaMismatch, with nothing
   * changed.
   */
  constructor(file: string, schema: ExportedSchema) {
    this.#db = new DatabaseSync(file, { timeout: 0 });
    try {
      this.tables = this.#prepare(file, schema);
      this.files = new FileNames(this.#db);
      this.crons = new Crons(this.#db);
      this.#ts = this.#recallClock();
    } catch (error) {
      this.#db.close();
      throw error;
    }
    this.#byNumber = new Map([...this.tables.values()].map((table) => [table.number, table]));
    this.tableOf = makeTableOfId(
      new Map([...this.#byNumber].map(([number, { name }]) => [number, name])),
    );
    this.#rid = Math.max(0, ...[...this.tables.values()].map((table) => table.lastRow()));
  }

  #prepare(file: string, schema: ExportedSchema): ReadonlyMap<string, Table> {
    try {
      this.#db.exec(
        "PRAGMA locking_mode=EXCLUSIVE; PRAGMA page_size=8192; PRAGMA journal_mode=WAL",
      );
      this.#db.exec("PRAGMA synchronous=FULL; PRAGMA cache_size=-65536; BEGIN IMMEDIATE");
    } catch (error) {
      if (/locked|busy/i.test(messageOf(error)))
        throw new Refusal("DataInUse", `${file} is in use by another process.`);
      throw error;
    }
    this.#db.exec(MEMORY);
    const tables = migrate(this.#db, schema);
    this.#db.exec("COMMIT");
    return tables;
  }

  #recallClock(): bigint {
    const row = this.#read("SELECT ts FROM clock").get();
    const ts = (row?.["ts"] as bigint | undefined) ?? wallClock();
    this.#db.prepare("INSERT OR REPLACE INTO clock (one, ts) VALUES (1, ?)").run(ts);
    this.#forgetRequests(ts);
    return ts;
  }

  /** Forgets answers that nobody asks for any more, once a day: all of them are looked at. */
  #forgetRequests(ts: bigint): void {
    if (ts < this.#pruneAt) return;
    this.#db.prepare("DELETE FROM requests WHERE ts < ?").run(ts - REQUEST_LIFE_NS);
    this.#pruneAt = ts + DAY_NS;
  }

  #read(sql: string) {
    const statement = this.#db.prepare(sql);
    statement.setReadBigInts(true);
    return statement;
  }

  /** The timestamp of the last commit, in nanoseconds. Nothing will ever commit at or below it. */
  get ts(): bigint {
    return this.#ts;
  }

  /** Raises the clock to what a client has seen of it; false when that is in the future. */
  observe(ts: bigint): boolean {
    if (ts <= this.#ts) return true;
    if (ts > wallClock()) return false;
    this.#ts = ts;
    return true;
  }

  table(number: number): Table | undefined {
    return this.#byNumber.get(number);
  }

  /**
   * A row number above all others: microseconds, since the creation time is its thousandth part.
   */
  nextRow(milliseconds: number): number {
    this.#rid = Math.max(this.#rid + 1, milliseconds * 1000);
    return this.#rid;
  }

  begin(): void {
    this.#db.exec("BEGIN IMMEDIATE");
  }

  savepoint(): void {
    this.#db.exec("SAVEPOINT nested");
  }

  release(): void {
    this.#db.exec("RELEASE nested");
  }

  rollbackToSavepoint(): void {
    this.#db.exec("ROLLBACK TO nested; RELEASE nested");
  }

  /** The timestamp that the transaction under way will have, if it commits. */
  nextTs(): bigint {
    const now = wallClock();
    return now > this.#ts ? now : this.#ts + 1n;
  }

  #saveClock = lazily(() => this.#db.prepare("UPDATE clock SET ts = ?"));
  #saveRequest = lazily(() =>
    this.#db.prepare("INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?)"),
  );
  #findRequest = lazily(() =>
    this.#read("SELECT result, ts FROM requests WHERE session = ? AND request = ?"),
  );

  /** Commits at the answer's `ts`, which comes from `nextTs`. Durable when it returns. */
  commit(answer: Answer, name: RequestName | null): void {
    this.#saveClock().run(answer.ts);
    if (name !== null) {
      this.#forgetRequests(answer.ts);
      this.#saveRequest().run(name.session, name.request, answer.result, answer.ts);
    }
    this.#db.exec("COMMIT");
    this.#ts = answer.ts;
  }

  /** Undoes the transaction under way. */
  rollback(): void {
    try {
      this.#db.exec("ROLLBACK");
    } catch (error) {
      // After a full disk or an IO error SQLite has rolled back by itself.
      if (!messageOf(error).includes("no transaction is active")) throw error;
    }
  }

  /** What a mutation answered when it was executed before, or null. */
  recall({ session, request }: RequestName): Answer | null {
    return (this.#findRequest().get(session, request) as unknown as Answer | undefined) ?? null;
  }

  close(): void {
    this.#db.close();
  }
}

/**
 * Whether an error comes from SQLite itself (disk full, IO error), as opposed to from the
 * platform's rules.
 */
export function isStorageTrouble(error: unknown): boolean {
  return error instanceof Error && (error as { code?: string }).code === "ERR_SQLITE_ERROR";
}

export function storageOutage(error: unknown): Outage {
  return new Outage(
    500,
    "InternalServerError",
    `The storage failed: ${messageOf(error)}. Nothing was changed.`,
  );
}

function wallClock(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}

function lazily<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
