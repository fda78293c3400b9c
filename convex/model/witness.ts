import type { QueryCtx } from "../_generated/server";
import type { Witness } from "../validators";
import type { Caller } from "./authorized";
import { findEntry, type Entry } from "./entry";
import { WITNESSES } from "./limits";
import { reapedOf } from "./reaped";
import { receiptOf } from "./receipt";
import { trouble } from "./trouble";

/**
 * The witnesses that this deployment does not hold any more. A snapshot that was once acknowledged
 * can only be followed by higher revisions, unless the deployment was restored; and where others
 * have since written beyond it, the device's own receipt is still not there. A tombstone may have
 * been reaped: the highest revision reaped is as high as its own then.
 */
export async function brokenWitnesses(
  ctx: QueryCtx & Caller,
  witnesses: Witness[],
): Promise<Witness[]> {
  if (witnesses.length > WITNESSES) {
    throw trouble("invalid", `${witnesses.length} witnesses; at most ${WITNESSES} a call`);
  }
  const broken: Witness[] = [];
  for (const witness of witnesses) {
    const entry = await findEntry(ctx, ctx.workspace, witness);
    if (!(await isHeld(ctx, entry, witness))) broken.push(witness);
  }
  return broken;
}

async function isHeld(
  ctx: QueryCtx & Caller,
  entry: Entry | null,
  witness: Witness,
): Promise<boolean> {
  const { revision, digest } = witness;
  if (entry === null) {
    return digest === null && revision <= (await reapedOf(ctx, ctx.workspace)).revision;
  }
  const follows = entry.revision > revision;
  const holds = follows || (entry.revision === revision && entry.digest === digest);
  return holds && (await hasReceipt(ctx, entry, witness));
}

async function hasReceipt(
  ctx: QueryCtx & Caller,
  entry: Entry,
  { receipt }: Witness,
): Promise<boolean> {
  // The receipts of an earlier life of the key went with its tombstone.
  if (receipt === undefined || receipt <= (entry.begun ?? 0)) return true;
  const own = await receiptOf(ctx, entry, ctx.device._id);
  return own !== null && own.revision >= receipt;
}
