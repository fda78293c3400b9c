/** Records found by their id, and changed. */
import { readText } from "./content";
import { Patch } from "./editJson";
import type { Entry } from "./entry";
import { isObject, milliseconds } from "./fields";
import { entryWithId, type IdTable } from "./found";
import type { Asking, Outcome } from "./outcome";
import { parse } from "./project";
import { editEntry, removeEntry, type WriteCtx } from "./write";

/** Fields that hold times, which callers give in ms. */
const TIMES: Record<IdTable, readonly string[]> = {
  workflows: ["createdAt", "updatedAt"],
  executions: ["startTime", "endTime", "savedAt"],
  assets: ["createdAt", "updatedAt"],
  deployments: ["startedAt", "completedAt"],
};

/** Sets the given top-level fields of the record with this id; null removes one. */
export async function updateRecord(
  ctx: WriteCtx,
  table: IdTable,
  id: string,
  updates: Record<string, unknown>,
  asking: Asking,
): Promise<Outcome> {
  const { entry, outcome } = await entryWithId(ctx, ctx.workspace, table, id);
  if (entry === null) return outcome;
  const text = (await readText(ctx, entry)) ?? "";
  const fields = spelledAs(entry, text, updates, TIMES[table]);
  return editEntry(ctx, id, entry, new Patch(fields), asking);
}

/** Deletes the record with this id. */
export async function removeRecord(
  ctx: WriteCtx,
  table: IdTable,
  id: string,
  asking: Asking,
): Promise<Outcome> {
  const { entry, outcome } = await entryWithId(ctx, ctx.workspace, table, id);
  return entry === null ? outcome : removeEntry(ctx, id, entry, asking);
}

/** Milliseconds become ISO 8601 where the record spells its times so. */
function spelledAs(
  { format }: Entry,
  text: string,
  updates: Record<string, unknown>,
  times: readonly string[],
): Record<string, unknown> {
  const given = times.filter((name) => typeof updates[name] === "number");
  if (given.length === 0) return updates;
  const { value } = parse(format, text);
  const known = isObject(value) ? times.map((name) => value[name]) : [];
  const isIso = known.some((time) => typeof time === "string" && milliseconds(time) !== undefined);
  if (!isIso) return updates;
  const respelled = given
    .filter((name) => milliseconds(updates[name]) !== undefined)
    .map((name) => [name, new Date(updates[name] as number).toISOString()] as const);
  return { ...updates, ...Object.fromEntries(respelled) };
}
