/**
 * The bounds of one call, in UTF-8 bytes or in documents. They stay under the platform's limits
 * for one transaction (16 MiB read or written, 32,000 documents read, 4,096 index ranges, a
 * response of 16 MiB): https://docs.convex.dev/production/state/limits
 */
const KIB = 1024;
const MIB = 1024 * KIB;

/**
 * Content up to this size lies in the entry itself. Entries are read for much that needs no text: by
 * every subscription after every write, as witnesses sixteen at a time, in manifests. A longer text
 * there costs more than the document that it saves.
 */
export const INLINE_BYTES = 2 * KIB;
/** Receipts that lie in the entry itself. */
export const RECEIPTS = 8;
/** Levels that machines read of a file of many: `_LEVELS` in syncd/stores/elements.py. */
export const RECORDS_LEVELS = 40;
/** A part of longer content. */
export const PIECE_BYTES = 512 * KIB;
/** The longest text an entry may hold. */
export const TEXT_BYTES = 2 * MIB;
/** Blobs or files that one step of the collection looks at. */
export const BLOBS_AT_ONCE = 100;
/** Digests of one `blobs:missing`. */
export const DIGESTS = 1000;
/** A change that is kept beside the text it led to, so that it is told in place of the text. */
export const DELTA_BYTES = 2 * KIB;
/** A shorter text is told itself: a device that lacks the former one would have to fetch it. */
export const DELTA_LEAST = 8 * KIB;
/** Splices of one operation. */
export const SPLICES = 1000;
/** Operations of one push. */
export const OPERATIONS = 200;
/** A page of the feed, of a manifest or of fetched entries. */
export const PAGE_BYTES = 4 * MIB;
export const PAGE_ROWS = 1000;
/** Bytes of a page for a caller that takes up to `most`, which may be anything: one at least. */
export function pageBytes(most: number | undefined): number {
  return most !== undefined && most < PAGE_BYTES ? Math.max(1, most) : PAGE_BYTES;
}
/** Text above this is left out of the feed; the device fetches it. */
export const FEED_TEXT_BYTES = 512 * KIB;
/** Each costs an index range and up to INLINE_BYTES read. */
export const WITNESSES = 500;
/** Places of the feed that one `sync:changes` passes over; each costs an index range. */
export const KNOWN = 500;
/** A page of the app plane. */
export const LIST_ROWS = 200;
/**
 * A page of samples, in bytes of their lines. What a line says is answered beside it as a value, and
 * the platform counts nine bytes for a digit.
 */
export const SAMPLES_BYTES = 2 * MIB;
/** What a text parses to, as the platform counts it: an answer has it twice, in parts and whole. */
export const VALUE_BYTES = 6 * MIB;
/** Conflicts of one call; their text is bounded by PAGE_BYTES. */
export const CONFLICTS = 50;
/** Devices whose names one call asks for. */
export const AUTHORS = 100;
/** Stores that one device registers. */
export const STORES = 100;
/** Appends of one call, and their lines; their text is bounded by APPEND_BYTES. */
export const APPENDS = 100;
export const LINES = 500;
export const APPEND_BYTES = MIB;
/** What of a line is kept: JSON can make three bytes of text of one in the file. */
export const LINE_BYTES = 192 * KIB;
/** Samples of one `metrics:record`. */
export const SAMPLES = 500;
/**
 * Rollups that one `metrics:aggregate` reads, each again for every SKETCH_BYTES of its sketch; those
 * of a minute that may be cut which it looks at first, and the samples it reads there.
 */
export const ROLLUPS = 4000;
export const SKETCH_BYTES = 512;
export const EDGE_ROLLUPS = 2000;
export const EDGE_SAMPLES = 4000;
/** UTF-16 units of the lines of these. */
export const EDGE_LENGTH = 2 * MIB;
/** YAML whose rows are written by the push itself. */
export const YAML_AT_ONCE = 96 * KIB;
/** YAML whose row is written by the edit itself, which has read it twice by then. */
export const YAML_EDITED = 24 * KIB;
/** YAML that is parsed, in UTF-16 units; longer text has no columns. */
export const YAML_LENGTH = 64 * KIB;
/** The largest answer that is kept for a repetition of its request, as the platform counts it. */
export const REQUEST_BYTES = 64 * KIB;
/** How long an answer is kept for a repetition of its request. */
export const REQUEST_DAYS = 14;
/** Answers that are forgotten in one transaction. */
export const SWEPT_REQUESTS = 500;
/** Lines that one step of their expiry deletes, and UTF-16 units of text after which it ends. */
export const EXPIRED_AT_ONCE = 500;
export const EXPIRED_LENGTH = MIB;
/** How long a conflict is kept that was resolved, and how many one step forgets. */
export const RESOLVED_DAYS = 90;
export const FORGOTTEN_CONFLICTS = 100;
/** Documents that one step of the reaping deletes, and workspaces it looks at. */
export const REAPED_AT_ONCE = 500;
export const WORKSPACES_AT_ONCE = 100;
/** Devices, revoked ones too, of a workspace in which tombstones are reaped, and that are listed. */
export const REAPED_DEVICES = 2000;
/** Ledgers of these, all together. */
export const REAPED_LEDGERS = 10_000;
/** Ledgers of all the devices that one `devices:list` tells of. */
export const LISTED_LEDGERS = 20_000;
/** Rows that one search looks at; the platform finds at most 1,024. */
export const SEARCHED_ROWS = 1000;
/** UTF-16 units of these after which it looks at no more: all of it is read, and may be answered. */
export const SEARCHED_LENGTH = 4 * MIB;
