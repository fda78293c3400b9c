/**
 * The execution that the running code belongs to.
 *
 * Functions reach the platform through globals. An `AsyncLocalStorage` says whose call it is, since
 * an action runs between and inside other executions.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Encoded } from "./values.ts";
import type { Entry } from "./catalog.ts";
import type { Transaction } from "./transaction.ts";

/** Who calls: may it call internal functions, and as which user does it act. */
export interface Caller {
  isAdmin: boolean;
  identity: { [attribute: string]: Encoded } | null;
}

export const ANYBODY: Caller = { isAdmin: false, identity: null };
export const ADMIN: Caller = { isAdmin: true, identity: null };

/**
 * What one run of a query hands to the next run of it for the same subscriber: where its page ended.
 * The next one ends there too, whatever it holds by then.
 */
export interface Journal {
  end: string | null;
}

/**
 * One function being executed; a function called by another has a frame of its own in the same
 * transaction.
 */
export interface Frame {
  /** `module:function` */
  path: string;
  /** Null in an action. */
  transaction: Transaction | null;
  caller: Caller;
  requestId: string;
  depth: number;
  logLines: string[];
  streams: { next(): Entry | null }[];
  paginated: boolean;
  journal: Journal;
  /** Sub-mutations of one parent take turns, or the savepoints of SQLite would cross. */
  children: Promise<unknown>;
}

export const frames = new AsyncLocalStorage<Frame>();
