/**
 * The wire contract between the daemon and these functions, as validators; every type of it is
 * inferred from here. `at` is a commit timestamp (int64, nanoseconds), other numbers are float64.
 */
import { v, type Infer } from "convex/values";

export const PROTOCOL = 1;

export const kind = v.union(
  v.literal("workflow"),
  v.literal("execution"),
  v.literal("asset"),
  v.literal("deployment"),
  v.literal("metric"),
  v.literal("document"),
  v.literal("file"),
);
export type Kind = Infer<typeof kind>;

export const format = v.union(
  v.literal("json"),
  v.literal("yaml"),
  v.literal("text"),
  v.literal("bytes"),
);
export type Format = Infer<typeof format>;

export const scope = v.union(v.literal("read"), v.literal("write"));
export type Scope = Infer<typeof scope>;

export const layout = v.union(v.literal("file"), v.literal("records"), v.literal("lines"));
export type LayoutName = Infer<typeof layout>;

export const direction = v.union(
  v.literal("both"),
  v.literal("own"),
  v.literal("push"),
  v.literal("pull"),
);

/**
 * A store as a device has it configured. `create` is the path of a new entry, with `{id}` and
 * `{category}` to be filled in; `pointer` says where in a records file its list is.
 */
export const registration = v.object({
  name: v.string(),
  kind,
  layout,
  direction,
  create: v.string(),
  pointer: v.optional(v.string()),
});
export type Registration = Infer<typeof registration>;

const nullableString = v.union(v.string(), v.null());

/** What an earlier version told and a later one may omit; set if absent, cleared by a tombstone. */
export const carried = v.object({ startedAt: v.optional(v.number()) });
export type Carried = Infer<typeof carried>;

/** Identity of an entry within a workspace; `record` is "" for the layout `file`. */
export const key = v.object({ store: v.string(), path: v.string(), record: v.string() });
export type Key = Infer<typeof key>;

/** A version at a revision; `digest` is null exactly for a tombstone. */
export const snapshot = v.object({
  revision: v.number(),
  digest: nullableString,
  deleted: v.boolean(),
  at: v.commitTs(),
});
export type Snapshot = Infer<typeof snapshot>;

/**
 * A snapshot that a device holds the deployment to, and the revision of its own last operation on
 * the entry: see `model/witness.ts`.
 */
export const witness = v.object({
  ...key.fields,
  revision: v.number(),
  digest: nullableString,
  receipt: v.optional(v.number()),
});
export type Witness = Infer<typeof witness>;

/** An entry as manifests list it; the content of a `stored` one lies in file storage. */
export const listed = v.object({
  ...key.fields,
  kind,
  format,
  ...snapshot.fields,
  lastDigest: nullableString,
  movedTo: nullableString,
  size: v.number(),
  stored: v.boolean(),
  device: v.string(),
  origin: nullableString,
});
export type Listed = Infer<typeof listed>;

/** `drop` bytes at `at` of the former text make way for `text`; in order, none over another. */
const splice = v.object({ at: v.number(), drop: v.number(), text: v.string() });

/** A text told as what it changes in the one with the digest `base`. */
export const delta = v.object({ base: v.string(), splices: v.array(splice) });
export type Delta = Infer<typeof delta>;

/**
 * The feed's statement "this key is now this snapshot". With a `delta` there is no text: who does
 * not have what it changes fetches the text.
 */
export const change = v.object({
  ...listed.fields,
  text: nullableString,
  delta: v.optional(delta),
});
export type Change = Infer<typeof change>;

/** An entry with its content: its text or, of a stored one, the URL that serves it. */
export const fetched = v.object({ ...change.fields, url: nullableString });
export type Fetched = Infer<typeof fetched>;

/** The place after which a manifest page begins. */
export const place = v.object({ path: v.string(), record: v.string() });
export type Place = Infer<typeof place>;

const expectation = v.object({ revision: v.number(), digest: nullableString });
export type Expectation = Infer<typeof expectation>;

/**
 * Content that travels as text, or as what it changes in the text that the operation expects, or
 * content that file storage holds already. Where `splices` do not lead to the digest, the answer is
 * `refused: send-whole`, and nothing was changed.
 */
const content = { digest: v.string(), size: v.number() };
const write = v.union(
  v.object({ ...content, text: v.string() }),
  v.object({ ...content, splices: v.array(splice) }),
  v.object({ ...content, stored: v.literal(true) }),
);
export type Write = Infer<typeof write>;

/**
 * "Make this key this, if it is still that snapshot"; `write` null deletes. A deletion with a
 * `target` is a move: the content goes to `movedTo`, if that key is still what `target` expects.
 */
export const operation = v.object({
  operation: v.string(),
  ...key.fields,
  kind,
  format,
  expect: expectation,
  write: v.union(write, v.null()),
  carried: v.optional(carried),
  movedTo: v.optional(v.string()),
  target: v.optional(v.object({ operation: v.string(), expect: expectation })),
  rows: v.optional(v.literal("later")),
});
export type Operation = Infer<typeof operation>;

/** The answer to one operation; behind that of a move comes that of its target. */
export const result = v.union(
  v.object({
    operation: v.string(),
    outcome: v.literal("applied"),
    revision: v.number(),
    at: v.commitTs(),
  }),
  v.object({
    operation: v.string(),
    outcome: v.literal("replayed"),
    revision: v.number(),
    current: snapshot,
  }),
  v.object({
    operation: v.string(),
    outcome: v.literal("stale"),
    current: v.union(snapshot, v.null()),
  }),
  v.object({
    operation: v.string(),
    outcome: v.literal("refused"),
    reason: v.string(),
    detail: v.string(),
  }),
);
export type Result = Infer<typeof result>;

/**
 * Both sides changed the key, and the file of the device that tells it won. `base` and `local` are
 * digests (null: no common version, no file); `revision` and `digest` are the snapshot that lost;
 * `since` is in ms; `resolution` is null while nobody has decided.
 */
export const conflictColumns = v.object({
  ...key.fields,
  base: nullableString,
  local: nullableString,
  revision: v.number(),
  digest: v.string(),
  since: v.number(),
  resolution: nullableString,
});

/** A conflict as it is told; `author` is the device that wrote what lost, `text` that, whole. */
export const conflict = v.object({
  ...conflictColumns.fields,
  author: nullableString,
  text: nullableString,
});
export type Conflict = Infer<typeof conflict>;

/**
 * How far a log goes. `length`: bytes of its file, up to the end of a whole line; `tail`: SHA-256
 * of the last TAIL_BYTES of these (of all, if they are fewer), "" for an empty log.
 */
export const extent = v.object({ length: v.number(), tail: v.string() });
export type Extent = Infer<typeof extent>;

/** Identity of a log within a device: one file's life. `path` is the file's first name. */
export const logName = v.object({ store: v.string(), path: v.string(), generation: v.string() });

/** A line without its end; flagged where it is not what the file holds: `cut`, `not-text`. */
export const sentLine = v.union(
  v.string(),
  v.object({ text: v.string(), flag: v.union(v.literal("cut"), v.literal("not-text")) }),
);
export type SentLine = Infer<typeof sentLine>;

/** "Add these lines, if the log goes as far as `expect`; then it goes as far as `next`." */
export const append = v.object({
  ...logName.fields,
  kind,
  expect: extent,
  next: extent,
  lines: v.array(sentLine),
});
export type Append = Infer<typeof append>;

/** The answer to one append; `mismatch` tells how far the log goes. */
export const appendResult = v.union(
  v.object({ outcome: v.literal("appended"), ...extent.fields }),
  v.object({ outcome: v.literal("mismatch"), ...extent.fields }),
  v.object({ outcome: v.literal("refused"), reason: v.string(), detail: v.string() }),
);
export type AppendResult = Infer<typeof appendResult>;

/** A log as devices recover by it; `lines` counts those that have a row. */
export const listedLog = v.object({ ...logName.fields, kind, ...extent.fields, lines: v.number() });
export type ListedLog = Infer<typeof listedLog>;
