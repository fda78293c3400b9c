/**
 * Increments of numbers in entries' texts. They gather beside the entry, are added by whoever
 * reads, and are folded into the text once a second at most: so a push that comes in between is
 * neither refused nor undone by them.
 */
import { internal } from "../_generated/api";
import type { Doc, Id } from "../_generated/dataModel";
import type { MutationCtx, QueryCtx } from "../_generated/server";
import { readText } from "./content";
import { Patch } from "./editJson";
import { findEntry, type Entry } from "./entry";
import { isObject } from "./fields";
import { parse } from "./project";
import type { Outcome } from "./outcome";
import { noteDownloads } from "./row";

/** Milliseconds between two folds of one entry. */
const FOLD_MS = 1000;

/**
 * A fold that has not come this long after its time is not believed to come any more, nor is one that
 * is to come so much later: the clock of a backend of one's own may have been set back since.
 */
const OVERDUE_MS = 60_000;

/** Where in a record the number is. */
const PLACES = { downloads: ["metadata", "downloads"] } as const;
export type Counter = keyof typeof PLACES;

type Increment = Doc<"increments">;

/** Adds to the entry's number, and sees to it that it will be folded. */
export async function increment(
  ctx: MutationCtx,
  entry: Id<"entries">,
  field: Counter,
  by: number,
): Promise<void> {
  const known = await findIncrement(ctx, entry, field);
  const now = Date.now();
  const isAwaited = known !== null && Math.abs(known.foldAt - now) < OVERDUE_MS;
  const foldAt = isAwaited ? known.foldAt : now + FOLD_MS;
  if (known === null) await ctx.db.insert("increments", { entry, field, sum: by, foldAt });
  else await ctx.db.patch("increments", known._id, { sum: known.sum + by, foldAt });
  if (!isAwaited) await ctx.scheduler.runAfter(FOLD_MS, internal.increments.fold, { entry });
}

/** What is still to be added to the entry's number. */
export async function pending(
  ctx: QueryCtx,
  entry: Id<"entries">,
  field: Counter,
): Promise<number> {
  return (await findIncrement(ctx, entry, field))?.sum ?? 0;
}

/**
 * Adds what has gathered to the text of this moment. A text that cannot be edited keeps it
 * waiting: it is still added by whoever reads, and the next increment tries again.
 */
export async function fold(
  ctx: MutationCtx,
  entry: Entry,
  edit: (patch: Patch) => Promise<Outcome>,
): Promise<void> {
  const waiting = await findIncrement(ctx, entry._id, "downloads");
  if (waiting === null) return;
  const [outer, inner] = PLACES.downloads;
  const text = await readText(ctx, entry);
  const number = text === null ? null : numberAt(entry.format, text, outer, inner);
  if (number === null) return;
  const sum = number + waiting.sum;
  const { outcome } = await edit(new Patch({ [outer]: new Patch({ [inner]: sum }) }));
  if (outcome !== "applied") return;
  await ctx.db.delete("increments", waiting._id);
  await noteDownloads(ctx, entry._id, sum);
}

/** What waits for an entry that is deleted is dropped, or goes with it to where it moved. */
export async function leaveIncrements(
  ctx: MutationCtx,
  entry: Entry,
  movedTo: string | undefined,
): Promise<void> {
  if (entry.kind !== "asset") return;
  const { workspace, store, record } = entry;
  const key = { store, path: movedTo ?? "", record };
  const target = movedTo === undefined ? null : await findEntry(ctx, workspace, key);
  await moveIncrements(ctx, entry, target?._id ?? null);
}

/** What waits for an entry waits for another; for none: it is dropped. */
export async function moveIncrements(
  ctx: MutationCtx,
  from: Entry,
  to: Id<"entries"> | null,
): Promise<void> {
  const waiting = from.kind === "asset" ? await findIncrement(ctx, from._id, "downloads") : null;
  if (waiting === null) return;
  await ctx.db.delete("increments", waiting._id);
  if (to !== null) await increment(ctx, to, waiting.field, waiting.sum);
}

/** The number, 0 where there is none yet; null where something else is in its place. */
function numberAt(
  format: Entry["format"],
  text: string,
  outer: string,
  inner: string,
): number | null {
  const { value, flag } = parse(format, text);
  if (flag !== null || !isObject(value)) return null;
  const holder = own(value, outer) ?? {};
  if (!isObject(holder)) return null;
  const number = own(holder, inner) ?? 0;
  return typeof number === "number" && Number.isFinite(number) ? number : null;
}

function own(object: Record<string, unknown>, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

function findIncrement(
  ctx: QueryCtx,
  entry: Id<"entries">,
  field: Counter,
): Promise<Increment | null> {
  return ctx.db
    .query("increments")
    .withIndex("by_entry_and_field", (q) => q.eq("entry", entry).eq("field", field))
    .unique();
}
