/** Content of any size and type, in file storage: asked for, uploaded, committed, then pushed. */
import { v } from "convex/values";
import { internalMutation } from "./_generated/server";
import { deviceMutation, deviceQuery } from "./model/authorized";
import * as blob from "./model/blob";
import { collectBlobs, sweepUploads } from "./model/collect";

const nullableString = v.union(v.string(), v.null());

/** Which of these are not here, so that they must be uploaded. */
export const missing = deviceQuery({
  args: { digests: v.array(v.string()) },
  returns: v.object({ missing: v.array(v.string()) }),
  handler: async (ctx, { digests }) => ({
    missing: await blob.missing(ctx, ctx.workspace, digests),
  }),
});

/**
 * Where to POST the content, for an hour; null if it is here. Its Content-Type must end with
 * `; syncd=payload`.
 */
export const begin = deviceMutation("write", {
  args: { digest: v.string() },
  returns: v.object({ url: nullableString }),
  handler: async (ctx, { digest }) => {
    const known = await blob.findBlob(ctx, ctx.workspace, digest);
    return { url: known === null ? await ctx.storage.generateUploadUrl() : null };
  },
});

/** Takes an upload, if file storage says that it is what is claimed. */
export const commit = deviceMutation("write", {
  args: { digest: v.string(), size: v.number(), storageId: v.id("_storage") },
  returns: v.object({
    refusal: v.union(v.object({ reason: v.string(), detail: v.string() }), v.null()),
  }),
  handler: async (ctx, claim) => ({ refusal: await blob.commit(ctx, claim) }),
});

/** Where content is served, to whoever knows the URL; null if it is not here. */
export const url = deviceQuery({
  args: { digest: v.string() },
  returns: v.object({ url: nullableString }),
  handler: async (ctx, { digest }) => {
    const known = await blob.findBlob(ctx, ctx.workspace, digest);
    return { url: known && (await ctx.storage.getUrl(known.storageId)) };
  },
});

/** Deletes blobs that nothing needs. */
export const collect = internalMutation({
  args: { after: v.number() },
  returns: v.null(),
  handler: async (ctx, { after }) => {
    await collectBlobs(ctx, after);
    return null;
  },
});

/** Deletes uploads that were never committed. */
export const sweep = internalMutation({
  args: {},
  returns: v.null(),
  handler: async (ctx) => {
    await sweepUploads(ctx);
    return null;
  },
});
