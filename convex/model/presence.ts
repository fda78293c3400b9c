import type { Id } from "../_generated/dataModel";
import type { MutationCtx } from "../_generated/server";
import { hex } from "./digest";

/** The deployment's random id. RACE: two first hellos conflict here, and one is run again. */
export async function deploymentId(ctx: MutationCtx): Promise<string> {
  const meta = await ctx.db.query("meta").first();
  if (meta !== null) return meta.deployment;
  const deployment = hex(crypto.getRandomValues(new Uint8Array(16)));
  await ctx.db.insert("meta", { deployment });
  return deployment;
}

/**
 * Notes that this ledger of the device has started, and returns the largest start number seen of
 * it before (0 if none): one that is not smaller than `start` betrays an old copy or a clone.
 */
export async function noteStart(
  ctx: MutationCtx,
  device: Id<"devices">,
  { ledger, start, cursor }: { ledger: string; start: number; cursor: string | null },
): Promise<number> {
  const presence = await ctx.db
    .query("presence")
    .withIndex("by_device_and_ledger", (q) => q.eq("device", device).eq("ledger", ledger))
    .unique();
  const seen = presence?.start ?? 0;
  const next = { device, ledger, start: Math.max(seen, start), cursor, seenAt: Date.now() };
  if (presence === null) await ctx.db.insert("presence", next);
  else await ctx.db.replace("presence", presence._id, next);
  return seen;
}
