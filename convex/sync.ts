/** The file plane, for the daemon. */
import { v } from "convex/values";
import { deviceMutation, deviceQuery } from "./model/authorized";
import { namesOf } from "./model/author";
import { recordConflicts } from "./model/conflict";
import * as feed from "./model/feed";
import { fetchEntries } from "./model/fetch";
import { pageBytes } from "./model/limits";
import { manifestAfter } from "./model/manifest";
import { deploymentId, notePassed, noteStart } from "./model/presence";
import * as entries from "./model/push";
import { hasMissed, reapedOf, reapingOf } from "./model/reaped";
import { registerStores } from "./model/store";
import { trouble } from "./model/trouble";
import { brokenWitnesses } from "./model/witness";
import {
  change,
  conflict as told,
  fetched,
  key,
  listed,
  operation,
  place,
  PROTOCOL,
  registration,
  result,
  witness,
} from "./validators";

/**
 * Start and every reconnect: who is who, and whether history was lost. `reaped`: all tombstones
 * before that place of the feed are gone.
 */
export const hello = deviceMutation("read", {
  args: {
    protocol: v.number(),
    ledger: v.string(),
    start: v.number(),
    cursor: v.union(v.string(), v.null()),
    passed: v.optional(v.union(v.string(), v.null())),
    witnesses: v.array(witness),
  },
  returns: v.object({
    protocol: v.number(),
    deployment: v.string(),
    device: v.id("devices"),
    name: v.string(),
    behind: v.boolean(),
    missed: v.boolean(),
    reaped: v.string(),
    seen: v.number(),
    broken: v.array(witness),
  }),
  handler: async (ctx, { protocol, witnesses, ...started }) => {
    if (protocol !== PROTOCOL) {
      throw trouble("protocol", `this deployment speaks protocol ${PROTOCOL}, not ${protocol}`);
    }
    const cursor = feed.parseCursor(started.cursor);
    const { at: reaped } = await reapedOf(ctx, ctx.workspace);
    return {
      protocol: PROTOCOL,
      deployment: await deploymentId(ctx),
      device: ctx.device._id,
      name: ctx.device.name,
      behind: await feed.endsBefore(ctx, ctx.workspace, cursor),
      missed: started.cursor !== null && cursor < reaped,
      reaped: reaped.toString(),
      seen: await noteStart(ctx, ctx.device._id, started),
      broken: await brokenWitnesses(ctx, witnesses),
    };
  },
});

/**
 * The stores this device has configured, so that functions know where to create; idempotent.
 * A device that may only read changes nothing by it.
 */
export const register = deviceMutation("read", {
  args: { stores: v.array(registration) },
  returns: v.object({ registered: v.number() }),
  handler: async (ctx, { stores }) => {
    if (!ctx.device.scopes.includes("write")) return { registered: 0 };
    await registerStores(ctx, stores);
    return { registered: stores.length };
  },
});

/**
 * How far a ledger has passed since its hello with this start number, so that tombstones can be
 * reaped: see `model/reap.ts`. Answers the place before which they are.
 */
export const passed = deviceMutation("read", {
  args: { ledger: v.string(), start: v.number(), passed: v.string() },
  returns: v.object({ noted: v.boolean(), reaped: v.string() }),
  handler: async (ctx, told) => ({
    noted: await notePassed(ctx, ctx.device._id, told),
    reaped: (await reapedOf(ctx, ctx.workspace)).at.toString(),
  }),
});

/**
 * Compare-and-set of entries; one answer an operation, in their order. See `model/push.ts`.
 * `passed` is the place that the device had passed when it sent this: see `model/reaped.ts`.
 */
export const push = deviceMutation("write", {
  args: {
    operations: v.array(operation),
    passed: v.optional(v.union(v.string(), v.null())),
  },
  returns: v.object({ results: v.array(result) }),
  handler: async (ctx, { operations, passed }) => {
    const place = passed === undefined ? null : feed.parseCursor(passed);
    const reaping = reapingOf(ctx, ctx.workspace, place);
    return { results: await entries.push({ ...ctx, reaping }, operations) };
  },
});

/**
 * The feed after `cursor`, whole groups of equal `at` only. See `model/feed.ts`. Of the stores in
 * `own` others' content is left out: the device does not want it. What lies at the `known` places the
 * device wrote itself, and knows from the answers: that is left out whole. Where `missed`, tombstones
 * behind the cursor are gone, and nothing of the answer counts. `most` is how many bytes of text the
 * caller's link takes at once.
 */
export const changes = deviceQuery({
  args: {
    stores: v.array(v.string()),
    own: v.optional(v.array(v.string())),
    cursor: v.union(v.string(), v.null()),
    known: v.optional(v.array(v.string())),
    witnesses: v.optional(v.array(witness)),
    most: v.optional(v.number()),
  },
  returns: v.object({
    changes: v.array(change),
    cursor: v.string(),
    done: v.boolean(),
    missed: v.boolean(),
    broken: v.array(witness),
  }),
  handler: async (ctx, { stores, own, cursor, known, witnesses, most }) => ({
    ...(await feed.changesAfter(ctx, stores, own ?? [], cursor, known ?? [], pageBytes(most))),
    missed: cursor !== null && (await hasMissed(ctx, ctx.workspace, feed.parseCursor(cursor))),
    broken: await brokenWitnesses(ctx, witnesses ?? []),
  }),
});

/** The first of these keys that fit in a response, with their content; ask again for the rest. */
export const fetch = deviceQuery({
  args: { keys: v.array(key), most: v.optional(v.number()) },
  returns: v.object({ entries: v.array(v.union(fetched, v.null())) }),
  handler: async (ctx, { keys, most }) => ({
    entries: await fetchEntries(ctx, ctx.workspace, keys, pageBytes(most)),
  }),
});

/** The only function a daemon subscribes to. */
export const head = deviceQuery({
  args: {},
  returns: v.object({ head: v.string(), before: v.string() }),
  handler: (ctx) => feed.end(ctx, ctx.workspace),
});

/** A page of everything a store holds, tombstones too, without text. */
export const manifest = deviceQuery({
  args: { store: v.string(), after: v.union(place, v.null()) },
  returns: v.object({ entries: v.array(listed), next: v.union(place, v.null()) }),
  handler: (ctx, { store, after }) => manifestAfter(ctx, ctx.workspace, store, after),
});

/** Conflicts this device met; idempotent. Answers the names of those whose versions lost. */
export const conflict = deviceMutation("write", {
  args: { conflicts: v.array(told) },
  returns: v.object({ authors: v.array(v.union(v.string(), v.null())) }),
  handler: async (ctx, { conflicts }) => ({ authors: await recordConflicts(ctx, conflicts) }),
});

/** What devices are called whose changes were heard: these are told by their ids. */
export const authors = deviceQuery({
  args: { devices: v.array(v.string()) },
  returns: v.object({ names: v.array(v.union(v.string(), v.null())) }),
  handler: async (ctx, { devices }) => ({ names: await namesOf(ctx, devices) }),
});
