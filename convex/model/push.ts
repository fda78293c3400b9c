/**
 * Compare-and-set of entries. Reads nothing but the entries named (never the head, never a
 * counter), so that pushes of different keys do not contend.
 */
import type { Id } from "../_generated/dataModel";
import type { MutationCtx } from "../_generated/server";
import type { Expectation, Operation, Result } from "../validators";
import type { Caller } from "./authorized";
import { check, type Checked } from "./check";
import { inlined, writePieces } from "./content";
import { findEntry, snapshotOf, type Entry } from "./entry";
import type { Refusal } from "./key";
import { OPERATIONS } from "./limits";
import { tableOf } from "./project";
import { dropRow, writeRow, writeRowLater } from "./row";
import { trouble } from "./trouble";

type Ctx = MutationCtx & Caller;

/** Answers each operation in order; one that cannot be taken never fails the others. */
export async function push(ctx: Ctx, operations: Operation[]): Promise<Result[]> {
  if (operations.length > OPERATIONS) {
    throw trouble("invalid", `${operations.length} operations; at most ${OPERATIONS} a push`);
  }
  // The digests first and together: they touch no entry, and on Node each waits for a thread.
  const checked = await Promise.all(operations.map(check));
  const results: Result[] = [];
  for (const one of checked) {
    results.push({ operation: one.operation.operation, ...(await pushOne(ctx, one)) });
  }
  return results;
}

type Answer = Result extends infer R ? (R extends Result ? Omit<R, "operation"> : never) : never;

async function pushOne(ctx: Ctx, { operation, bytes, refusal }: Checked): Promise<Answer> {
  if (refusal !== null) return { outcome: "refused", ...refusal };

  const entry = await findEntry(ctx, ctx.workspace, operation);
  const receipt = entry?.receipts.find((r) => r.device === ctx.device._id);
  // Receipts before the comparison: after a replay's own write its expectation is always stale.
  if (entry !== null && receipt?.operation === operation.operation) {
    return { outcome: "replayed", revision: receipt.revision, current: snapshotOf(entry) };
  }
  if (!isExpected(entry, operation.expect)) {
    return { outcome: "stale", current: entry === null ? null : snapshotOf(entry) };
  }
  const untimely = await refuseDeletion(ctx, operation, entry);
  if (untimely !== null) return { outcome: "refused", ...untimely };
  const revision = await apply(ctx, operation, bytes, entry);
  return { outcome: "applied", revision, at: ctx.db.vars.commitTs };
}

/** Revision and digest both: a restored deployment reaches old revisions with other bytes. */
function isExpected(entry: Entry | null, expect: Expectation): boolean {
  const { revision, digest } = entry ?? { revision: 0, digest: null };
  return revision === expect.revision && digest === expect.digest;
}

async function refuseDeletion(
  ctx: Ctx,
  operation: Operation,
  entry: Entry | null,
): Promise<Refusal | null> {
  if (operation.write !== null) return null;
  if (entry === null || entry.deleted) {
    return { reason: "nothing-to-delete", detail: "the entry is not live" };
  }
  if (operation.movedTo === undefined) return null;
  const target = await findEntry(ctx, ctx.workspace, { ...operation, path: operation.movedTo });
  if (target !== null && !target.deleted) return null;
  return { reason: "bad-move", detail: "the target of the move is not live" };
}

/** Writes the next revision, its row included, and returns its number. */
async function apply(
  ctx: Ctx,
  operation: Operation,
  bytes: Uint8Array | null,
  entry: Entry | null,
): Promise<number> {
  const revision = (entry?.revision ?? 0) + 1;
  const { write } = operation;
  const { pieces, ...content } =
    write === null || bytes === null ? { text: null, pieces: [] } : inlined(write.text, bytes);
  const next = {
    workspace: ctx.workspace,
    store: operation.store,
    path: operation.path,
    record: operation.record,
    kind: operation.kind,
    format: operation.format,
    revision,
    digest: write?.digest ?? null,
    deleted: write === null,
    lastDigest: write === null ? (entry?.digest ?? null) : null,
    movedTo: operation.movedTo ?? null,
    size: write?.size ?? 0,
    ...content,
    pieces: pieces.length,
    origin: entry === null ? ctx.device._id : entry.origin,
    device: ctx.device._id,
    receipts: await receiptsWith(ctx, entry, operation.operation, revision),
    carried: write === null ? {} : { ...operation.carried, ...entry?.carried },
    at: ctx.db.vars.commitTs,
  };
  const id = await put(ctx, entry, next);
  if ((entry?.pieces ?? 0) > 0 || pieces.length > 0) await writePieces(ctx, id, pieces);
  await projectRow(ctx, { ...next, _id: id }, operation, entry);
  return revision;
}

async function put(ctx: Ctx, entry: Entry | null, next: Omit<Entry, "_id" | "_creationTime">) {
  if (entry === null) return ctx.db.insert("entries", next);
  await ctx.db.replace("entries", entry._id, next);
  return entry._id;
}

async function projectRow(
  ctx: Ctx,
  entry: Omit<Entry, "_creationTime">,
  operation: Operation,
  before: Entry | null,
) {
  const { write } = operation;
  const moves = before !== null && tableOf(before.kind) !== tableOf(entry.kind);
  if (before !== null && (moves || write === null)) await dropRow(ctx, before);
  if (write === null) return;
  if (operation.rows === "later") await writeRowLater(ctx, entry._id);
  else await writeRow(ctx, entry, write.text);
}

/** This device's receipt is replaced; those of revoked devices leave with this write. */
async function receiptsWith(
  ctx: Ctx,
  entry: Entry | null,
  operation: string,
  revision: number,
): Promise<Entry["receipts"]> {
  const receipts = [{ device: ctx.device._id, operation, revision }];
  for (const receipt of entry?.receipts ?? []) {
    if (receipt.device === ctx.device._id) continue;
    if (await isEnrolled(ctx, receipt.device)) receipts.push(receipt);
  }
  return receipts;
}

async function isEnrolled(ctx: Ctx, id: Id<"devices">): Promise<boolean> {
  const device = await ctx.db.get("devices", id);
  return device !== null && !device.revoked;
}
