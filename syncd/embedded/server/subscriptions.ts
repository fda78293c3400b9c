/**
 * The queries one client is subscribed to: which of them a commit touches, and what is new in their
 * results.
 */
import { covers } from "./catalog.ts";
import { ANYBODY, type Caller, type Journal } from "./frame.ts";
import { queryFailed, queryUpdated, type Invocation, type Json } from "./messages.ts";
import type { Backend, RunQuery } from "./backend.ts";
import type { ReadRange } from "./transaction.ts";
import type { WrittenKey } from "./writes.ts";
import type { EncodedObject } from "./values.ts";

interface Subscription extends Invocation {
  journal: Journal;
  reads: ReadRange[];
  /** The result last sent, as its message; null before the first. */
  sent: Json | null;
  isDirty: boolean;
}

export class Subscriptions {
  readonly #queries = new Map<number, Subscription>();
  #caller = ANYBODY;

  /** `end`: what the journal of an earlier subscription says. */
  add(queryId: number, invocation: Invocation, end: string | null): void {
    const fresh = { journal: { end }, reads: [], sent: null, isDirty: true };
    this.#queries.set(queryId, { ...invocation, ...fresh });
  }

  /** Whether there was such a query. */
  remove(queryId: number): boolean {
    return this.#queries.delete(queryId);
  }

  /** Another identity may see other results: every query runs again. */
  runAs(caller: Caller): void {
    this.#caller = caller;
    for (const query of this.#queries.values()) query.isDirty = true;
  }

  /** Marks the queries whose result may have changed; whether there are any. */
  touch(written: readonly WrittenKey[]): boolean {
    let touched = false;
    for (const query of this.#queries.values()) {
      query.isDirty ||= query.reads.some((read) =>
        written.some(({ index, key }) => index === read.index && covers(read, key)),
      );
      touched ||= query.isDirty;
    }
    return touched;
  }

  /**
   * Runs the marked queries in one snapshot; answers it and the messages of those with a new
   * result.
   */
  refresh(backend: Backend): Promise<{ ts: bigint; modifications: Json[] }> {
    return backend.inOneSnapshot(async (run) => {
      const modifications: Json[] = [];
      for (const [queryId, query] of this.#queries) {
        if (!query.isDirty) continue;
        const message = await this.#run(queryId, query, run);
        if (message === query.sent) continue;
        query.sent = message;
        modifications.push(message);
      }
      return { ts: backend.ts, modifications };
    });
  }

  async #run(queryId: number, query: Subscription, run: RunQuery): Promise<Json> {
    const reads: ReadRange[] = [];
    const args = query.args[0] as EncodedObject;
    const { udfPath: path, journal } = query;
    const outcome = await run({ path, args, caller: this.#caller, journal }, reads);
    query.reads = reads;
    query.isDirty = false;
    return outcome.ok
      ? queryUpdated(queryId, outcome.value, outcome.logLines, journal.end)
      : queryFailed(queryId, outcome.message, outcome.data, outcome.logLines);
  }
}
