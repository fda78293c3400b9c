/** Registration of machines: internal, for whoever holds a deploy key (`npx convex run`). */
import { v } from "convex/values";
import { internalMutation, internalQuery } from "./_generated/server";
import * as devices from "./model/device";
import { scope } from "./validators";

/** Registers a device, or gives a known one a new token: same id, no longer revoked. */
export const enroll = internalMutation({
  args: { workspace: v.string(), name: v.string(), scopes: v.optional(v.array(scope)) },
  returns: v.object({
    device: v.id("devices"),
    name: v.string(),
    workspace: v.string(),
    token: v.string(),
  }),
  handler: devices.enroll,
});

/** Without tokens: only their hashes are kept. */
export const list = internalQuery({
  args: { workspace: v.string() },
  returns: v.object({ devices: v.array(devices.registration) }),
  handler: async (ctx, { workspace }) => ({ devices: await devices.list(ctx, workspace) }),
});

/** `revoked` is false if the workspace has no such device. */
export const revoke = internalMutation({
  args: { workspace: v.string(), name: v.string() },
  returns: v.object({ revoked: v.boolean() }),
  handler: async (ctx, { workspace, name }) => ({
    revoked: await devices.revoke(ctx, workspace, name),
  }),
});
