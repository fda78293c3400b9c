/** The stores of a workspace, as devices have them configured. */
import type { Doc, Id } from "../_generated/dataModel";
import type { MutationCtx, QueryCtx } from "../_generated/server";
import type { Format, Kind, Registration } from "../validators";
import type { Caller } from "./authorized";
import { refusePath } from "./key";
import { STORES } from "./limits";
import { trouble } from "./trouble";

export type Store = Doc<"stores">;

/**
 * Makes these the stores that the device has configured, each noted once for its name. A store
 * that another device registered before takes on what this one says, but stays the older one:
 * where new entries are created does not wander. One that no device has any more is forgotten.
 */
export async function registerStores(
  ctx: MutationCtx & Caller,
  stores: Registration[],
): Promise<void> {
  if (stores.length > STORES) throw trouble("invalid", `at most ${STORES} stores a call`);
  stores.forEach(check);
  await convertFormer(ctx);
  for (const store of stores) await registerStore(ctx, store);
  await withdraw(ctx, ctx.device._id, new Set(stores.map(({ name }) => name)));
}

/** The device has no stores any more; it registers them again where it makes first contact. */
export function withdrawStores(ctx: MutationCtx, device: Id<"devices">): Promise<void> {
  return withdraw(ctx, device, new Set());
}

/** The store in which new entries of this kind are created: the first that was registered. */
export function storeFor(ctx: QueryCtx, workspace: string, kind: Kind): Promise<Store | null> {
  return ctx.db
    .query("stores")
    .withIndex("by_workspace_and_kind", (q) => q.eq("workspace", workspace).eq("kind", kind))
    .first();
}

/** The kind of a registered store; null if no device has registered it. */
export async function kindOf(ctx: QueryCtx, workspace: string, name: string): Promise<Kind | null> {
  return (await findStore(ctx, workspace, name))?.kind ?? null;
}

/** In how many objects the list of a file of many lies; those of earlier functions tell no pointer. */
export async function levelsAbove(ctx: QueryCtx, workspace: string, name: string): Promise<number> {
  const { pointer = "/" } = (await findStore(ctx, workspace, name)) ?? {};
  return pointer.split("/").length - 1;
}

/** How a file of this name is written. */
export function formatOf(path: string): Format {
  if (/\.json$/i.test(path)) return "json";
  return /\.ya?ml$/i.test(path) ? "yaml" : "text";
}

function findStore(ctx: QueryCtx, workspace: string, name: string): Promise<Store | null> {
  return ctx.db
    .query("stores")
    .withIndex("by_workspace_and_name", (q) => q.eq("workspace", workspace).eq("name", name))
    .unique();
}

async function registerStore(ctx: MutationCtx & Caller, store: Registration): Promise<void> {
  const { workspace, device } = ctx;
  const known = await findStore(ctx, workspace, store.name);
  if (known === null) await ctx.db.insert("stores", { workspace, ...store, first: device._id });
  // A write that changes nothing is none: ties again and again cost no revision of the document.
  else await ctx.db.replace("stores", known._id, { workspace, ...store, first: known.first });
  await noteConfigured(ctx, store.name, device._id);
}

/**
 * Stores that earlier functions wrote name their devices themselves. A device registers only when
 * its stores change: one that did it before must not lose its store to another that withdraws.
 */
async function convertFormer(ctx: MutationCtx & Caller): Promise<void> {
  const all = ctx.db
    .query("stores")
    .withIndex("by_workspace_and_name", (q) => q.eq("workspace", ctx.workspace));
  for await (const { _id, name, devices } of all) {
    if (devices === undefined) continue;
    for (const device of devices) await noteConfigured(ctx, name, device);
    await ctx.db.patch("stores", _id, { last: undefined, devices: undefined });
  }
}

async function noteConfigured(
  ctx: MutationCtx & Caller,
  store: string,
  device: Id<"devices">,
): Promise<void> {
  const noted = await ctx.db
    .query("configured")
    .withIndex("by_device_and_store", (q) => q.eq("device", device).eq("store", store))
    .unique();
  if (noted === null) {
    await ctx.db.insert("configured", { workspace: ctx.workspace, store, device });
  }
}

/** The device has no other stores than these. */
async function withdraw(
  ctx: MutationCtx,
  device: Id<"devices">,
  names: ReadonlySet<string>,
): Promise<void> {
  const own = ctx.db
    .query("configured")
    .withIndex("by_device_and_store", (q) => q.eq("device", device));
  for await (const { _id, workspace, store: name } of own) {
    if (names.has(name)) continue;
    await ctx.db.delete("configured", _id);
    const store = await findStore(ctx, workspace, name);
    if (store !== null && !(await isConfigured(ctx, workspace, name))) {
      await ctx.db.delete("stores", store._id);
    }
  }
}

async function isConfigured(ctx: QueryCtx, workspace: string, name: string): Promise<boolean> {
  const any = await ctx.db
    .query("configured")
    .withIndex("by_workspace_and_store", (q) => q.eq("workspace", workspace).eq("store", name))
    .first();
  return any !== null;
}

function check({ name, create }: Registration): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(name)) {
    throw trouble(
      "invalid",
      `a store's name has letters, digits, _ and -, not ${JSON.stringify(name)}`,
    );
  }
  const refusal = refusePath(create);
  if (refusal !== null) throw trouble("invalid", `store ${name}: create: ${refusal.detail}`);
}
