/**
 * An entry's text: in the entry up to INLINE_BYTES, longer in `pieces`. What lies in file storage is
 * not read by functions.
 */
import type { Doc, Id } from "../_generated/dataModel";
import type { MutationCtx, QueryCtx } from "../_generated/server";
import { INLINE_BYTES, PIECE_BYTES } from "./limits";

/** The text of a live entry, exactly as it was written; null of a stored one. */
export async function readText(ctx: QueryCtx, entry: Doc<"entries">): Promise<string | null> {
  if (entry.text !== null) return entry.text;
  if (entry.blob !== undefined) return null;
  return joined(await readPieces(ctx, entry._id));
}

/** What the text of an entry lies in, in order. */
export async function readPieces(ctx: QueryCtx, entry: Id<"entries">): Promise<Doc<"pieces">[]> {
  const pieces: Doc<"pieces">[] = [];
  for await (const piece of piecesOf(ctx, entry)) pieces.push(piece);
  return pieces;
}

export function joined(pieces: Doc<"pieces">[]): string {
  return pieces.map(({ text }) => text).join("");
}

/**
 * What the entry itself has to hold of content with these bytes: the text, or the number of
 * pieces it is cut into. The pieces are written by `writePieces`, which needs the entry's id.
 */
export function inlined(text: string, bytes: Uint8Array) {
  if (bytes.length <= INLINE_BYTES) return { text, pieces: [] };
  return { text: null, pieces: cut(bytes, PIECE_BYTES) };
}

/**
 * Makes these the entry's pieces: what differs is overwritten, what is left over is deleted. `known`
 * are those it has, where they were read before.
 */
export async function writePieces(
  ctx: MutationCtx,
  entry: Id<"entries">,
  pieces: string[],
  known?: Doc<"pieces">[],
) {
  let number = 0;
  for await (const old of known ?? piecesOf(ctx, entry)) {
    const text = pieces[number];
    if (text === undefined) await ctx.db.delete("pieces", old._id);
    else if (text !== old.text) await ctx.db.patch("pieces", old._id, { text });
    number += 1;
  }
  for (const text of pieces.slice(number)) {
    await ctx.db.insert("pieces", { entry, number, text });
    number += 1;
  }
}

/** Makes the pieces of one entry those of another, which has none. */
export async function movePieces(ctx: MutationCtx, from: Id<"entries">, to: Id<"entries">) {
  for await (const piece of piecesOf(ctx, from)) {
    await ctx.db.patch("pieces", piece._id, { entry: to });
  }
}

/** Cuts UTF-8 into texts of at most `limit` bytes (at least 4), between code points. */
export function cut(bytes: Uint8Array, limit: number): string[] {
  // A byte order mark is content: without ignoreBOM the decoder swallows one that begins a piece.
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const pieces: string[] = [];
  for (let start = 0; start < bytes.length;) {
    let end = Math.min(start + limit, bytes.length);
    while (isContinuation(bytes[end])) end -= 1;
    pieces.push(decoder.decode(bytes.subarray(start, end)));
    start = end;
  }
  return pieces;
}

/** Whether a code point goes on here; false behind the last byte. */
function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

function piecesOf(ctx: QueryCtx, entry: Id<"entries">) {
  return ctx.db.query("pieces").withIndex("by_entry_and_number", (q) => q.eq("entry", entry));
}
