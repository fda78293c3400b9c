import type { QueryCtx } from "../_generated/server";
import type { Witness } from "../validators";
import type { Caller } from "./authorized";
import { findEntry, type Entry } from "./entry";
import { WITNESSES } from "./limits";
import { receiptOf } from "./receipt";
import { trouble } from "./trouble";

/**
 * The witnesses that this deployment does not hold any more. A live snapshot that was once
 * acknowledged can only be followed by higher revisions, unless the deployment was restored; and
 * where others have since written beyond it, the device's own receipt is still not there.
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
    const isHeld = holds(entry, witness) && (await hasReceipt(ctx, entry, witness));
    if (!isHeld) broken.push(witness);
  }
  return broken;
}

function holds(entry: Entry | null, { revision, digest }: Witness): entry is Entry {
  if (entry === null) return false;
  return entry.revision > revision || (entry.revision === revision && entry.digest === digest);
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
