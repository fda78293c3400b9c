import type { Id } from "../_generated/dataModel";
import type { MutationCtx } from "../_generated/server";
import type { Author } from "./receipt";

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
