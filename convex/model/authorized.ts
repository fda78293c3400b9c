/**
 * The one way into a public function: the device's token is checked, its scope and its workspace,
 * before the handler runs. Handlers get the device and never see the token.
 */
import type { ReturnValueForOptionalValidator } from "convex/server";
import {
  v,
  type GenericValidator,
  type Infer,
  type ObjectType,
  type PropertyValidators,
} from "convex/values";
import { mutation, query, type MutationCtx, type QueryCtx } from "../_generated/server";
import type { Doc } from "../_generated/dataModel";
import type { Scope } from "../validators";
import { sha256, utf8 } from "./digest";
import { trouble } from "./trouble";

export type Device = Doc<"devices">;

/** What a handler knows of its caller; `workspace` is the device's own. */
export type Caller = { device: Device; workspace: string };

const credentials = { token: v.string(), workspace: v.optional(v.string()) };
type Credentials = ObjectType<typeof credentials>;

type Definition<Ctx, Args extends PropertyValidators, Returns extends GenericValidator> = {
  args: Args;
  returns: Returns;
  handler: (ctx: Ctx & Caller, args: ObjectType<Args>) => Promise<Infer<Returns>>;
};

/** A public query for devices with the scope `read`. */
export function deviceQuery<Args extends PropertyValidators, Returns extends GenericValidator>(
  definition: Definition<QueryCtx, Args, Returns>,
) {
  const { args, returns } = definition;
  return query({
    args: { ...credentials, ...args },
    returns,
    handler: guarded("read", definition),
  });
}

/** A public mutation for devices with `scope`. */
export function deviceMutation<Args extends PropertyValidators, Returns extends GenericValidator>(
  scope: Scope,
  definition: Definition<MutationCtx, Args, Returns>,
) {
  const { args, returns } = definition;
  return mutation({
    args: { ...credentials, ...args },
    returns,
    handler: guarded(scope, definition),
  });
}

function guarded<Ctx extends QueryCtx, Args extends PropertyValidators, R extends GenericValidator>(
  scope: Scope,
  definition: Definition<Ctx, Args, R>,
) {
  const run = async (ctx: Ctx, args?: unknown) => {
    // The validators were applied before: what the compiler cannot follow is that the spread of
    // two records of validators admits the intersection of what each admits.
    const { token, workspace, ...own } = args as Credentials & ObjectType<Args>;
    const caller = await admit(ctx, scope, token, workspace ?? "default");
    return definition.handler({ ...ctx, ...caller }, own as unknown as ObjectType<Args>);
  };
  return run as (ctx: Ctx, args?: unknown) => ReturnValueForOptionalValidator<R>;
}

async function admit(
  ctx: QueryCtx,
  scope: Scope,
  token: string,
  workspace: string,
): Promise<Caller> {
  const device = await authenticate(ctx, token);
  if (device.workspace !== workspace) {
    throw trouble("forbidden", `the token of device ${device.name} is for another workspace`);
  }
  if (!device.scopes.includes(scope)) {
    throw trouble("forbidden", `device ${device.name} lacks the scope ${scope}`);
  }
  return { device, workspace };
}

async function authenticate(ctx: QueryCtx, token: string): Promise<Device> {
  const tokenHash = await sha256(utf8(token));
  const device = await ctx.db
    .query("devices")
    .withIndex("by_tokenHash", (q) => q.eq("tokenHash", tokenHash))
    .unique();
  if (device === null || device.revoked) {
    throw trouble("unauthorized", "no device has this token, or it was revoked: enroll again");
  }
  return device;
}
