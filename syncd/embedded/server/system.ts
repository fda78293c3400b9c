/**
 * The tables that belong to the platform: functions read them through `ctx.db.system` and change
 * them only by what storage and the scheduler do.
 */
import { Refusal } from "./failure.ts";
import type { ExportedSchema } from "./migrate.ts";
import type { EncodedObject } from "./values.ts";

export const FILES = "_storage";
export const JOBS = "_scheduled_functions";
export const BY_STATE = "by_state_and_time";

/** A scheduled function as `ctx.db.system` shows it; times are in ms since the epoch. */
export interface Job extends EncodedObject {
  _id: string;
  name: string;
  args: EncodedObject[];
  scheduledTime: number;
  state: { kind: "pending" | "inProgress" | "success" | "failed" | "canceled"; error?: string };
}

export const SYSTEM_TABLES: ExportedSchema["tables"] = [
  { tableName: FILES, indexes: [], documentType: { type: "any" } },
  {
    tableName: JOBS,
    indexes: [{ indexDescriptor: BY_STATE, fields: ["state.kind", "scheduledTime"] }],
    documentType: { type: "any" },
  },
];

/** Whether a table is the platform's. */
export function isSystemTable(name: string | null | undefined): boolean {
  return name?.startsWith("_") ?? false;
}

/** Throws where a function would write to a table of the platform. */
export function requireOwn(name: string | null | undefined): void {
  if (isSystemTable(name))
    throw new Refusal("SystemTableError", `Table \`${name}\` is written by the platform only.`);
}

/** Throws where `db` is asked for the platform's documents, or `db.system` for anybody's. */
export function requireSide(name: string | null | undefined, system: boolean): void {
  if (name == null || isSystemTable(name) === system) return;
  const side = system ? "db" : "db.system";
  throw new Refusal("WrongReader", `Documents of table \`${name}\` are read with ${side}.`);
}
