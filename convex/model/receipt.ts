/**
 * What an entry remembers of each device: the last operation it applied and its revision. The
 * RECEIPTS newest lie in the entry, which everybody reads; older ones in a table, each found by its
 * device. So an entry that a thousand devices write is read and written as cheaply as any.
 */
import type { Doc, Id } from "../_generated/dataModel";
import type { MutationCtx, QueryCtx } from "../_generated/server";
import type { Result } from "../validators";
import type { Caller } from "./authorized";
import { snapshotOf, type Entry } from "./entry";
import { RECEIPTS } from "./limits";

type Ctx = MutationCtx & Caller;

export type Receipt = Entry["receipts"][number];

/**
 * Who writes. `operation` is the device's own, for its receipt. It is null for a write on the app
 * plane, which leaves no receipt and is told to the device's files like anybody's.
 */
export type Author = { device: Id<"devices">; operation: string | null };

/** The device's receipt of the entry. The one in the entry is newer than one in the table. */
export async function receiptOf(
  ctx: QueryCtx,
  entry: Entry,
  device: Id<"devices">,
): Promise<Pick<Receipt, "operation" | "revision"> | null> {
  const newest = entry.receipts.find((receipt) => receipt.device === device);
  if (newest !== undefined || entry.moreReceipts !== true) return newest ?? null;
  return findOlder(ctx, entry._id, device);
}

/** The answer where this device's last write of the entry was this operation, else null. */
export async function replayOf(
  ctx: Ctx,
  entry: Entry | null,
  operation: string,
): Promise<Result | null> {
  const receipt = entry && (await receiptOf(ctx, entry, ctx.device._id));
  if (entry === null || receipt?.operation !== operation) return null;
  const { revision } = receipt;
  return { operation, outcome: "replayed", revision, current: snapshotOf(entry) };
}

/** The answer to an operation that expected another snapshot, or whose partner did. */
export function staleAt(entry: Entry | null, operation: string): Result {
  return { operation, outcome: "stale", current: entry === null ? null : snapshotOf(entry) };
}

/**
 * The entry's receipts after a write: the author's is the newest, those of revoked devices leave,
 * and what there is no room for is put into the table.
 */
export async function receiptsWith(
  ctx: MutationCtx,
  entry: Entry | null,
  { device, operation }: Author,
  revision: number,
): Promise<Pick<Entry, "receipts" | "moreReceipts">> {
  const receipts: Receipt[] = operation === null ? [] : [{ device, operation, revision }];
  for (const receipt of entry?.receipts ?? []) {
    if (operation !== null && receipt.device === device) continue;
    if (await isEnrolled(ctx, receipt.device)) receipts.push(receipt);
  }
  if (entry === null) return { receipts };
  const older = receipts.splice(RECEIPTS);
  for (const receipt of older) await putOlder(ctx, entry._id, receipt);
  const hasMore = older.length > 0 || entry.moreReceipts === true;
  return { receipts, ...(hasMore && { moreReceipts: true as const }) };
}

async function putOlder(ctx: MutationCtx, entry: Id<"entries">, receipt: Receipt): Promise<void> {
  const known = await findOlder(ctx, entry, receipt.device);
  if (known === null) await ctx.db.insert("receipts", { entry, ...receipt });
  else await ctx.db.replace("receipts", known._id, { entry, ...receipt });
}

function findOlder(
  ctx: QueryCtx,
  entry: Id<"entries">,
  device: Id<"devices">,
): Promise<Doc<"receipts"> | null> {
  return ctx.db
    .query("receipts")
    .withIndex("by_entry_and_device", (q) => q.eq("entry", entry).eq("device", device))
    .unique();
}

/**
 * Which devices are enrolled, by the `db` of a mutation: a push of a hundred files that one other
 * device wrote reads that one's registration once.
 */
const known = new WeakMap<object, Map<Id<"devices">, Promise<boolean>>>();

function isEnrolled(ctx: MutationCtx, id: Id<"devices">): Promise<boolean> {
  const devices = known.get(ctx.db) ?? new Map<Id<"devices">, Promise<boolean>>();
  known.set(ctx.db, devices);
  const enrolled = devices.get(id) ?? findEnrolled(ctx, id);
  devices.set(id, enrolled);
  return enrolled;
}

async function findEnrolled(ctx: MutationCtx, id: Id<"devices">): Promise<boolean> {
  const device = await ctx.db.get("devices", id);
  return device !== null && !device.revoked;
}
