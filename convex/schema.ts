import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";
import {
  assetColumns,
  deploymentColumns,
  documentColumns,
  executionColumns,
  lineColumns,
  sampleColumns,
  source,
  workflowColumns,
} from "./columns";
import { outcome, recorded } from "./model/outcome";
import {
  carried,
  conflictColumns,
  delta,
  format,
  kind,
  listedLog,
  registration,
  scope,
} from "./validators";

/** What an entry remembers of a device: the last operation applied and the revision it made. */
const receipt = v.object({
  device: v.id("devices"),
  operation: v.string(),
  revision: v.number(),
});

/** Where a line comes from. */
const ofLog = {
  workspace: v.string(),
  store: v.string(),
  log: v.id("logs"),
  number: v.number(),
};

export default defineSchema({
  /**
   * The file plane: one document a key, kept as a tombstone when the file is deleted.
   * `text` holds content up to INLINE_BYTES, otherwise it is null and `pieces` counts the parts.
   * `app`: the last version was written on the app plane, not from a file of `device`.
   * Content in file storage has neither, but its `blob`.
   * `movedFrom`: a move made this revision, so that devices have its bytes under that path.
   * `begun`: the revision behind which it began, where tombstones were reaped before.
   * `receipts` are the newest; `moreReceipts`: there are, or were, older ones in their table.
   */
  entries: defineTable({
    workspace: v.string(),
    store: v.string(),
    path: v.string(),
    record: v.string(),
    kind,
    format,
    revision: v.number(),
    digest: v.union(v.string(), v.null()),
    deleted: v.boolean(),
    lastDigest: v.union(v.string(), v.null()),
    movedTo: v.union(v.string(), v.null()),
    movedFrom: v.optional(v.string()),
    begun: v.optional(v.number()),
    size: v.number(),
    text: v.union(v.string(), v.null()),
    pieces: v.number(),
    blob: v.optional(v.id("blobs")),
    origin: v.union(v.id("devices"), v.null()),
    device: v.id("devices"),
    app: v.optional(v.literal(true)),
    receipts: v.array(receipt),
    moreReceipts: v.optional(v.literal(true)),
    carried,
    delta: v.optional(delta),
    at: v.commitTs(),
  })
    .index("by_workspace_and_store_and_path_and_record", ["workspace", "store", "path", "record"])
    .index("by_workspace_and_at", ["workspace", "at"])
    .index("by_workspace_and_deleted_and_at", ["workspace", "deleted", "at"])
    .index("by_blob", ["blob"]),

  /** Receipts that the entry itself has no room for: see `model/receipt.ts`. */
  receipts: defineTable({ entry: v.id("entries"), ...receipt.fields }).index(
    "by_entry_and_device",
    ["entry", "device"],
  ),

  /**
   * What was reaped of a workspace: the newest place of the feed at which a tombstone was, and the
   * highest revision one had. See `model/reaped.ts`.
   */
  reaped: defineTable({ workspace: v.string(), at: v.int64(), revision: v.number() }).index(
    "by_workspace",
    ["workspace"],
  ),

  /** Longer text, in parts of at most PIECE_BYTES, cut between code points; `number` from 0. */
  pieces: defineTable({
    entry: v.id("entries"),
    number: v.number(),
    text: v.string(),
  }).index("by_entry_and_number", ["entry", "number"]),

  /**
   * The stores that devices have configured; `first` registered it. One that no device has
   * configured any more is not here. Earlier functions kept `last` and `devices` here: the next
   * registration in the workspace moves them to `configured`.
   */
  stores: defineTable({
    workspace: v.string(),
    ...registration.fields,
    first: v.id("devices"),
    last: v.optional(v.id("devices")),
    devices: v.optional(v.array(v.id("devices"))),
  })
    .index("by_workspace_and_name", ["workspace", "name"])
    .index("by_workspace_and_kind", ["workspace", "kind"]),

  /**
   * That a device has a store of this name. Not in the store itself: all machines of a fleet that is
   * set up anew would write one document, one after the other.
   */
  configured: defineTable({
    workspace: v.string(),
    store: v.string(),
    device: v.id("devices"),
  })
    .index("by_device_and_store", ["device", "store"])
    .index("by_workspace_and_store", ["workspace", "store"]),

  /**
   * Content in file storage, by its digest. `seenAt` (ms) is when it arrived or was last found in
   * use: see `model/collect.ts`.
   */
  blobs: defineTable({
    workspace: v.string(),
    digest: v.string(),
    size: v.number(),
    storageId: v.id("_storage"),
    seenAt: v.number(),
  })
    .index("by_workspace_and_digest", ["workspace", "digest"])
    .index("by_storageId", ["storageId"])
    .index("by_seenAt", ["seenAt"]),

  /** A machine's registration; its id survives token rotation and re-enrolment. */
  devices: defineTable({
    workspace: v.string(),
    name: v.string(),
    tokenHash: v.string(),
    scopes: v.array(scope),
    revoked: v.boolean(),
  })
    .index("by_tokenHash", ["tokenHash"])
    .index("by_workspace_and_name", ["workspace", "name"]),

  /**
   * What a device's ledger last said of itself; apart from `devices`, which every call reads.
   * `passed`: the place up to which it needs no tombstone, null while it has none; absent where the
   * daemon does not tell. See `model/reap.ts`.
   */
  presence: defineTable({
    device: v.id("devices"),
    ledger: v.string(),
    start: v.number(),
    cursor: v.union(v.string(), v.null()),
    passed: v.optional(v.union(v.string(), v.null())),
    seenAt: v.number(),
  }).index("by_device_and_ledger", ["device", "ledger"]),

  /**
   * Both sides changed a key, and the file of `device` won over what `author` had written at
   * `revision`. One document for each device, key and revision; the text is in `losers`.
   */
  conflicts: defineTable({
    workspace: v.string(),
    device: v.id("devices"),
    ...conflictColumns.fields,
    author: v.union(v.id("devices"), v.null()),
    /** Content that lost and lies in file storage. */
    blob: v.optional(v.id("blobs")),
    /** When this deployment was told of the resolution, in ms: see `model/resolved.ts`. */
    resolvedAt: v.optional(v.number()),
  })
    .index("by_workspace", ["workspace"])
    .index("by_resolvedAt_and_resolution", ["resolvedAt", "resolution"])
    .index("by_blob", ["blob"])
    .index("by_author", ["author"])
    .index("by_device_and_store_and_path_and_record_and_revision", [
      "device",
      "store",
      "path",
      "record",
      "revision",
    ]),

  /** The text that lost, in parts as in `pieces`; none where its device had no bytes to send. */
  losers: defineTable({
    conflict: v.id("conflicts"),
    number: v.number(),
    text: v.string(),
  }).index("by_conflict_and_number", ["conflict", "number"]),

  /** Answers to writes that carried a `requestId`, for their repetition; `since` in ms. */
  requests: defineTable({
    workspace: v.string(),
    requestId: v.string(),
    name: v.string(),
    outcome: v.union(outcome, recorded),
    since: v.number(),
  })
    .index("by_workspace_and_requestId", ["workspace", "requestId"])
    .index("by_since", ["since"]),

  /**
   * What is to be added to a number in an entry's text, and when that will be done (ms). Not
   * derived from anything: while it is here, whoever reads the number adds it.
   */
  increments: defineTable({
    entry: v.id("entries"),
    field: v.literal("downloads"),
    sum: v.number(),
    foldAt: v.number(),
  }).index("by_entry_and_field", ["entry", "field"]),

  /**
   * One document: the deployment's random id, made by the first `sync:hello`, and the creation time
   * up to which uploads were looked at (see `model/collect.ts`).
   */
  meta: defineTable({ deployment: v.string(), sweptTo: v.optional(v.number()) }),

  workflows: defineTable({ ...source, ...workflowColumns.fields })
    .index("by_entry", ["entry"])
    .index("by_workspace_and_path", ["workspace", "path"])
    .index("by_workspace_and_recordId_and_path", ["workspace", "recordId", "path"])
    .index("by_workspace_and_name_and_path", ["workspace", "name", "path"])
    .index("by_workspace_and_status_and_name", ["workspace", "status", "name"]),

  executions: defineTable({ ...source, ...executionColumns.fields })
    .index("by_entry", ["entry"])
    .index("by_workspace_and_executionId_and_path", ["workspace", "executionId", "path"])
    .index("by_workspace_and_startTime", ["workspace", "startTime"])
    .index("by_workspace_and_status_and_startTime", ["workspace", "status", "startTime"])
    .index("by_workspace_and_workflowId_and_startTime", ["workspace", "workflowId", "startTime"])
    .index("by_workspace_and_workflowId_and_status_and_startTime", [
      "workspace",
      "workflowId",
      "status",
      "startTime",
    ]),

  assets: defineTable({ ...source, ...assetColumns.fields })
    .index("by_entry", ["entry"])
    .index("by_workspace_and_path", ["workspace", "path"])
    .index("by_workspace_and_recordId_and_path", ["workspace", "recordId", "path"])
    .index("by_workspace_and_type_and_path", ["workspace", "type", "path"])
    .index("by_workspace_and_category_and_path", ["workspace", "category", "path"])
    .index("by_workspace_and_category_and_type_and_path", ["workspace", "category", "type", "path"])
    .index("by_workspace_and_status_and_category_and_path", [
      "workspace",
      "status",
      "category",
      "path",
    ])
    .searchIndex("search_searchText", {
      searchField: "searchText",
      filterFields: ["workspace", "category", "type", "status"],
    }),

  deployments: defineTable({ ...source, ...deploymentColumns.fields })
    .index("by_entry", ["entry"])
    .index("by_workspace_and_recordId_and_path", ["workspace", "recordId", "path"])
    .index("by_workspace_and_startedAt", ["workspace", "startedAt"])
    .index("by_workspace_and_status_and_startedAt", ["workspace", "status", "startedAt"])
    .index("by_workspace_and_siteId_and_startedAt", ["workspace", "siteId", "startedAt"])
    .index("by_workspace_and_siteId_and_status_and_startedAt", [
      "workspace",
      "siteId",
      "status",
      "startedAt",
    ]),

  documents: defineTable({ ...source, ...documentColumns.fields })
    .index("by_entry", ["entry"])
    .index("by_workspace_and_path", ["workspace", "path"])
    .index("by_workspace_and_store_and_path_and_record", ["workspace", "store", "path", "record"]),

  /**
   * The life of a file that only grows, of one device: see `model/log.ts`. What `metrics:record`
   * is told goes to logs of no device.
   */
  logs: defineTable({
    workspace: v.string(),
    device: v.union(v.id("devices"), v.null()),
    ...listedLog.fields,
  })
    .index("by_workspace_and_device_and_store_and_generation", [
      "workspace",
      "device",
      "store",
      "generation",
    ])
    .index("by_workspace_and_store_and_path", ["workspace", "store", "path"]),

  /** A line that is a sample; `number` counts the lines of its log from 0. */
  metrics: defineTable({ ...ofLog, ...sampleColumns.fields })
    .index("by_log_and_number", ["log", "number"])
    .index("by_workspace_and_type_and_timestamp", ["workspace", "type", "timestamp"])
    .index("by_workspace_and_name_and_timestamp", ["workspace", "name", "timestamp"])
    .index("by_workspace_and_type_and_name_and_timestamp", [
      "workspace",
      "type",
      "name",
      "timestamp",
    ]),

  /** Any other line; in a log of samples, one that is none. */
  lines: defineTable({ ...ofLog, ...lineColumns.fields }).index("by_log_and_number", [
    "log",
    "number",
  ]),

  /**
   * The samples of one log, type and name in one minute, and in one hour, added up as they come:
   * `width` is 60,000 or 3,600,000 ms, `start` a multiple of it, `first` and `last` are times.
   * `thinned`: samples of the minute are gone; see `model/expire.ts`.
   */
  rollups: defineTable({
    workspace: v.string(),
    log: v.id("logs"),
    width: v.number(),
    start: v.number(),
    type: v.string(),
    name: v.string(),
    count: v.number(),
    sum: v.number(),
    min: v.number(),
    max: v.number(),
    first: v.number(),
    last: v.number(),
    sketch: v.bytes(),
    thinned: v.optional(v.literal(true)),
  })
    .index("by_log_and_width_and_start_and_type_and_name", [
      "log",
      "width",
      "start",
      "type",
      "name",
    ])
    .index("by_workspace_and_width_and_type_and_start", ["workspace", "width", "type", "start"])
    .index("by_workspace_and_width_and_name_and_start", ["workspace", "width", "name", "start"])
    .index("by_workspace_and_width_and_type_and_name_and_start", [
      "workspace",
      "width",
      "type",
      "name",
      "start",
    ]),
});
