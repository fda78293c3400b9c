import type { Id } from "../_generated/dataModel";
import type { MutationCtx, QueryCtx } from "../_generated/server";
import type { Caller } from "./authorized";
import { AUTHORS } from "./limits";
import type { Author } from "./receipt";
import { trouble } from "./trouble";

/** The name under which a workspace's devices list those who write without a token. */
export const APP = "app";

/**
 * Who writes on the app plane: the device whose token was given, else the workspace's "app", a
 * registration that no token can ever prove.
 */
export async function appAuthor(
  ctx: MutationCtx,
  workspace: string,
  device: { _id: Id<"devices"> } | null,
): Promise<Author> {
  const id = device?._id ?? (await appDevice(ctx, workspace));
  return { device: id, operation: null };
}

async function appDevice(ctx: MutationCtx, workspace: string): Promise<Id<"devices">> {
  const known = await ctx.db
    .query("devices")
    .withIndex("by_workspace_and_name", (q) => q.eq("workspace", workspace).eq("name", APP))
    .unique();
  if (known !== null) return known._id;
  // Revoked from the start: nothing waits for it, as it waits for devices that have to catch up.
  const registered = { scopes: [], tokenHash: "", revoked: true };
  return ctx.db.insert("devices", { workspace, name: APP, ...registered });
}

/** The registration of a device whose id was told, null where the workspace has no such device. */
export async function findAuthor(ctx: QueryCtx & Caller, told: string | null) {
  const id = told === null ? null : ctx.db.normalizeId("devices", told);
  const author = id === null ? null : await ctx.db.get("devices", id);
  return author?.workspace === ctx.workspace ? author : null;
}

/** What these devices are called, null for each that the workspace does not have. */
export async function namesOf(ctx: QueryCtx & Caller, devices: string[]) {
  if (devices.length > AUTHORS) throw trouble("invalid", `at most ${AUTHORS} devices`);
  const found = await Promise.all(devices.map((device) => findAuthor(ctx, device)));
  return found.map((author) => author?.name ?? null);
}
