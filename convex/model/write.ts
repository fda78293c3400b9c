/** Entries written on the app plane, by whom `ctx` says. Each is checked as a push is. */
import type { MutationCtx, QueryCtx } from "../_generated/server";
import type { Format, Key, Kind } from "../validators";
import { appAuthor } from "./author";
import type { AppCaller } from "./authorized";
import { readText } from "./content";
import { isLonger, sha256, utf8 } from "./digest";
import { edit, refuseFields } from "./edit";
import { plainOf, type Patch } from "./editJson";
import { findEntry, type Entry } from "./entry";
import { refuseFile, refuseKey, refuseOtherId, type Refusal } from "./key";
import { levelsOf } from "./json";
import { RECORDS_LEVELS, TEXT_BYTES, YAML_EDITED } from "./limits";
import { at, refusedAs, type Asking, type Outcome } from "./outcome";
import { revise } from "./revise";
import { levelsAbove } from "./store";

const STORED: Refusal = { reason: "unsupported", detail: "the content is in file storage" };

export type WriteCtx = MutationCtx & AppCaller;

/** Makes the live entry's text what the patch says, with the least change. */
export async function editEntry(
  ctx: WriteCtx,
  id: string,
  entry: Entry,
  patch: Patch,
  { expectedRevision }: Asking,
): Promise<Outcome> {
  if (isStale(entry, expectedRevision)) return at("stale", id, entry);
  const refusal = refuseFields(plainOf(patch)) ?? refuseRenaming(entry, patch);
  if (refusal !== null) return refusedAs(id, refusal);
  const text = await readText(ctx, entry);
  if (text === null) return refusedAs(id, STORED);
  const edited = edit(entry.format, text, patch);
  if (edited.refusal !== null) return refusedAs(id, edited.refusal);
  if (edited.text === text) return at("applied", id, entry);
  return writeText(ctx, id, entry, { ...entry, text: edited.text });
}

function refuseRenaming({ record }: Entry, { fields }: Patch): Refusal | null {
  return record !== "" && fields.has("id") ? refuseOtherId(record, fields.get("id")) : null;
}

/** Deletes the live entry. */
export async function removeEntry(
  ctx: WriteCtx,
  id: string,
  entry: Entry,
  { expectedRevision }: Asking,
): Promise<Outcome> {
  if (isStale(entry, expectedRevision)) return at("stale", id, entry);
  const { kind, format } = entry;
  const author = await appAuthor(ctx, ctx.workspace, ctx.device);
  const next = { key: keyOf(entry), kind, format, content: null };
  const revision = await revise(ctx, ctx.workspace, entry, next, author);
  return at("applied", id, { ...entry, revision });
}

/** Makes an entry with this text; a tombstone at its key is continued, a live entry is left. */
export async function createEntry(
  ctx: WriteCtx,
  id: string,
  made: Key & { kind: Kind; format: Format; text: string },
): Promise<Outcome> {
  const refusal = refuseKey(made);
  if (refusal !== null) return refusedAs(id, refusal);
  const entry = await findEntry(ctx, ctx.workspace, made);
  if (entry !== null && !entry.deleted) return at("exists", id, entry);
  return writeText(ctx, id, entry, made);
}

/** The next revision of `entry` (null: the first) has this text. */
export async function writeText(
  ctx: WriteCtx,
  id: string,
  entry: Entry | null,
  { kind, format, text, ...key }: Key & { kind: Kind; format: Format; text: string },
): Promise<Outcome> {
  const isNew = entry === null || entry.deleted;
  const refusal =
    refuseText(text) ??
    (isNew ? refuseFile(key.path) : null) ??
    (key.record === "" ? null : await refuseRecord(ctx, key.store, text));
  if (refusal !== null) return refusedAs(id, refusal);
  const bytes = utf8(text);
  const content = { text, bytes, digest: await sha256(bytes) };
  const author = await appAuthor(ctx, ctx.workspace, ctx.device);
  // What is made here is found by its row, so that is there at once: nobody has read this text yet.
  const isLong = !isNew && format === "yaml" && bytes.length > YAML_EDITED;
  const rows = isLong ? ("later" as const) : undefined;
  const next = { key: keyOf(key), kind, format, content, rows };
  const revision = await revise(ctx, ctx.workspace, entry, next, author);
  return at("applied", id, { ...key, revision });
}

/** Why no entry may hold this text. */
export function refuseText(text: string): Refusal | null {
  if (!text.isWellFormed())
    return { reason: "not-text", detail: "half a character (a lone surrogate) is no Unicode" };
  if (!isLonger(text, TEXT_BYTES)) return null;
  return { reason: "too-large", detail: `more than ${TEXT_BYTES} bytes` };
}

/** Why a record may not be written so: machines would not find it, nor any other, in its file. */
export async function refuseRecord(
  ctx: QueryCtx & { workspace: string },
  store: string,
  text: string,
): Promise<Refusal | null> {
  const levels = RECORDS_LEVELS - (await levelsAbove(ctx, ctx.workspace, store));
  if (levelsOf(text) <= levels) return null;
  return { reason: "too-deep", detail: `in this file a record nests at most ${levels} levels` };
}

/** The live entry of a row. */
export async function entryOf(ctx: QueryCtx, row: { entry: Entry["_id"] }): Promise<Entry | null> {
  const entry = await ctx.db.get("entries", row.entry);
  return entry === null || entry.deleted ? null : entry;
}

export function isStale(entry: Entry, expected: number | undefined): boolean {
  return expected !== undefined && expected !== entry.revision;
}

function keyOf({ store, path, record }: Key): Key {
  return { store, path, record };
}
