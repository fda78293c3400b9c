import type { Doc, Id } from "../_generated/dataModel";
import type { MutationCtx, QueryCtx } from "../_generated/server";
import { hex } from "./digest";
import { parseCursor } from "./feed";

/** Ledgers of one device that are looked at, and that are forgotten where it is revoked. */
export const LEDGERS = 100;
/** Each costs an index range, and so does what else is done where a device is revoked. */
const FORGOTTEN_LEDGERS = 3500;

/** What a ledger says of itself. `passed` is absent where its daemon does not know of reaping. */
type Told = { ledger: string; start: number; cursor: string | null; passed?: string | null };

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
 * it before (0 if none): one that is not smaller than `start` betrays an old copy or a clone, or a
 * hello that comes late. What that passed is not what the ledger needs by now.
 *
 * Its own start number is answered to one that told before that it had passed a place which it has
 * not passed now: it is a copy from before then. Within an epoch that place only grows, and an epoch
 * begins without one.
 */
export async function noteStart(
  ctx: MutationCtx,
  device: Id<"devices">,
  { ledger, start, cursor, passed }: Told,
): Promise<number> {
  const presence = await findPresence(ctx, device, ledger);
  const isOlder = hadPassed(presence, passed ?? null);
  const seen = isOlder ? Math.max(start, presence?.start ?? 0) : (presence?.start ?? 0);
  const next = {
    device,
    ledger,
    start: Math.max(seen, start),
    cursor,
    passed: start > seen ? passed : presence?.passed,
    seenAt: Date.now(),
  };
  if (presence === null) await ctx.db.insert("presence", next);
  else await ctx.db.replace("presence", presence._id, next);
  return seen;
}

function hadPassed(presence: Doc<"presence"> | null, passed: string | null): boolean {
  return passed !== null && parseCursor(passed) < parseCursor(presence?.passed ?? null);
}

/**
 * Notes how far a ledger has passed since its hello, the one with this start number; whether it did.
 *
 * RACE: what comes after the next hello is of before it, and would let go what that one has need of.
 */
export async function notePassed(
  ctx: MutationCtx,
  device: Id<"devices">,
  { ledger, start, passed }: { ledger: string; start: number; passed: string },
): Promise<boolean> {
  const presence = await findPresence(ctx, device, ledger);
  if (presence?.start !== start) return false;
  const isFurther = parseCursor(passed) > parseCursor(presence.passed ?? null);
  const further = isFurther ? { passed } : {};
  await ctx.db.patch("presence", presence._id, { ...further, seenAt: Date.now() });
  return true;
}

/** What is known of the ledgers of a device, at most LEDGERS of them. */
export function presencesOf(ctx: QueryCtx, device: Id<"devices">): Promise<Doc<"presence">[]> {
  return ofDevice(ctx, device).take(LEDGERS);
}

/** Forgets the ledgers of a device: of one that had thousands as many as one transaction can. */
export async function forgetLedgers(ctx: MutationCtx, device: Id<"devices">): Promise<void> {
  for (const { _id } of await ofDevice(ctx, device).take(FORGOTTEN_LEDGERS)) {
    await ctx.db.delete("presence", _id);
  }
}

function ofDevice(ctx: QueryCtx, device: Id<"devices">) {
  return ctx.db.query("presence").withIndex("by_device_and_ledger", (q) => q.eq("device", device));
}

function findPresence(
  ctx: QueryCtx,
  device: Id<"devices">,
  ledger: string,
): Promise<Doc<"presence"> | null> {
  return ctx.db
    .query("presence")
    .withIndex("by_device_and_ledger", (q) => q.eq("device", device).eq("ledger", ledger))
    .unique();
}
