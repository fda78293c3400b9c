/**
 * Calls functions: one query or mutation at a time, actions beside them.
 *
 * Queries take turns with mutations too, since they read through the same SQLite connection and
 * would otherwise see rows that are not committed.
 */
import { execute, frameOf } from "./execute.ts";
import { Refusal } from "./failure.ts";
import { LIMITS } from "./limits.ts";
import { reported, rethrowable, valueOrThrow, type Outcome } from "./outcome.ts";
import { isStorageTrouble, storageOutage, type RequestName, type Store } from "./store.ts";
import { Transaction, type ReadRange } from "./transaction.ts";
import type { WrittenKey } from "./writes.ts";
import type { Caller, Frame, Journal } from "./frame.ts";
import type { Fn, Functions, Kind } from "./functions.ts";
import type { EncodedObject } from "./values.ts";

/** A function to call, and who calls. `depth` counts the actions that called one another. */
export interface Call {
  path: string;
  args: EncodedObject;
  caller: Caller;
  depth?: number;
  journal?: Journal;
}

/** Told the keys that each commit wrote. */
export type CommitListener = (written: readonly WrittenKey[]) => void;

/** Runs a query within a snapshot; adds what it read to `reads`, also when it fails. */
export type RunQuery = (call: Call, reads?: ReadRange[]) => Promise<Outcome>;

export class Backend {
  readonly #store: Store;
  readonly #functions: Functions;
  readonly #listeners = new Set<CommitListener>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(store: Store, functions: Functions) {
    this.#store = store;
    this.#functions = functions;
  }

  /** The snapshot that a query would read now. */
  get ts(): bigint {
    return this.#store.ts;
  }

  /** Raises the clock to what a client has seen of it; false when that is in the future. */
  observe(ts: bigint): boolean {
    return this.#store.observe(ts);
  }

  /** Answers what ends the listening. */
  onCommit(listener: CommitListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls a function of any kind. */
  call(call: Call): Promise<Outcome> {
    return reported(() =>
      this[this.#functions.find(call.path, null, call.caller.isAdmin).kind](call),
    );
  }

  query(call: Call): Promise<Outcome> {
    return this.inOneSnapshot((run) => run(call));
  }

  /** Runs several queries with no commit between them; answers what `use` makes of them. */
  inOneSnapshot<T>(use: (run: RunQuery) => Promise<T>): Promise<T> {
    return this.#takeTurn(() => use((call, reads) => this.#query(call, reads)));
  }

  /**
   * Calls a mutation. With a request name, a repetition is answered from the first execution.
   * `finish` adds to a mutation that succeeded, in its transaction.
   */
  mutation(
    call: Call,
    name: RequestName | null = null,
    finish?: (tx: Transaction) => void,
  ): Promise<Outcome> {
    return this.#takeTurn(() =>
      reported(async (logLines) => {
        const former = name === null ? null : this.#store.recall(name);
        if (former !== null) return { ok: true, value: former.result, ts: former.ts, logLines };
        const fn = this.#functions.find(call.path, "mutation", call.caller.isAdmin);
        const tx = new Transaction(this.#store, "mutation");
        const answer = await transact(tx, name, async () => {
          const result = await this.#execute(fn, call, tx, logLines);
          finish?.(tx);
          return result;
        });
        this.#tell(tx);
        return { ok: true, value: answer.result, ts: answer.ts, logLines };
      }),
    );
  }

  action(call: Call): Promise<Outcome> {
    return reported(async (logLines) => {
      const fn = this.#functions.find(call.path, "action", call.caller.isAdmin);
      const value = await this.#execute(fn, call, null, logLines);
      return { ok: true, value, ts: this.#store.ts, logLines };
    });
  }

  /** Does work of the platform's own in a transaction, in its turn. */
  transaction<T>(work: (tx: Transaction) => T): Promise<T> {
    return this.#takeTurn(async () => {
      const tx = new Transaction(this.#store, "mutation");
      let value: T;
      await transact(tx, null, async () => {
        value = work(tx);
        return "null";
      });
      this.#tell(tx);
      return value!;
    });
  }

  /** Reads on the platform's own account, in its turn. */
  lookUp<T>(work: (tx: Transaction) => T): Promise<T> {
    return this.#takeTurn(async () => {
      const tx = new Transaction(this.#store, "query");
      try {
        return work(tx);
      } finally {
        tx.rollback();
      }
    });
  }

  /** Calls a function on behalf of a running one; see `CallFunction`. */
  async callFrom(parent: Frame, kind: Kind, path: string, args: EncodedObject): Promise<string> {
    const depth = parent.depth + 1;
    if (depth > LIMITS.callDepth)
      throw new Refusal(
        "TooDeepCalls",
        `Functions call each other more than ${LIMITS.callDepth} deep.`,
      );
    const { transaction, logLines } = parent;
    const call = { path, args, caller: { ...parent.caller, isAdmin: true }, depth };
    if (transaction === null) {
      const outcome = await this[kind](call);
      logLines.push(...outcome.logLines);
      return valueOrThrow(outcome);
    }
    const fn = this.#functions.find(path, kind, true);
    const run = () => rethrowable(() => this.#execute(fn, call, transaction, logLines));
    if (kind === "query") return run();
    const turn = parent.children.then(() => transaction.nested(run));
    parent.children = turn.catch(() => undefined);
    return turn;
  }

  /** Resolves when the call under way, if any, is done. */
  idle(): Promise<unknown> {
    return this.#turn;
  }

  close(): void {
    this.#store.close();
  }

  #query(call: Call, reads?: ReadRange[]): Promise<Outcome> {
    const tx = new Transaction(this.#store, "query");
    return reported(async (logLines) => {
      try {
        const fn = this.#functions.find(call.path, "query", call.caller.isAdmin);
        const value = await soundly(tx, () => this.#execute(fn, call, tx, logLines));
        return { ok: true, value, ts: this.#store.ts, logLines };
      } finally {
        tx.rollback();
        reads?.push(...tx.reads);
      }
    });
  }

  #execute(fn: Fn, call: Call, tx: Transaction | null, logLines: string[]): Promise<string> {
    const frame = frameOf(fn, tx, call.caller, logLines, call.depth ?? 0, call.journal);
    return execute(fn, call.args, frame, this.#store.tableOf);
  }

  #tell(tx: Transaction): void {
    for (const listener of this.#listeners) listener(tx.written);
  }

  #takeTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work).catch((error: unknown) => {
      throw isStorageTrouble(error) ? storageOutage(error) : error;
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}

/** Commits what a mutation did, or nothing. */
async function transact(tx: Transaction, name: RequestName | null, run: () => Promise<string>) {
  try {
    return tx.commit(await soundly(tx, run), name);
  } catch (error) {
    tx.rollback();
    throw error;
  }
}

/** Trouble of the storage is thrown, even if the function hid it. */
async function soundly(tx: Transaction, run: () => Promise<string>): Promise<string> {
  const result = await run().catch((error: unknown) => {
    throw tx.trouble ?? error;
  });
  if (tx.trouble !== undefined) throw tx.trouble;
  return result;
}
