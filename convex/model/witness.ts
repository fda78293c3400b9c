import type { QueryCtx } from "../_generated/server";
import type { Witness } from "../validators";
import { findEntry } from "./entry";
import { WITNESSES } from "./limits";
import { trouble } from "./trouble";

/**
 * The witnesses that this deployment does not hold any more. A live snapshot that was once
 * acknowledged can only be followed by higher revisions, unless the deployment was restored.
 */
export async function brokenWitnesses(
  ctx: QueryCtx,
  workspace: string,
  witnesses: Witness[],
): Promise<Witness[]> {
  if (witnesses.length > WITNESSES) {
    throw trouble("invalid", `${witnesses.length} witnesses; at most ${WITNESSES} a call`);
  }
  const broken: Witness[] = [];
  for (const witness of witnesses) {
    const entry = await findEntry(ctx, workspace, witness);
    const held =
      entry !== null &&
      (entry.revision > witness.revision ||
        (entry.revision === witness.revision && entry.digest === witness.digest));
    if (!held) broken.push(witness);
  }
  return broken;
}
