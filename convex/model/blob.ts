/**
 * Content in file storage, by digest. Every upload makes a new file there; here each content of a
 * workspace is kept once, and an upload of what is here already is deleted.
 */
import type { Doc, Id } from "../_generated/dataModel";
import type { MutationCtx, QueryCtx } from "../_generated/server";
import type { Operation } from "../validators";
import type { Caller } from "./authorized";
import { fromBase64 } from "./base64";
import { hex, isDigest } from "./digest";
import type { Refusal } from "./key";
import { DIGESTS } from "./limits";
import { trouble } from "./trouble";

export type Blob = Doc<"blobs">;

type Claim = { digest: string; size: number; storageId: Id<"_storage"> };

/** What is uploaded for a blob says so in its content type: other files here are not ours. */
const MARK = /;\s*syncd=payload\s*$/i;

export function isOurs(file: { contentType?: string }): boolean {
  return MARK.test(file.contentType ?? "");
}

/**
 * The blob of this digest. One whose file is gone, as where a deployment is restored without its
 * files, is not here: it is uploaded again, and all that names it has its content again.
 */
export async function findBlob(
  ctx: QueryCtx,
  workspace: string,
  digest: string,
): Promise<Blob | null> {
  const noted = await findNoted(ctx, workspace, digest);
  const file = noted && (await ctx.db.system.get("_storage", noted.storageId));
  return file === null ? null : noted;
}

/** What is noted of this digest, whether or not file storage has its content. */
function findNoted(ctx: QueryCtx, workspace: string, digest: string): Promise<Blob | null> {
  return ctx.db
    .query("blobs")
    .withIndex("by_workspace_and_digest", (q) => q.eq("workspace", workspace).eq("digest", digest))
    .unique();
}

/** Where a blob is served, to whoever knows the URL; null if it is gone. */
export async function urlOf(ctx: QueryCtx, id: Id<"blobs">): Promise<string | null> {
  const blob = await ctx.db.get("blobs", id);
  return blob && ctx.storage.getUrl(blob.storageId);
}

/** The blob that a write of stored content names, or why there is none; null for other writes. */
export async function blobFor(
  ctx: QueryCtx,
  workspace: string,
  write: Operation["write"],
): Promise<{ found: Blob | null; refusal: Refusal | null }> {
  if (write === null || !("stored" in write)) return { found: null, refusal: null };
  const found = await findBlob(ctx, workspace, write.digest);
  if (found === null) {
    const detail = "file storage does not hold this content: upload it first";
    return { found, refusal: { reason: "missing-blob", detail } };
  }
  if (found.size === write.size) return { found, refusal: null };
  const detail = `the content has ${found.size} bytes`;
  return { found, refusal: { reason: "size-mismatch", detail } };
}

/** Those of the digests that are not here. */
export async function missing(
  ctx: QueryCtx,
  workspace: string,
  digests: string[],
): Promise<string[]> {
  if (digests.length > DIGESTS) throw trouble("invalid", `at most ${DIGESTS} digests`);
  const lacking: string[] = [];
  for (const digest of new Set(digests)) {
    if ((await findBlob(ctx, workspace, digest)) === null) lacking.push(digest);
  }
  return lacking;
}

/** Takes an upload for the blob of this digest, or says why not. Doing it again changes nothing. */
export async function commit(ctx: MutationCtx & Caller, claim: Claim): Promise<Refusal | null> {
  const { digest, storageId } = claim;
  const known = await findBlob(ctx, ctx.workspace, digest);
  if (known?.storageId === storageId) return null;
  const refusal = await refuse(ctx, claim);
  // An upload of what was here already was deleted when this was told for the first time.
  if (known !== null && refusal?.reason === "no-such-upload") return null;
  if (refusal !== null) return refusal;
  // RACE: two machines may upload the same at once; the first to commit is kept.
  if (known !== null) await ctx.storage.delete(storageId);
  else await note(ctx, claim);
  return null;
}

async function note(ctx: MutationCtx & Caller, claim: Claim): Promise<void> {
  const former = await findNoted(ctx, ctx.workspace, claim.digest);
  const blob = { ...claim, workspace: ctx.workspace, seenAt: Date.now() };
  if (former === null) await ctx.db.insert("blobs", blob);
  else await ctx.db.replace("blobs", former._id, blob);
}

async function refuse(ctx: MutationCtx, { digest, size, storageId }: Claim) {
  const file = await ctx.db.system.get("_storage", storageId);
  if (file === null) return { reason: "no-such-upload", detail: "the upload is not there" };
  // Files of an application that shares the deployment are never taken, and never deleted.
  if (!isOurs(file) || (await holderOf(ctx, storageId)) !== null) {
    return { reason: "not-an-upload", detail: "the file was not uploaded for this" };
  }
  const found = hexOf(file.sha256);
  if (found === digest && file.size === size) return null;
  await ctx.storage.delete(storageId);
  const detail = `the upload has ${file.size} bytes of digest ${found}; it was deleted`;
  return { reason: "digest-mismatch", detail };
}

/** The blob whose content a file is. */
export function holderOf(ctx: QueryCtx, storageId: Id<"_storage">): Promise<Blob | null> {
  return ctx.db
    .query("blobs")
    .withIndex("by_storageId", (q) => q.eq("storageId", storageId))
    .unique();
}

/** Base64 since npm `convex` 1.9, hex before it: https://docs.convex.dev/file-storage/file-metadata */
function hexOf(sha256: string): string {
  if (isDigest(sha256)) return sha256;
  return hex(new Uint8Array(fromBase64(sha256)));
}
