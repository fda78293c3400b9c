/**
 * What functions ask of the platform, through the global `Convex` that npm `convex` calls.
 *
 * Arguments and answers are JSON text. A syscall this backend does not know is an error that says
 * so.
 */
import { Refusal, notYet } from "./failure.ts";
import { frames, type Frame } from "./frame.ts";
import { LIMITS } from "./limits.ts";
import { readPage, streamOf, type PageRequest } from "./page.ts";
import type { SerializedQuery } from "./query.ts";
import { cancel, schedule } from "./scheduler.ts";
import { isStorageTrouble } from "./store.ts";
import { requireOwn, requireSide } from "./system.ts";
import { base64OfInteger, type EncodedObject } from "./values.ts";
import type { Backend } from "./backend.ts";
import { canonicalPath, notAPath, type Kind } from "./functions.ts";
import type { FileDocument, Storage } from "./storage.ts";
import type { Transaction } from "./transaction.ts";

/**
 * Runs a function for another one: in the caller's transaction, or for an action in one of its own.
 */
export type CallFunction = (
  caller: Frame,
  kind: Kind,
  path: string,
  args: EncodedObject,
) => Promise<string>;

/** What functions reach beside documents. */
export interface Platform {
  backend: Backend;
  storage: Storage;
}

/**
 * The arguments of a syscall. Written by the npm runtime, never by a user, so their types are taken
 * as said.
 */
interface Args {
  table: string;
  id: string;
  idString: string;
  value: EncodedObject;
  query: SerializedQuery;
  queryId: number;
  udfType: "query" | "mutation" | "snapshotQuery";
  name?: string;
  args: EncodedObject;
  isSystem: boolean;
  storageId: string;
  /** Seconds since the epoch. */
  ts: number;
}

const UNKNOWN: Record<string, string> = {
  storage: "this call of file storage",
  actions: "this action call",
  count: "counting a table",
};

export function installSyscalls(call: CallFunction, platform: Platform): void {
  const handlers = { ...asyncSyscalls(call), ...storageSyscalls(platform.storage) };
  Object.assign(handlers, schedulerSyscalls(platform.backend));
  Object.assign(globalThis, {
    Convex: {
      syscall: (op: string, json: string) =>
        timed((frame) => syncSyscall(frame, op, JSON.parse(json) as Args)),
      asyncSyscall: async (op: string, json: string) =>
        timed((frame) => {
          const handler = handlers[op.replace("1.0/", "")];
          if (handler === undefined) throw unknown(op);
          return handler(frame, JSON.parse(json) as Args);
        }),
      jsSyscall: (op: string) => {
        throw unknown(op);
      },
    },
  });
}

/** Stops the clock of the function's own code for as long as the platform works for it. */
function timed<T>(work: (frame: Frame) => T): T {
  const frame = frames.getStore();
  if (frame === undefined)
    throw new Refusal(
      "NotInAFunction",
      "The database was called outside of a running Convex function.",
    );
  if (frame.transaction?.isEnded === true)
    throw new Refusal(
      "FunctionEnded",
      `${frame.path} has ended: await what it starts before it returns.`,
    );
  const meter = frame.transaction?.meter;
  meter?.pause();
  try {
    return work(frame);
  } catch (error) {
    if (isStorageTrouble(error)) frame.transaction?.fail(error);
    throw error;
  } finally {
    meter?.resume();
  }
}

function unknown(op: string): Refusal {
  const word = /^(?:1\.0\/)?([a-z]+)/.exec(op)?.[1] ?? "";
  return notYet(`${UNKNOWN[word] ?? "the system call"} (${op})`);
}

function transactionOf(frame: Frame): Transaction {
  if (frame.transaction === null)
    throw new Refusal(
      "NoTransaction",
      "The database can't be used in an action: call a query or a mutation.",
    );
  return frame.transaction;
}

function syncSyscall(frame: Frame, op: string, args: Args): string {
  const tx = transactionOf(frame);
  switch (op) {
    case "1.0/queryStream":
      frame.streams.push(streamOf(tx, args.query));
      return `{"queryId":${frame.streams.length - 1}}`;
    case "1.0/queryCleanup":
      return String(delete frame.streams[args.queryId]);
    case "1.0/db/normalizeId":
      return JSON.stringify({
        id: tx.store.tableOf(args.idString) === args.table ? args.idString : null,
      });
    case "1.0/getSnapshotTs":
      return `{"$integer":"${base64OfInteger(tx.store.ts)}"}`;
    default:
      throw unknown(op);
  }
}

type Handler = (frame: Frame, args: Args) => string | Promise<string>;

type Handlers = { [op: string]: Handler | undefined };

function asyncSyscalls(call: CallFunction): Handlers {
  const callAs = (kind: Kind) => (frame: Frame, args: Args) =>
    call(frame, kind, nameOf(args), args.args);
  return {
    get: (frame, { id, table, isSystem }) => {
      const tx = transactionOf(frame);
      requireSide(table ?? tx.store.tableOf(id), isSystem);
      return tx.get(id, table) ?? "null";
    },
    queryStreamNext: (frame, { queryId }) => {
      const entry = frame.streams[queryId]?.next() ?? null;
      return entry === null ? '{"value":null,"done":true}' : `{"value":${entry.json},"done":false}`;
    },
    queryPage: (frame, args) => {
      if (frame.paginated)
        throw new Refusal(
          "MultiplePaginatedQueries",
          "A function may run only one paginated query.",
        );
      frame.paginated = true;
      return readPage(transactionOf(frame), args as unknown as PageRequest, frame.journal);
    },
    insert: (frame, { table, value }) => {
      requireOwn(table);
      return `{"_id":"${transactionOf(frame).insert(table, value)}"}`;
    },
    shallowMerge: (frame, { id, value, table }) => writing(frame, id).patch(id, value, table),
    replace: (frame, { id, value, table }) => writing(frame, id).replace(id, value, table),
    remove: (frame, { id, table }) => writing(frame, id).remove(id, table),
    runUdf: (frame, args) => {
      transactionOf(frame);
      return call(
        frame,
        args.udfType === "mutation" ? "mutation" : "query",
        nameOf(args),
        args.args,
      );
    },
    "actions/query": callAs("query"),
    "actions/mutation": callAs("mutation"),
    "actions/action": callAs("action"),
    getUserIdentity: (frame) => JSON.stringify(frame.caller.identity),
    getFunctionMetadata: (frame) => JSON.stringify({ name: frame.path, componentPath: "" }),
    getTransactionMetrics: (frame) => metrics(transactionOf(frame)),
    getDeploymentMetadata: () => '{"name":"embedded","region":null,"class":"s16"}',
    getRequestMetadata: (frame) => requestMetadata(frame),
  };
}

/** The transaction of a function that writes the document `id`. */
function writing(frame: Frame, id: string): Transaction {
  const tx = transactionOf(frame);
  requireOwn(tx.store.tableOf(id));
  return tx;
}

function storageSyscalls(storage: Storage): Handlers {
  return {
    storageGenerateUploadUrl: () => JSON.stringify(storage.uploadUrl()),
    storageGetUrl: (frame, { storageId }) =>
      JSON.stringify(storage.url(transactionOf(frame), storageId)),
    storageGetMetadata: (frame, { storageId }) =>
      JSON.stringify(metadata(storage.document(transactionOf(frame), storageId))),
    storageDelete: (frame, { storageId }) => {
      storage.remove(transactionOf(frame), storageId);
      return "null";
    },
  };
}

function metadata(file: FileDocument | null) {
  if (file === null) return null;
  const { _id: storageId, sha256, size, contentType = null } = file;
  return { storageId, sha256: Buffer.from(sha256, "base64").toString("hex"), size, contentType };
}

function schedulerSyscalls(backend: Backend): Handlers {
  const scheduled = (tx: Transaction, args: Args) =>
    JSON.stringify(schedule(tx, nameOf(args), args.ts * 1000, args.args));
  return {
    schedule: (frame, args) => scheduled(transactionOf(frame), args),
    cancel_job: (frame, { id }) => {
      cancel(transactionOf(frame), id);
      return "null";
    },
    "actions/schedule": (_, args) => backend.transaction((tx) => scheduled(tx, args)),
    "actions/cancel_job": async (_, { id }) => {
      await backend.transaction((tx) => cancel(tx, id));
      return "null";
    },
  };
}

function nameOf(args: Args): string {
  if (args.name === undefined) throw notYet("function handles and components");
  if (canonicalPath(args.name) === null)
    throw new Refusal("BadConvexFunctionIdentifier", notAPath(args.name));
  return args.name;
}

function metrics({ meter }: Transaction): string {
  const measure = (used: number, limit: number) => ({ used, remaining: limit - used });
  return JSON.stringify({
    bytesRead: measure(meter.bytesRead, LIMITS.bytesRead),
    bytesWritten: measure(meter.bytesWritten, LIMITS.bytesWritten),
    databaseQueries: measure(meter.indexRanges, LIMITS.indexRanges),
    documentsRead: measure(meter.documentsRead, LIMITS.documentsRead),
    documentsWritten: measure(meter.documentsWritten, LIMITS.documentsWritten),
    functionsScheduled: measure(meter.functionsScheduled, LIMITS.functionsScheduled),
    scheduledFunctionArgsBytes: measure(0, 0),
  });
}

function requestMetadata(frame: Frame): string {
  const { requestId } = frame;
  return JSON.stringify({
    ip: null,
    userAgent: null,
    requestId,
    scheduledFunctionId: null,
    authToken: null,
  });
}
