/**
 * What was reaped of a workspace, and what of it must never be forgotten.
 *
 * Once a tombstone is gone nothing tells a key that it was from one that never was. Two numbers stay:
 *
 * - `revision`, the highest one reaped. A key without an entry begins behind it, so the revisions of
 *   a key grow through any number of deletions, whoever remembers which of them. What a device
 *   expects of an earlier life of the key is never what a later one is.
 * - `at`, the newest place reaped. A device is told what it missed only from there on: with a cursor
 *   before it, it makes first contact (`missed`). And no push may make a key that was sent
 *   by a device which had not passed it then: what it makes may have been made, deleted and reaped
 *   before, receipts and all. Each push tells how far its device had passed when it was sent, which
 *   is before anything that is made of it: `syncd/ledger/passing.py`.
 *
 * RACE: a push that makes a key reads these, and is run again where a step of the reaping commits
 * meanwhile. Pushes do not write them, and one that meets entries alone does not read them.
 */
import type { Doc } from "../_generated/dataModel";
import type { QueryCtx } from "../_generated/server";
import type { Expectation } from "../validators";
import type { Entry } from "./entry";
import { trouble } from "./trouble";

export type Reaped = Pick<Doc<"reaped">, "at" | "revision">;

/** What a push says of its device, and what was reaped: read once, when first needed. */
export type Reaping = { passed: bigint | null; reaped: () => Promise<Reaped> };

export async function reapedOf(ctx: QueryCtx, workspace: string): Promise<Reaped> {
  return (await findReaped(ctx, workspace)) ?? { at: 0n, revision: 0 };
}

export function findReaped(ctx: QueryCtx, workspace: string): Promise<Doc<"reaped"> | null> {
  return ctx.db
    .query("reaped")
    .withIndex("by_workspace", (q) => q.eq("workspace", workspace))
    .unique();
}

/** `passed` null: the daemon does not tell, for it knows nothing of reaping. */
export function reapingOf(ctx: QueryCtx, workspace: string, passed: bigint | null): Reaping {
  let known: Promise<Reaped> | undefined;
  return { passed, reaped: () => (known ??= reapedOf(ctx, workspace)) };
}

/**
 * Whether the key is the snapshot that is expected. Revision and digest both: a restored deployment
 * reaches old revisions with other bytes. Without an entry it is the tombstone that was reaped, or
 * was never there.
 */
export async function isExpected(
  { passed, reaped }: Reaping,
  entry: Entry | null,
  expect: Expectation,
): Promise<boolean> {
  if (entry !== null) return entry.revision === expect.revision && entry.digest === expect.digest;
  if (expect.digest !== null) return false;
  const { at, revision } = await reaped();
  if (at > 0n && passed === null) {
    throw trouble("protocol", "the daemon is older than these functions: update it");
  }
  return at <= (passed ?? 0n) && expect.revision <= revision;
}

/** Whether tombstones behind the cursor are gone, so that the feed does not tell all of them. */
export async function hasMissed(
  ctx: QueryCtx,
  workspace: string,
  cursor: bigint,
): Promise<boolean> {
  return cursor < (await reapedOf(ctx, workspace)).at;
}
