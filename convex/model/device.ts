import { v, type Infer } from "convex/values";
import type { Doc } from "../_generated/dataModel";
import type { MutationCtx, QueryCtx } from "../_generated/server";
import { scope, type Scope } from "../validators";
import { APP } from "./author";
import { hex, sha256, utf8 } from "./digest";
import { LISTED_LEDGERS, REAPED_DEVICES } from "./limits";
import { forgetLedgers, presencesOf } from "./presence";
import { withdrawStores } from "./store";
import { trouble } from "./trouble";

/**
 * A device as `devices:list` shows it. `seenAt` is when it was last heard of, `waitedSince` when that
 * one of its ledgers was that was away for longest; in ms, null before its first hello. Tombstones are
 * kept for each of them.
 */
export const registration = v.object({
  device: v.id("devices"),
  name: v.string(),
  scopes: v.array(scope),
  revoked: v.boolean(),
  seenAt: v.union(v.number(), v.null()),
  waitedSince: v.union(v.number(), v.null()),
});
export type Registration = Infer<typeof registration>;

const NAME_LENGTH = 100;

type Enrolment = { workspace: string; name: string; scopes?: Scope[] };

export async function enroll(
  ctx: MutationCtx,
  { workspace, name, scopes = ["read", "write"] }: Enrolment,
) {
  for (const [what, value] of Object.entries({ workspace, name })) {
    if (value === "" || value.length > NAME_LENGTH) {
      throw trouble("invalid", `${what} is empty or longer than ${NAME_LENGTH} characters`);
    }
  }
  if (name === APP) throw trouble("invalid", `"${APP}" writes without a token: choose another name`);
  const token = newToken();
  const registered = { scopes, tokenHash: await sha256(utf8(token)), revoked: false };
  const known = await findDevice(ctx, workspace, name);
  if (known !== null) await ctx.db.patch("devices", known._id, registered);
  const device = known?._id ?? (await ctx.db.insert("devices", { workspace, name, ...registered }));
  return { device, name, workspace, token };
}

/**
 * 256 random bits. In a mutation `getRandomValues` draws from a ChaCha12 generator that is seeded
 * for each execution with 256 bits of the server's own randomness.
 */
function newToken(): string {
  return `syncd_${hex(crypto.getRandomValues(new Uint8Array(32)))}`;
}

/** By name: all for which tombstones are kept, as far as one call can read their ledgers. */
export async function list(ctx: QueryCtx, workspace: string): Promise<Registration[]> {
  const devices = await ctx.db
    .query("devices")
    .withIndex("by_workspace_and_name", (q) => q.eq("workspace", workspace))
    .take(REAPED_DEVICES);
  const listed: Registration[] = [];
  let ledgers = 0;
  for (const { _id: device, name, scopes, revoked } of devices) {
    const presences = await presencesOf(ctx, device);
    ledgers += presences.length;
    if (ledgers > LISTED_LEDGERS) break;
    listed.push({ device, name, scopes, revoked, ...seen(presences) });
  }
  return listed;
}

/**
 * The device is refused from now on. What is known of its ledgers goes: its receipts leave too, so
 * that, enrolled again, it makes first contact. Its stores are not configured any more: nothing is
 * created where nobody is.
 */
export async function revoke(ctx: MutationCtx, workspace: string, name: string) {
  const device = await findDevice(ctx, workspace, name);
  if (device === null) return false;
  await ctx.db.patch("devices", device._id, { revoked: true });
  await forgetLedgers(ctx, device._id);
  await withdrawStores(ctx, device._id);
  return true;
}

function findDevice(ctx: QueryCtx, workspace: string, name: string) {
  return ctx.db
    .query("devices")
    .withIndex("by_workspace_and_name", (q) => q.eq("workspace", workspace).eq("name", name))
    .unique();
}

function seen(presences: Doc<"presence">[]) {
  const times = presences.map(({ seenAt }) => seenAt);
  const isKnown = times.length > 0;
  return {
    seenAt: isKnown ? Math.max(...times) : null,
    waitedSince: isKnown ? Math.min(...times) : null,
  };
}
