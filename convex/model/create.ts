/** New records, where the first registered store of their kind says. */
import { stringify } from "yaml";
import type { Kind } from "../validators";
import { hex } from "./digest";
import { refuseFields } from "./edit";
import { findEntry } from "./entry";
import { firstWithId, type IdTable } from "./found";
import { refuseId, refuseKey, refuseName, type Refusal } from "./key";
import { at, refusedAs, type Outcome } from "./outcome";
import { spelling } from "./spellYaml";
import { formatOf, storeFor, type Store } from "./store";
import { createEntry, refuseRecord, refuseText, type WriteCtx } from "./write";

/** A record's fields; `category` is the folder of a new asset. */
export type NewRecord = { id: string; fields: Record<string, unknown>; category?: string };

/** Creates the record, unless its id or its path is taken. */
export async function createRecord(
  ctx: WriteCtx,
  kind: Kind,
  table: IdTable,
  { id, fields, category = "uncategorized" }: NewRecord,
): Promise<Outcome> {
  const store = await storeFor(ctx, ctx.workspace, kind);
  if (store === null || store.layout === "lines") {
    const detail = `no device has registered a store of the kind ${kind}`;
    return refusedAs(id, { reason: "no-store", detail });
  }
  const refusal = refuseNames(store, id, category) ?? refuseFields(fields);
  if (refusal !== null) return refusedAs(id, refusal);
  const taken = await firstWithId(ctx, ctx.workspace, table, id);
  if (taken !== null) return at("exists", id, taken);
  return store.layout === "records"
    ? createInList(ctx, store, id, fields)
    : createFile(ctx, store, filled(store.create, id, category), id, fields);
}

/** Among others in one file almost any id will do. */
function refuseNames({ layout }: Store, id: string, category: string): Refusal | null {
  if (layout !== "records") return refuseName("id", id) ?? refuseName("category", category);
  return refuseId(id);
}

/** An id for a record that brings none. */
export function newId(prefix: string): string {
  return `${prefix}-${hex(crypto.getRandomValues(new Uint8Array(8)))}`;
}

function createFile(ctx: WriteCtx, store: Store, path: string, id: string, fields: object) {
  const format = formatOf(path) === "yaml" ? "yaml" : "json";
  const text = format === "yaml" ? stringify(fields, spelling) : JSON.stringify(fields, null, 2);
  const key = { store: store.name, path, record: "" };
  return createEntry(ctx, id, { ...key, kind: store.kind, format, text });
}

/** A record among others, as it is kept there: its tokens without white space, its id as text. */
async function createInList(ctx: WriteCtx, store: Store, id: string, fields: object) {
  const key = { store: store.name, path: store.create, record: id };
  const text = JSON.stringify({ ...fields, id });
  const refusal = refuseKey(key) ?? refuseText(text) ?? (await refuseRecord(ctx, store.name, text));
  if (refusal !== null) return refusedAs(id, refusal);
  await makeEnvelope(ctx, store);
  return createEntry(ctx, id, { ...key, kind: store.kind, format: "json", text });
}

/** Records wait for their envelope: where no machine has made the file yet, this makes it. */
async function makeEnvelope(ctx: WriteCtx, store: Store): Promise<void> {
  const key = { store: store.name, path: store.create, record: "" };
  const known = await findEntry(ctx, ctx.workspace, key);
  if (known !== null && !known.deleted) return;
  const text = JSON.stringify(envelopeOf(store));
  await createEntry(ctx, store.create, { ...key, kind: "document", format: "json", text });
}

/** The file with its list empty; a file of deployments has a queue beside it. */
function envelopeOf({ kind, pointer }: Store): unknown {
  const names = pointer === undefined ? [`${kind}s`] : pointer.split("/").slice(1);
  const list = names.reduceRight<unknown>((inner, name) => ({ [unescaped(name)]: inner }), []);
  return kind === "deployment" && names.length === 1 ? { ...(list as object), queue: [] } : list;
}

/** JSON Pointer, RFC 6901. */
function unescaped(name: string): string {
  return name.replaceAll("~1", "/").replaceAll("~0", "~");
}

function filled(template: string, id: string, category: string): string {
  return template
    .replace(/\{(id|category)\}/g, (_, name) => (name === "id" ? id : category))
    .normalize("NFC");
}
