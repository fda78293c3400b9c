/**
 * A file under another name: both keys in one transaction, or neither. The content is taken over
 * from the former key, so that none of it travels.
 */
import type { MutationCtx } from "../_generated/server";
import type { Operation, Result } from "../validators";
import type { Caller } from "./authorized";
import { movePieces, readText } from "./content";
import { findEntry, putEntry, type Entry } from "./entry";
import { moveIncrements } from "./increment";
import { isExpected, type Reaping } from "./reaped";
import { receiptsWith, replayOf, staleAt, type Author } from "./receipt";
import { moveRow } from "./row";

type Ctx = MutationCtx & Caller & { reaping: Reaping };
type Move = Operation & Required<Pick<Operation, "movedTo" | "target">>;

export function isMove(operation: Operation): operation is Move {
  return operation.movedTo !== undefined && operation.target !== undefined;
}

/** The results of the former key and of the target. */
export async function move(ctx: Ctx, operation: Move): Promise<[Result, Result]> {
  const [id, targetId] = [operation.operation, operation.target.operation];
  const from = await findEntry(ctx, ctx.workspace, operation);
  const to = await findEntry(ctx, ctx.workspace, { ...operation, path: operation.movedTo });
  const replays = [await replayOf(ctx, from, id), await replayOf(ctx, to, targetId)] as const;
  const expected =
    (await isExpected(ctx.reaping, from, operation.expect)) &&
    (await isExpected(ctx.reaping, to, operation.target.expect));
  // One receipt tells that both were applied: the other may have left with a revoked device.
  if (replays[0] !== null || replays[1] !== null || !expected || from === null) {
    return [replays[0] ?? staleAt(from, id), replays[1] ?? staleAt(to, targetId)];
  }
  const revision = await bury(ctx, operation, from);
  const targetRevision = await settle(ctx, operation, from, to);
  const at = ctx.db.vars.commitTs;
  return [
    { operation: id, outcome: "applied", revision, at },
    { operation: targetId, outcome: "applied", revision: targetRevision, at },
  ];
}

/** Makes the former key a tombstone that says where its content went. */
async function bury(ctx: Ctx, operation: Move, from: Entry): Promise<number> {
  const revision = from.revision + 1;
  await ctx.db.patch("entries", from._id, {
    revision,
    digest: null,
    deleted: true,
    lastDigest: from.digest,
    movedTo: operation.movedTo,
    movedFrom: undefined,
    size: 0,
    text: null,
    pieces: 0,
    blob: undefined,
    device: ctx.device._id,
    app: undefined,
    ...(await receiptsWith(ctx, from, author(ctx, operation.operation), revision)),
    carried: {},
    delta: undefined,
    at: ctx.db.vars.commitTs,
  });
  return revision;
}

/** Makes the target what the former key was, with its pieces and its row. */
async function settle(ctx: Ctx, operation: Move, from: Entry, to: Entry | null): Promise<number> {
  const { _id, _creationTime, ...content } = from;
  const begun = to === null ? (await ctx.reaping.reaped()).revision : to.begun;
  const revision = (to?.revision ?? begun ?? 0) + 1;
  const next = {
    ...content,
    path: operation.movedTo,
    kind: operation.kind,
    format: operation.format,
    revision,
    movedFrom: from.path,
    begun: begun === 0 ? undefined : begun,
    origin: to === null ? from.origin : to.origin,
    device: ctx.device._id,
    app: undefined,
    moreReceipts: undefined,
    delta: undefined,
    ...(await receiptsWith(ctx, to, author(ctx, operation.target.operation), revision)),
    at: ctx.db.vars.commitTs,
  };
  const text = await readText(ctx, from);
  const id = await putEntry(ctx, to, next);
  await movePieces(ctx, from._id, id);
  await moveIncrements(ctx, from, id);
  await moveRow(ctx, from, { ...next, _id: id }, text, operation.rows);
  return revision;
}

function author(ctx: Ctx, operation: string): Author {
  return { device: ctx.device._id, operation };
}
