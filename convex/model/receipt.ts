/** What an entry remembers of each device: the last operation it applied and its revision. */
import type { Id } from "../_generated/dataModel";
import type { MutationCtx } from "../_generated/server";
import type { Result } from "../validators";
import type { Caller } from "./authorized";
import { snapshotOf, type Entry } from "./entry";

type Ctx = MutationCtx & Caller;

/**
 * Who writes. `operation` is the device's own, for its receipt. It is null for a write on the app
 * plane, which leaves no receipt and is told to the device's files like anybody's.
 */
export type Author = { device: Id<"devices">; operation: string | null };

/** The answer where this device's last write of the entry was this operation, else null. */
export function replayOf(ctx: Ctx, entry: Entry | null, operation: string): Result | null {
  const receipt = entry?.receipts.find((r) => r.device === ctx.device._id);
  if (entry === null || receipt?.operation !== operation) return null;
  const { revision } = receipt;
  return { operation, outcome: "replayed", revision, current: snapshotOf(entry) };
}

/** The answer to an operation that expected another snapshot, or whose partner did. */
export function staleAt(entry: Entry | null, operation: string): Result {
  return { operation, outcome: "stale", current: entry === null ? null : snapshotOf(entry) };
}

/** The author's receipt is replaced; those of revoked devices leave with this write. */
export async function receiptsWith(
  ctx: MutationCtx,
  entry: Entry | null,
  { device, operation }: Author,
  revision: number,
): Promise<Entry["receipts"]> {
  const receipts = operation === null ? [] : [{ device, operation, revision }];
  for (const receipt of entry?.receipts ?? []) {
    if (operation !== null && receipt.device === device) continue;
    if (await isEnrolled(ctx, receipt.device)) receipts.push(receipt);
  }
  return receipts;
}

async function isEnrolled(ctx: MutationCtx, id: Id<"devices">): Promise<boolean> {
  const device = await ctx.db.get("devices", id);
  return device !== null && !device.revoked;
}
