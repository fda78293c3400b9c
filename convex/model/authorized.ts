/**
 * The one way into a public function: who calls is found out, and what they may do, before the
 * handler runs. The file plane is for devices with a token. The app plane is also for signed-in
 * users and for anybody, as far as the deployment's environment opens it to them.
 * Handlers get the caller and never see the token.
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

/** What a handler of the file plane knows of its caller; `workspace` is the device's own. */
export type Caller = { device: Device; workspace: string };

/** What a handler of the app plane knows of its caller; `device` is null without a token. */
export type AppCaller = { device: Device | null; workspace: string };

const workspace = v.optional(v.string());
const credentials = { token: v.string(), workspace };
const openCredentials = { token: v.optional(v.string()), workspace };
type Credentials = ObjectType<typeof openCredentials>;

type Definition<Ctx, Args extends PropertyValidators, Returns extends GenericValidator> = {
  args: Args;
  returns: Returns;
  handler: (ctx: Ctx, args: ObjectType<Args>) => Promise<Infer<Returns>>;
};

/** A public query for devices with the scope `read`. */
export function deviceQuery<Args extends PropertyValidators, Returns extends GenericValidator>(
  definition: Definition<QueryCtx & Caller, Args, Returns>,
) {
  const { args, returns } = definition;
  return query({
    args: { ...credentials, ...args },
    returns,
    handler: guarded("read", admitDevice, definition),
  });
}

/** A public mutation for devices with `scope`. */
export function deviceMutation<Args extends PropertyValidators, Returns extends GenericValidator>(
  scope: Scope,
  definition: Definition<MutationCtx & Caller, Args, Returns>,
) {
  const { args, returns } = definition;
  return mutation({
    args: { ...credentials, ...args },
    returns,
    handler: guarded(scope, admitDevice, definition),
  });
}

/** A public query of the app plane. */
export function appQuery<Args extends PropertyValidators, Returns extends GenericValidator>(
  definition: Definition<QueryCtx & AppCaller, Args, Returns>,
) {
  const { args, returns } = definition;
  return query({
    args: { ...openCredentials, ...args },
    returns,
    handler: guarded("read", admit, definition),
  });
}

/** A public mutation of the app plane. */
export function appMutation<Args extends PropertyValidators, Returns extends GenericValidator>(
  definition: Definition<MutationCtx & AppCaller, Args, Returns>,
) {
  const { args, returns } = definition;
  return mutation({
    args: { ...openCredentials, ...args },
    returns,
    handler: guarded("write", admit, definition),
  });
}

type Admit<Who> = (ctx: QueryCtx, scope: Scope, credentials: Required<Credentials>) => Promise<Who>;

function guarded<
  Ctx extends QueryCtx,
  Who,
  Args extends PropertyValidators,
  R extends GenericValidator,
>(scope: Scope, admission: Admit<Who>, definition: Definition<Ctx & Who, Args, R>) {
  const run = async (ctx: Ctx, args?: unknown) => {
    // The validators were applied before: what the compiler cannot follow is that the spread of
    // two records of validators admits the intersection of what each admits.
    const { token = "", workspace = "default", ...own } = args as Credentials & ObjectType<Args>;
    const who = await admission(ctx, scope, { token, workspace });
    return definition.handler({ ...ctx, ...who }, own as unknown as ObjectType<Args>);
  };
  return run as (ctx: Ctx, args?: unknown) => ReturnValueForOptionalValidator<R>;
}

async function admitDevice(
  ctx: QueryCtx,
  scope: Scope,
  { token, workspace }: Required<Credentials>,
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

function admit(ctx: QueryCtx, scope: Scope, given: Required<Credentials>): Promise<AppCaller> {
  return given.token === ""
    ? admitVisitor(ctx, scope, given.workspace)
    : admitDevice(ctx, scope, given);
}

/**
 * Who calls without a token: anybody may do what SYNCD_ANONYMOUS says ("read" or "write"), a
 * signed-in user also what SYNCD_USERS says, in the workspaces that SYNCD_WORKSPACES lists.
 */
async function admitVisitor(ctx: QueryCtx, scope: Scope, workspace: string): Promise<AppCaller> {
  const { SYNCD_ANONYMOUS, SYNCD_USERS, SYNCD_WORKSPACES = "default" } = process.env;
  const opened = SYNCD_WORKSPACES.split(",").some((name) => name.trim() === workspace);
  if (opened && allows(SYNCD_ANONYMOUS, scope)) return { device: null, workspace };
  const isSignedIn = (await ctx.auth.getUserIdentity()) !== null;
  if (opened && isSignedIn && allows(SYNCD_USERS, scope)) return { device: null, workspace };
  const who = isSignedIn ? "signed-in users" : "calls without a token";
  const setting = opened ? "SYNCD_ANONYMOUS or SYNCD_USERS" : "SYNCD_WORKSPACES";
  throw trouble(
    isSignedIn ? "forbidden" : "unauthorized",
    `${who} may not ${scope} in workspace ${workspace}: pass a token, or set ${setting} on the deployment`,
  );
}

function allows(setting: string | undefined, scope: Scope): boolean {
  return setting === "write" || setting === scope;
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
