/**
 * For the mutations of an application that has these functions in its deployment: what they write
 * with these becomes edits of files, in the same transaction as whatever else they do.
 *
 * `workspace` is "default" if left out. The text of a file is never written past these: a row is
 * derived, and changing it changes no file. Who may call is the application's own affair.
 */
import type { MutationCtx } from "./_generated/server";
import { Patch } from "./model/editJson";
import { findEntry } from "./model/entry";
import { isObject } from "./model/fields";
import { refuseId, refuseKey, refuseOtherId, type Refusal } from "./model/key";
import { at, refusedAs, type Outcome } from "./model/outcome";
import { parse } from "./model/project";
import { formatOf, kindOf } from "./model/store";
import { editEntry as edit, removeEntry as remove, writeText } from "./model/write";
import type { Format, Kind } from "./validators";

/** Which entry: `path` is relative to the store's folder; `record` only for a file of many. */
export type Place = { workspace?: string; store: string; path: string; record?: string };

/** Only if the entry is at this revision; 0: only if it is not there, and no tombstone of it. */
export type Expecting = { expectedRevision?: number };

/**
 * Makes the entry's text `text`, whatever it was, creating it if need be. `kind` is by default
 * that of the store, as it is registered; `format` that of the path's ending.
 */
export async function writeEntry(
  ctx: MutationCtx,
  place: Place & Expecting & { text: string; kind?: Kind; format?: Format },
): Promise<Outcome> {
  const { id, key, app, entry } = await found(ctx, place);
  const { expectedRevision: expected, text } = place;
  const refusal = refuseKey(key) ?? refuseRecord(key.record, text);
  if (refusal !== null) return refusedAs(id, refusal);
  if (expected !== undefined && expected !== (entry?.revision ?? 0)) {
    return at("stale", id, { ...key, revision: entry?.revision ?? 0 });
  }
  const kind = place.kind ?? entry?.kind ?? (await kindOf(ctx, app.workspace, place.store));
  if (kind === null) {
    const detail = `no device has registered the store ${place.store}: say which kind it has`;
    return refusedAs(id, { reason: "no-store", detail });
  }
  const format = place.format ?? entry?.format ?? formatOf(place.path);
  return writeText(app, id, entry, { ...key, kind, format, text });
}

/** Sets top-level fields of the entry's record, with the least change; null removes one. */
export async function editEntry(
  ctx: MutationCtx,
  place: Place & Expecting & { updates: Record<string, unknown> },
): Promise<Outcome> {
  const { id, app, entry } = await found(ctx, place);
  if (entry === null || entry.deleted) return { outcome: "missing", id };
  return edit(app, id, entry, new Patch(place.updates), place);
}

/** Deletes the entry, and with it the file on every machine. */
export async function removeEntry(ctx: MutationCtx, place: Place & Expecting): Promise<Outcome> {
  const { id, app, entry } = await found(ctx, place);
  if (entry === null || entry.deleted) return { outcome: "missing", id };
  return remove(app, id, entry, place);
}

/** A record of a file of many has the id under which it is kept there. */
function refuseRecord(record: string, text: string): Refusal | null {
  if (record === "") return null;
  const { value } = parse("json", text);
  return refuseId(record) ?? refuseOtherId(record, isObject(value) ? value.id : undefined);
}

async function found(ctx: MutationCtx, place: Place) {
  const { workspace = "default", store, path, record = "" } = place;
  const key = { store, path, record };
  const entry = await findEntry(ctx, workspace, key);
  // What the outcome calls its id: a place has no other.
  const id = record === "" ? path : record;
  return { id, key, entry, app: { ...ctx, workspace, device: null } };
}
