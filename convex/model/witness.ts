import type { Id } from "../_generated/dataModel";
import type { QueryCtx } from "../_generated/server";
import type { Witness } from "../validators";
import type { Caller } from "./authorized";
import { findEntry, type Entry } from "./entry";
import { WITNESSES } from "./limits";
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
    if (!holds(entry, witness) || !hasReceipt(entry, ctx.device._id, witness)) broken.push(witness);
  }
  return broken;
}

function holds(entry: Entry | null, { revision, digest }: Witness): entry is Entry {
  if (entry === null) return false;
  return entry.revision > revision || (entry.revision === revision && entry.digest === digest);
}

function hasReceipt(entry: Entry, device: Id<"devices">, { receipt }: Witness): boolean {
  if (receipt === undefined) return true;
  return entry.receipts.some((each) => each.device === device && each.revision >= receipt);
}
