/**
 * Runs scheduled functions when they are due, and crons, which schedule a function at their times.
 *
 * A job is a document of `_scheduled_functions`, written by the transaction that schedules it. A
 * mutation's job is done in the mutation's own transaction: exactly once. An action's is marked
 * before it runs: at most once, and one that a crash cut short is failed.
 */
import { Refusal, messageOf } from "./failure.ts";
import { ADMIN } from "./frame.ts";
import { nextTime, type Schedule } from "./calendar.ts";
import { after, encodeKey } from "./keys.ts";
import { LIMITS } from "./limits.ts";
import { BY_STATE, JOBS, type Job } from "./system.ts";
import type { Backend } from "./backend.ts";
import type { Functions } from "./functions.ts";
import type { Index } from "./catalog.ts";
import type { Store } from "./store.ts";
import type { Transaction } from "./transaction.ts";
import { sizeOf, type EncodedObject } from "./values.ts";

/** How long the platform keeps what came of a job. */
const MEMORY_MS = 7 * 24 * 3600 * 1000;
/** Timers of Node hold no more than 24 days, and clocks are set. */
const LONGEST_SLEEP_MS = 3600 * 1000;
const AFTER_TROUBLE_MS = 1000;
/** UTF-16 units that are kept of an error. */
const ERROR_LENGTH = 10_000;
/** Bytes of a job's document that are left for what comes of it. */
const ROOM = 3 * ERROR_LENGTH + 1000;
/** Jobs that one transaction ends or forgets. */
const AT_ONCE = 1000;
/** Old jobs that each new one lets go, of a kind: more than one, so that they grow fewer. */
const FORGOTTEN_FOR_ONE = 2;

/** Schedules a function at a time in ms; answers the job's id. */
export function schedule(tx: Transaction, name: string, time: number, args: EncodedObject): string {
  tx.meter.countScheduled();
  if (sizeOf([name, args]) > LIMITS.documentSize - ROOM)
    throw new Refusal("ScheduledFunctionTooLarge", `The arguments for ${name} are too large.`);
  const state = { kind: "pending" } as const;
  return tx.insert(JOBS, { name, args: [args], scheduledTime: time, state });
}

/** Cancels a job that has not begun; of any other nothing changes. */
export function cancel(tx: Transaction, id: string): void {
  const job = jobOf(tx, id);
  if (job?.state.kind === "pending" || job?.state.kind === "inProgress")
    end(tx, job, { kind: "canceled" });
}

export class Scheduler {
  readonly #backend: Backend;
  readonly #store: Store;
  readonly #functions: Functions;
  readonly #log: (line: string) => void;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<unknown> = Promise.resolve();
  #stopped = false;

  constructor(backend: Backend, store: Store, functions: Functions, log: (line: string) => void) {
    this.#backend = backend;
    this.#store = store;
    this.#functions = functions;
    this.#log = log;
  }

  /** Takes up what an earlier run left, and goes on until stopped. */
  async start(): Promise<void> {
    await this.#backend.transaction((tx) => {
      for (const job of this.#jobs("inProgress", AT_ONCE))
        end(tx, job, { kind: "failed", error: "The backend ended while it ran." });
      this.#forget(tx);
      this.#store.crons.set(this.#functions.crons, Date.now(), firstTime);
    });
    this.#backend.onCommit((written) => {
      if (written.some(({ index }) => index === this.#byState)) this.#wake();
    });
    this.#wake();
  }

  /** Starts nothing more; resolves when the job under way is done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  get #byState(): Index {
    return this.#store.tables.get(JOBS)!.indexes.get(BY_STATE)!;
  }

  #wake(): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#runDue(), this.#pause());
  }

  /** Milliseconds until something is due. Never throws: who has just committed wakes it. */
  #pause(): number {
    try {
      const next = Math.min(this.#nextJob()?.scheduledTime ?? Infinity, this.#store.crons.next());
      return Math.min(LONGEST_SLEEP_MS, Math.max(0, next - Date.now()));
    } catch (error) {
      this.#log(`the scheduler: ${messageOf(error)}`);
      return AFTER_TROUBLE_MS;
    }
  }

  async #runDue(): Promise<void> {
    this.#running = this.#running.then(async () => {
      try {
        await this.#runCrons();
        const job = this.#nextJob();
        if (job !== null && job.scheduledTime <= Date.now()) await this.#run(job);
      } catch (error) {
        this.#log(`the scheduler: ${messageOf(error)}`);
        if (!this.#stopped) this.#timer = setTimeout(() => void this.#runDue(), AFTER_TROUBLE_MS);
        return;
      }
      this.#wake();
    });
    await this.#running;
  }

  async #run(job: Job): Promise<void> {
    const call = { path: job.name, args: job.args[0]!, caller: ADMIN };
    const kind = this.#kindOf(job.name);
    if (kind === "action") {
      await this.#backend.transaction((tx) => proceed(tx, job, { kind: "inProgress" }));
      void this.#backend.action(call).then((outcome) => this.#told(job, outcome));
      return;
    }
    const done = (tx: Transaction) => end(tx, requirePending(tx, job), { kind: "success" });
    await this.#told(job, await this.#backend.mutation(call, null, done));
  }

  /** A mutation that succeeded has told it itself. */
  async #told(job: Job, outcome: { ok: boolean; message?: string }): Promise<void> {
    await this.#backend.transaction((tx) => {
      this.#forget(tx, FORGOTTEN_FOR_ONE);
      const now = jobOf(tx, job._id);
      if (now === null || now.state.kind === "success" || now.state.kind === "canceled") return;
      if (outcome.ok) return end(tx, now, { kind: "success" });
      const error = keepable(outcome.message ?? "");
      this.#log(`${job.name} was scheduled and failed: ${error}`);
      end(tx, now, { kind: "failed", error });
    });
  }

  #kindOf(name: string): string {
    try {
      return this.#functions.find(name, null, true).kind;
    } catch {
      return "mutation";
    }
  }

  #nextJob(): Job | null {
    const [entry] = this.#byState.scan(rangeOf("pending"), "asc", 1);
    return entry === undefined ? null : (JSON.parse(entry.json) as Job);
  }

  #jobs(kind: string, most: number): Job[] {
    const found = this.#byState.scan(rangeOf(kind), "asc", most);
    return found.map((entry) => JSON.parse(entry.json) as Job);
  }

  #forget(tx: Transaction, most = AT_ONCE): void {
    const before = Date.now() - MEMORY_MS;
    for (const kind of ["success", "failed", "canceled"])
      for (const job of this.#jobs(kind, most)) if (job.scheduledTime < before) tx.remove(job._id);
  }

  async #runCrons(): Promise<void> {
    const now = Date.now();
    for (const { name, spec } of this.#store.crons.due(now))
      await this.#backend.transaction((tx) => {
        schedule(tx, spec.name, now, spec.args[0] ?? {});
        this.#store.crons.put(name, nextTime(spec.schedule, now));
        this.#forget(tx);
      });
  }
}

/** An interval begins with a run, as on the platform. */
function firstTime(schedule: Schedule, now: number): number {
  return schedule.type === "interval" ? now : nextTime(schedule, now);
}

function rangeOf(kind: string) {
  const low = encodeKey([kind]);
  return { low, high: after(low) };
}

function jobOf(tx: Transaction, id: string): Job | null {
  const json = tx.get(id, JOBS);
  return json === null ? null : (JSON.parse(json) as Job);
}

/** RACE: it may have been canceled since it was found due. */
function requirePending(tx: Transaction, job: Job): Job {
  const now = jobOf(tx, job._id);
  if (now?.state.kind !== "pending") throw new Error(`${job.name} was canceled`);
  return now;
}

function proceed(tx: Transaction, job: Job, state: Job["state"]): void {
  tx.patch(requirePending(tx, job)._id, { state });
}

/** A job whose error no document can hold would never end, and hold up all others. */
function keepable(error: string): string {
  return error.slice(0, ERROR_LENGTH).toWellFormed();
}

function end(tx: Transaction, job: Job, state: Job["state"]): void {
  tx.patch(job._id, { state, completedTime: Date.now() });
}
