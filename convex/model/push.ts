/**
 * Compare-and-set of entries. Reads nothing but the entries named and, for a key that has none, what
 * was reaped, which no push writes (never the head, never a counter): so pushes of different keys do
 * not contend.
 */
import type { MutationCtx } from "../_generated/server";
import type { Operation, Result } from "../validators";
import type { Caller } from "./authorized";
import { blobFor } from "./blob";
import { check, type Checked } from "./check";
import { splicedContent } from "./delta";
import { findEntry, type Entry } from "./entry";
import type { Refusal } from "./key";
import { OPERATIONS, YAML_AT_ONCE, YAML_LENGTH } from "./limits";
import { isMove, move } from "./move";
import { isExpected, type Reaping } from "./reaped";
import { replayOf, staleAt } from "./receipt";
import { revise, type Content } from "./revise";
import { trouble } from "./trouble";

type Ctx = MutationCtx & Caller & { reaping: Reaping };

/**
 * Answers each operation in order, a move with two results; one that cannot be taken never fails
 * the others.
 */
export async function push(ctx: Ctx, operations: Operation[]): Promise<Result[]> {
  if (operations.length > OPERATIONS) {
    throw trouble("invalid", `${operations.length} operations; at most ${OPERATIONS} a push`);
  }
  // The digests first and together: they touch no entry, and on Node each waits for a thread.
  const checked = await Promise.all(paced(operations).map(check));
  const results: Result[] = [];
  for (const one of checked) results.push(...(await resultsOf(ctx, one)));
  return results;
}

/**
 * YAML takes long to read: beyond YAML_AT_ONCE, the rows of what one push brings come later. What a
 * move takes along is not known yet: as much as is read of any.
 */
function paced(operations: Operation[]): Operation[] {
  let yaml = 0;
  return operations.map((operation) => {
    if (operation.format !== "yaml") return operation;
    yaml += isMove(operation) ? YAML_LENGTH : (operation.write?.size ?? 0);
    return yaml > YAML_AT_ONCE ? { ...operation, rows: "later" } : operation;
  });
}

async function resultsOf(ctx: Ctx, { operation, bytes, refusal }: Checked): Promise<Result[]> {
  if (refusal !== null) {
    const ids = [operation.operation, ...(operation.target ? [operation.target.operation] : [])];
    return ids.map((id) => ({ operation: id, outcome: "refused", ...refusal }));
  }
  return isMove(operation) ? move(ctx, operation) : [await pushOne(ctx, operation, bytes)];
}

async function pushOne(ctx: Ctx, operation: Operation, bytes: Uint8Array | null): Promise<Result> {
  const { operation: id } = operation;
  const entry = await findEntry(ctx, ctx.workspace, operation);
  // Receipts before the comparison: after a replay's own write its expectation is always stale.
  const replay = await replayOf(ctx, entry, id);
  if (replay !== null) return replay;
  if (!(await isExpected(ctx.reaping, entry, operation.expect))) return staleAt(entry, id);
  const { content, refusal } = await contentOf(ctx, operation, bytes, entry);
  const untimely = refusal ?? (await refuseDeletion(ctx, operation, entry));
  if (untimely !== null) return { operation: id, outcome: "refused", ...untimely };
  const revision = await apply(ctx, operation, content, entry);
  return { operation: id, outcome: "applied", revision, at: ctx.db.vars.commitTs };
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
  content: Content | null,
  entry: Entry | null,
): Promise<number> {
  const { kind, format, movedTo, carried, rows } = operation;
  const { store, path, record } = operation;
  const begun = entry === null ? (await ctx.reaping.reaped()).revision : undefined;
  const key = { store, path, record };
  const next = { key, kind, format, content, movedTo, carried, rows, begun };
  const author = { device: ctx.device._id, operation: operation.operation };
  return revise(ctx, ctx.workspace, entry, next, author);
}

/** What the operation writes, null for a deletion, or why it cannot be written. */
async function contentOf(
  ctx: Ctx,
  { write }: Operation,
  bytes: Uint8Array | null,
  entry: Entry | null,
): Promise<{ content: Content | null; refusal: Refusal | null }> {
  if (write === null) return { content: null, refusal: null };
  if ("stored" in write) {
    const { found, refusal } = await blobFor(ctx, ctx.workspace, write);
    return { content: found, refusal };
  }
  if ("splices" in write) return splicedContent(ctx, entry, write);
  const content = bytes && { text: write.text, bytes, digest: write.digest };
  return { content, refusal: null };
}
