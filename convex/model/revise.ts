/**
 * The one way in which an entry gets its next revision, from a push and from the app plane alike:
 * the entry, its pieces and its row in one transaction.
 */
import type { Doc, Id } from "../_generated/dataModel";
import type { MutationCtx } from "../_generated/server";
import type { Carried, Delta, Format, Key, Kind } from "../validators";
import type { Blob } from "./blob";
import { inlined, writePieces } from "./content";
import { putEntry, type Entry } from "./entry";
import { leaveIncrements } from "./increment";
import { tableOf } from "./project";
import { reapedOf } from "./reaped";
import { receiptsWith, type Author } from "./receipt";
import { dropRow, writeRow, writeRowLater } from "./row";

/** What an entry becomes; `content` null makes it a tombstone. */
export type Next = {
  key: Key;
  kind: Kind;
  format: Format;
  content: Content | null;
  movedTo?: string;
  carried?: Carried;
  rows?: "later";
  /** Of a key that is new: the revision behind which it begins, read where it is not said. */
  begun?: number;
};

/**
 * A text with its UTF-8 bytes and their digest, or what lies in file storage. `delta` is what it
 * changes in the former text, where that is short, `pieces` what that lies in, where it was read.
 */
export type Content =
  | {
      text: string;
      bytes: Uint8Array;
      digest: string;
      delta?: Delta;
      pieces?: Doc<"pieces">[];
    }
  | Blob;

/** Makes `entry` (null: the key is new to `workspace`) what `next` says; its new revision. */
export async function revise(
  ctx: MutationCtx,
  workspace: string,
  entry: Entry | null,
  next: Next,
  author: Author,
): Promise<number> {
  const begun = entry === null ? (next.begun ?? (await firstOf(ctx, workspace))) : entry.begun;
  const revision = (entry?.revision ?? begun ?? 0) + 1;
  const { content } = next;
  const { text, pieces, size, blob } = placed(content);
  const document = {
    workspace,
    store: next.key.store,
    path: next.key.path,
    record: next.key.record,
    kind: next.kind,
    format: next.format,
    revision,
    digest: content?.digest ?? null,
    deleted: content === null,
    lastDigest: content === null ? (entry?.digest ?? null) : null,
    movedTo: next.movedTo ?? null,
    ...(begun !== undefined && begun > 0 && { begun }),
    size,
    text,
    pieces: pieces.length,
    ...(blob !== null && { blob }),
    origin: entry === null ? originOf(author) : entry.origin,
    device: author.device,
    ...(author.operation === null && { app: true as const }),
    ...(await receiptsWith(ctx, entry, author, revision)),
    carried: content === null ? {} : { ...next.carried, ...entry?.carried },
    ...(content !== null && "delta" in content && { delta: content.delta }),
    at: ctx.db.vars.commitTs,
  };
  const id = await putEntry(ctx, entry, document);
  if ((entry?.pieces ?? 0) > 0 || pieces.length > 0) {
    const known = content !== null && "pieces" in content ? content.pieces : undefined;
    await writePieces(ctx, id, pieces, known);
  }
  await reviseRow(ctx, { ...document, _id: id }, next, entry);
  if (content === null && entry !== null) await leaveIncrements(ctx, entry, next.movedTo);
  return revision;
}

/** Where content goes: into the entry, into pieces, or nowhere, since file storage has it. */
function placed(content: Content | null) {
  if (content === null) return { text: null, pieces: [], size: 0, blob: null };
  if ("storageId" in content) {
    return { text: null, pieces: [], size: content.size, blob: content._id };
  }
  const { text, bytes } = content;
  return { ...inlined(text, bytes), size: bytes.length, blob: null };
}

async function firstOf(ctx: MutationCtx, workspace: string): Promise<number> {
  return (await reapedOf(ctx, workspace)).revision;
}

/** What is created on the app plane has no device that it comes from. */
function originOf({ device, operation }: Author): Id<"devices"> | null {
  return operation === null ? null : device;
}

async function reviseRow(
  ctx: MutationCtx,
  entry: Omit<Entry, "_creationTime">,
  { content, rows }: Next,
  before: Entry | null,
): Promise<void> {
  const moves = before !== null && tableOf(before.kind) !== tableOf(entry.kind);
  if (before !== null && (moves || content === null)) await dropRow(ctx, before);
  if (content === null) return;
  if (rows === "later") await writeRowLater(ctx, entry._id);
  else await writeRow(ctx, entry, "storageId" in content ? null : content.text, before === null);
}
