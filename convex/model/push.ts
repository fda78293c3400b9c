/**
 * Compare-and-set of entries. Reads nothing but the entries named (never the head, never a
 * counter), so that pushes of different keys do not contend.
 */
import type { MutationCtx } from "../_generated/server";
import type { Expectation, Operation, Result } from "../validators";
import type { Caller } from "./authorized";
import { blobFor } from "./blob";
import { check, type Checked } from "./check";
import { findEntry, snapshotOf, type Entry } from "./entry";
import type { Refusal } from "./key";
import { OPERATIONS } from "./limits";
import { revise, type Content } from "./revise";
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
  const blob = await blobFor(ctx, ctx.workspace, operation.write);
  const untimely = blob.refusal ?? (await refuseDeletion(ctx, operation, entry));
  if (untimely !== null) return { outcome: "refused", ...untimely };
  const revision = await apply(ctx, operation, blob.found ?? textOf(operation, bytes), entry);
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
function apply(
  ctx: Ctx,
  operation: Operation,
  content: Content | null,
  entry: Entry | null,
): Promise<number> {
  const { kind, format, movedTo, carried, rows } = operation;
  const { store, path, record } = operation;
  const next = { key: { store, path, record }, kind, format, content, movedTo, carried, rows };
  const author = { device: ctx.device._id, operation: operation.operation };
  return revise(ctx, ctx.workspace, entry, next, author);
}

function textOf({ write }: Operation, bytes: Uint8Array | null): Content | null {
  if (write === null || bytes === null || !("text" in write)) return null;
  return { text: write.text, bytes, digest: write.digest };
}
