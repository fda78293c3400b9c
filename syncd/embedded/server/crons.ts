/** The crons of the functions and when each is due next. Part of the store. */
import type { DatabaseSync } from "node:sqlite";
import { nextTime, type Schedule } from "./calendar.ts";
import type { EncodedObject } from "./values.ts";

/** A cron as `crons.export()` of npm `convex` writes it. */
export interface CronSpec {
  name: string;
  args: EncodedObject[];
  schedule: Schedule;
}

export class Crons {
  readonly #db: DatabaseSync;
  #specs: { [name: string]: CronSpec } = {};

  constructor(db: DatabaseSync) {
    this.#db = db;
    db.exec(`CREATE TABLE IF NOT EXISTS crons (
      name TEXT PRIMARY KEY, schedule TEXT NOT NULL, next REAL NOT NULL) WITHOUT ROWID`);
  }

  /**
   * Makes these the crons. One that is new or has another schedule begins anew, and so does one whose
   * next time lies beyond all that its schedule names next: the clock has been set back since.
   */
  set(
    specs: { [name: string]: CronSpec },
    now: number,
    first: (schedule: Schedule, now: number) => number,
  ): void {
    this.#specs = specs;
    for (const { name } of this.#db.prepare("SELECT name FROM crons").all())
      if (specs[name as string] === undefined)
        this.#db.prepare("DELETE FROM crons WHERE name = ?").run(name!);
    for (const [name, spec] of Object.entries(specs)) {
      const text = JSON.stringify(spec.schedule);
      const known = this.#db.prepare("SELECT * FROM crons WHERE name = ?").get(name);
      const next = known?.["schedule"] === text ? (known["next"] as number) : Infinity;
      if (next <= nextTime(spec.schedule, now)) continue;
      this.#db
        .prepare("INSERT OR REPLACE INTO crons VALUES (?, ?, ?)")
        .run(name, text, first(spec.schedule, now));
    }
  }

  /** When the first is due, in ms; Infinity where there is none. */
  next(): number {
    return (this.#db.prepare("SELECT min(next) AS next FROM crons").get()?.["next"] ??
      Infinity) as number;
  }

  due(now: number): { name: string; spec: CronSpec }[] {
    const rows = this.#db.prepare("SELECT name FROM crons WHERE next <= ?").all(now);
    return rows.map(({ name }) => ({ name: name as string, spec: this.#specs[name as string]! }));
  }

  /** Sets when a cron is due next; part of the transaction under way. */
  put(name: string, next: number): void {
    this.#db.prepare("UPDATE crons SET next = ? WHERE name = ?").run(next, name);
  }
}
