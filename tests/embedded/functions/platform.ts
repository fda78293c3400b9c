import {
  actionGeneric as action,
  anyApi,
  internalMutationGeneric as internalMutation,
  internalQueryGeneric as internalQuery,
  mutationGeneric as mutation,
  queryGeneric as query,
  type StorageActionWriter,
} from "convex/server";
import { v } from "convex/values";

export const secret = internalQuery({ args: {}, returns: v.string(), handler: async () => "told" });

export const add = internalMutation({
  args: { tag: v.string(), fail: v.boolean() },
  returns: v.null(),
  handler: async (ctx, { tag, fail }) => {
    await ctx.db.insert("things", { tag, value: "inner" });
    if (fail) throw new Error("inner trouble");
    return null;
  },
});

/** Calls `add` once to succeed and once to fail; answers the message of the failure. */
export const nest = mutation({
  args: { tag: v.string() },
  returns: v.string(),
  handler: async (ctx, { tag }) => {
    await ctx.runMutation(anyApi.platform!.add!, { tag, fail: false });
    try {
      await ctx.runMutation(anyApi.platform!.add!, { tag, fail: true });
    } catch (error) {
      return (error as Error).message;
    }
    return "nothing failed";
  },
});

export const stampAndFail = internalMutation({
  args: { name: v.string() },
  returns: v.null(),
  handler: async (ctx, { name }) => {
    await ctx.db.insert("stamps", { name, at: ctx.db.vars.commitTs });
    throw new Error("inner trouble");
  },
});

/** Leaves a stamp of its own, and none of a sub-mutation that fails. */
export const nestStamp = mutation({
  args: { name: v.string() },
  returns: v.null(),
  handler: async (ctx, { name }) => {
    await ctx.db.insert("stamps", { name, at: ctx.db.vars.commitTs });
    await ctx
      .runMutation(anyApi.platform!.stampAndFail!, { name: `${name}, undone` })
      .catch(() => null);
    return null;
  },
});

/** Sub-mutations begun at once, half of which fail. */
export const nestAtOnce = mutation({
  args: { tag: v.string() },
  returns: v.number(),
  handler: async (ctx, { tag }) => {
    const calls = [true, false, true, false].map((fail) =>
      ctx.runMutation(anyApi.platform!.add!, { tag, fail }),
    );
    return (await Promise.allSettled(calls)).filter(({ status }) => status === "fulfilled").length;
  },
});

export const act = action({
  args: { tag: v.string() },
  returns: v.object({ secret: v.string(), count: v.number() }),
  handler: async (ctx, { tag }) => {
    await ctx.runMutation(anyApi.platform!.add!, { tag, fail: false });
    const secret: string = await ctx.runQuery(anyApi.platform!.secret!, {});
    return { secret, count: await ctx.runQuery(anyApi.things!.count!, { tag }) };
  },
});

export const clock = query({
  args: {},
  returns: v.object({ still: v.boolean(), now: v.number() }),
  handler: async () => {
    const now = Date.now();
    const started = performance.now();
    while (performance.now() - started < 5);
    return { still: Date.now() === now && new Date().getTime() === now, now };
  },
});

export const spin = query({
  args: { ms: v.number() },
  returns: v.null(),
  handler: async (_ctx, { ms }) => {
    const started = performance.now();
    while (performance.now() - started < ms);
    return null;
  },
});

export const useTimer = query({
  args: {},
  returns: v.null(),
  handler: async () => new Promise<null>((resolve) => setTimeout(() => resolve(null), 1)),
});

export const useFetch = query({
  args: {},
  returns: v.null(),
  handler: async () => {
    await fetch("http://127.0.0.1:9");
    return null;
  },
});

export const lie = query({ args: {}, returns: v.string(), handler: async () => 1 as any });

export const talk = query({
  args: {},
  returns: v.null(),
  handler: async () => {
    console.log("hello", { a: 1 });
    return null;
  },
});

export const storeBlob = mutation({
  args: {},
  returns: v.null(),
  handler: async (ctx) => {
    await (ctx.storage as unknown as StorageActionWriter).store(new Blob(["x"]));
    return null;
  },
});

export const large = query({
  args: { size: v.number() },
  returns: v.string(),
  handler: async (_ctx, { size }) => "x".repeat(size),
});

export const identity = query({
  args: {},
  returns: v.any(),
  handler: async (ctx) => ctx.auth.getUserIdentity(),
});

/** Reads so many index ranges. */
export const look = query({
  args: { times: v.number() },
  returns: v.null(),
  handler: async (ctx, { times }) => {
    for (let at = 0; at < times; at += 1)
      await ctx.db
        .query("things")
        .withIndex("by_tag", (q) => q.eq("tag", `none ${at}`))
        .first();
    return null;
  },
});

/** Calls itself so many levels deep. */
export const dive = query({
  args: { levels: v.number() },
  returns: v.null(),
  handler: async (ctx, { levels }): Promise<null> =>
    levels === 0 ? null : ctx.runQuery(anyApi.platform!.dive!, { levels: levels - 1 }),
});

export const diveInActions = action({
  args: { levels: v.number() },
  returns: v.null(),
  handler: async (ctx, { levels }): Promise<null> =>
    levels === 0 ? null : ctx.runAction(anyApi.platform!.diveInActions!, { levels: levels - 1 }),
});

/** Leaves promises behind: one that fails, and one that goes on after the answer. */
export const litter = mutation({
  args: { tag: v.string() },
  returns: v.null(),
  handler: async (ctx, { tag }) => {
    void ctx.db.insert("things", { tag: 1 as any, value: null });
    void Promise.resolve()
      .then(() => new Promise((resolve) => queueMicrotask(() => resolve(null))))
      .then(() => crypto.subtle.generateKey({ name: "AES-GCM", length: 128 }, true, ["encrypt"]))
      .then(() => ctx.db.insert("things", { tag, value: "late" }));
    return null;
  },
});

export const digest = mutation({
  args: { text: v.string() },
  returns: v.string(),
  handler: async (_ctx, { text }) => {
    const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
    return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  },
});
