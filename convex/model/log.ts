/**
 * Logs: files of lines that only grow. A log is one file's life on one device; it takes lines only
 * where the device knows how far it goes, so that a call that is sent twice adds nothing.
 */
import type { Doc } from "../_generated/dataModel";
import type { MutationCtx, QueryCtx } from "../_generated/server";
import type { Append, AppendResult, Extent, ListedLog } from "../validators";
import type { Caller } from "./authorized";
import { utf8 } from "./digest";
import { refuseKey, type Refusal } from "./key";
import { APPEND_BYTES, APPENDS, LINE_BYTES, LINES, LIST_ROWS } from "./limits";
import { addToRollups } from "./rollup";
import { rowOf, type Row } from "./sample";
import { trouble } from "./trouble";

export type Log = Doc<"logs">;
type Ctx = MutationCtx & Caller;

const EMPTY: Extent = { length: 0, tail: "" };

/** Answers each append in order; one that cannot be taken never fails the others. */
export async function append(ctx: Ctx, appends: Append[]): Promise<AppendResult[]> {
  refuseTooMuch(appends);
  const results: AppendResult[] = [];
  for (const one of appends) results.push(await appendOne(ctx, one));
  return results;
}

/** The extents of a device's logs in a store, in the order of their generations. */
export async function tailsAfter(
  ctx: QueryCtx & Caller,
  store: string,
  after: string | null,
): Promise<{ logs: ListedLog[]; next: string | null }> {
  const { workspace, device } = ctx;
  const found = await ctx.db
    .query("logs")
    .withIndex("by_workspace_and_device_and_store_and_generation", (q) => {
      const ofStore = q.eq("workspace", workspace).eq("device", device._id).eq("store", store);
      return after === null ? ofStore : ofStore.gt("generation", after);
    })
    .take(LIST_ROWS);
  const next = found.length < LIST_ROWS ? null : (found.at(-1)?.generation ?? null);
  return { logs: found.map(listed), next };
}

/** Adds rows to a log, and counts them in its rollups. */
export async function addRows(ctx: MutationCtx, log: Log, rows: Row[]): Promise<void> {
  const { workspace, store, _id: id } = log;
  for (const [at, { table, columns }] of rows.entries()) {
    const from = { workspace, store, log: id, number: log.lines + at };
    if (table === "metrics") await ctx.db.insert("metrics", { ...from, ...columns });
    else await ctx.db.insert("lines", { ...from, ...columns });
  }
  const samples = rows.flatMap((row) => (row.table === "metrics" ? [row.columns] : []));
  await addToRollups(ctx, log, samples);
}

function refuseTooMuch(appends: Append[]): void {
  const lines = appends.reduce((sum, { lines }) => sum + lines.length, 0);
  if (appends.length > APPENDS || lines > LINES) {
    throw trouble("invalid", `at most ${APPENDS} appends and ${LINES} lines a call`);
  }
  let bytes = 0;
  for (const line of appends.flatMap(({ lines }) => lines)) {
    const size = utf8(typeof line === "string" ? line : line.text).length;
    if (size > LINE_BYTES) throw trouble("invalid", `a line has at most ${LINE_BYTES} bytes`);
    bytes += size;
  }
  if (bytes > APPEND_BYTES) throw trouble("invalid", `at most ${APPEND_BYTES} bytes a call`);
}

async function appendOne(ctx: Ctx, one: Append): Promise<AppendResult> {
  const refusal = refuseShape(one);
  if (refusal !== null) return { outcome: "refused", ...refusal };
  const known = await findLog(ctx, one);
  const { length, tail } = known ?? EMPTY;
  if (length !== one.expect.length || tail !== one.expect.tail) {
    return { outcome: "mismatch", length, tail };
  }
  const log = known ?? (await begin(ctx, one));
  const arrived = Date.now();
  await addRows(
    ctx,
    log,
    one.lines.map((line) => rowOf(log.kind, line, arrived)),
  );
  await ctx.db.patch("logs", log._id, { ...one.next, lines: log.lines + one.lines.length });
  return { outcome: "appended", ...one.next };
}

function refuseShape({ store, path, generation, expect, next, lines }: Append): Refusal | null {
  if (!/^[0-9a-f]{32}$/.test(generation)) {
    return { reason: "bad-generation", detail: "a generation is 32 lower-case hex digits" };
  }
  const whole = [expect.length, next.length].every((length) => Number.isSafeInteger(length));
  // Every line ends with a byte that is not sent.
  if (!whole || expect.length < 0 || next.length - expect.length < lines.length) {
    return { reason: "bad-extent", detail: "the lines do not fit between the two lengths" };
  }
  if (next.length <= expect.length || !/^[0-9a-f]{64}$/.test(next.tail)) {
    return { reason: "bad-extent", detail: "`next` is not further than `expect`, with a tail" };
  }
  return refuseKey({ store, path, record: "" });
}

function findLog({ db, workspace, device }: Ctx, { store, generation }: Append) {
  return db
    .query("logs")
    .withIndex("by_workspace_and_device_and_store_and_generation", (q) =>
      q
        .eq("workspace", workspace)
        .eq("device", device._id)
        .eq("store", store)
        .eq("generation", generation),
    )
    .unique();
}

async function begin(ctx: Ctx, { store, path, generation, kind }: Append): Promise<Log> {
  const { workspace, device } = ctx;
  const name = { workspace, device: device._id, store, path, generation, kind };
  const id = await ctx.db.insert("logs", { ...name, ...EMPTY, lines: 0 });
  const log = await ctx.db.get("logs", id);
  if (log === null) throw new Error("a document that was just inserted is there");
  return log;
}

function listed({ store, path, generation, kind, length, tail, lines }: Log): ListedLog {
  return { store, path, generation, kind, length, tail, lines };
}
