/** Paginated queries: one page of a query and the cursor of the next. */
import { createHash } from "node:crypto";
import { Refusal } from "./failure.ts";
import type { Journal } from "./frame.ts";
import { Stream, type SerializedQuery } from "./query.ts";
import { SearchStream } from "./search.ts";
import type { Transaction } from "./transaction.ts";

export interface PageRequest {
  query: SerializedQuery;
  cursor: string | null;
  endCursor: string | null;
  pageSize: number;
  maximumRowsRead: number | null;
  maximumBytesRead?: number | null;
}

/** JSON text, and the cursor of its end. */
interface Page {
  text: string;
  end: string;
}

const END = "end";

/**
 * JSON text of the page: `{page, isDone, continueCursor, splitCursor, pageStatus}`. Where nothing is
 * said of its end, it is the one in the journal; a page that has none there writes it.
 */
export function readPage(tx: Transaction, asked: PageRequest, journal: Journal): string {
  const request = { ...asked, endCursor: asked.endCursor ?? journal.end };
  const { text, end } = pageOf(tx, request);
  journal.end = end;
  return text;
}

function pageOf(tx: Transaction, request: PageRequest): Page {
  const fingerprint = fingerprintOf(request.query);
  const from = openCursor(request.cursor, fingerprint);
  const to = openCursor(request.endCursor, fingerprint);
  if (from === END) return pageText([], true, request.cursor!);
  const until = to === END ? undefined : to;
  const stream = streamOf(tx, request.query, from, until);
  const documents: string[] = [];
  let last: Uint8Array | undefined = from;
  while (request.endCursor !== null || !isFull(documents.length, stream, request)) {
    const entry = stream.next();
    if (entry === null)
      return until === undefined
        ? pageText(documents, true, sealCursor(END, fingerprint))
        : pageText(documents, false, request.endCursor!);
    documents.push(entry.json);
    last = entry.key;
  }
  return pageText(documents, false, last === undefined ? "" : sealCursor(last, fingerprint));
}

/** The documents of a query, those after the place `from` and up to `to`. */
export function streamOf(
  tx: Transaction,
  query: SerializedQuery,
  from?: Uint8Array,
  to?: Uint8Array,
): Stream | SearchStream {
  const { source, operators } = query;
  return source.type === "Search"
    ? new SearchStream(tx, source, operators, from, to)
    : new Stream(tx, { source, operators }, from, to);
}

function isFull(documents: number, { seen }: Stream | SearchStream, request: PageRequest): boolean {
  const { rows, bytes } = seen;
  return (
    documents >= Math.max(1, request.pageSize) ||
    rows >= (request.maximumRowsRead ?? Infinity) ||
    bytes >= (request.maximumBytesRead ?? Infinity)
  );
}

function pageText(documents: string[], isDone: boolean, end: string): Page {
  const text =
    `{"page":[${documents.join(",")}],"isDone":${isDone},` +
    `"continueCursor":${JSON.stringify(end)},"splitCursor":null,"pageStatus":null}`;
  return { text, end };
}

/** A cursor belongs to one query; the platform refuses it for another, and so must this backend. */
function fingerprintOf(query: SerializedQuery): string {
  return createHash("sha256").update(JSON.stringify(query)).digest("base64url").slice(0, 16);
}

function sealCursor(place: Uint8Array | typeof END, fingerprint: string): string {
  return `${fingerprint}.${place === END ? END : Buffer.from(place as Uint8Array).toString("hex")}`;
}

function openCursor(
  cursor: string | null,
  fingerprint: string,
): Uint8Array | typeof END | undefined {
  if (cursor === null || cursor === "") return undefined;
  const [sealed, place] = cursor.split(".");
  if (sealed !== fingerprint || place === undefined)
    throw new Refusal("InvalidCursor", "InvalidCursor: the cursor does not belong to this query.");
  return place === END ? END : Buffer.from(place, "hex");
}
