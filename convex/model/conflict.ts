/** Conflicts that devices met: recorded once, found by the one whose version lost. */
import type { Doc, Id } from "../_generated/dataModel";
import type { MutationCtx, QueryCtx } from "../_generated/server";
import type { Conflict } from "../validators";
import { findAuthor } from "./author";
import type { Caller } from "./authorized";
import { findBlob, urlOf } from "./blob";
import { cut } from "./content";
import { sha256, utf8 } from "./digest";
import { refuseKey } from "./key";
import { CONFLICTS, PAGE_BYTES, PIECE_BYTES, TEXT_BYTES } from "./limits";
import { trouble } from "./trouble";

type Columns = Omit<Doc<"conflicts">, "_id" | "_creationTime">;

/**
 * Records each conflict once for its device, key and revision; told again, only the resolution
 * changes. Answers the authors' names, null where the workspace has no such device.
 */
export async function recordConflicts(
  ctx: MutationCtx & Caller,
  conflicts: Conflict[],
): Promise<(string | null)[]> {
  await check(conflicts);
  const names: (string | null)[] = [];
  for (const conflict of conflicts) {
    const author = await findAuthor(ctx, conflict.author);
    await record(ctx, conflict, author?._id ?? null);
    names.push(author?.name ?? null);
  }
  return names;
}

/** Where the content that lost is served, if file storage has it. */
export async function loserUrl(ctx: QueryCtx, conflict: Doc<"conflicts">): Promise<string | null> {
  return conflict.blob === undefined ? null : urlOf(ctx, conflict.blob);
}

/** The text that lost, whole; null where it was not sent. */
export async function loserOf(ctx: QueryCtx, conflict: Id<"conflicts">): Promise<string | null> {
  const pieces = ctx.db
    .query("losers")
    .withIndex("by_conflict_and_number", (q) => q.eq("conflict", conflict));
  let text: string | null = null;
  for await (const piece of pieces) text = (text ?? "") + piece.text;
  return text;
}

async function record(
  ctx: MutationCtx & Caller,
  { text, ...told }: Conflict,
  author: Id<"devices"> | null,
): Promise<void> {
  const known = await findConflict(ctx, told);
  const resolvedAt = told.resolution === null ? undefined : (known?.resolvedAt ?? Date.now());
  if (known !== null) {
    await ctx.db.patch("conflicts", known._id, { resolution: told.resolution, resolvedAt });
    return;
  }
  const blob = text === null ? await findBlob(ctx, ctx.workspace, told.digest) : null;
  const columns: Columns = {
    ...told,
    workspace: ctx.workspace,
    device: ctx.device._id,
    author,
    ...(blob === null ? {} : { blob: blob._id }),
    ...(resolvedAt === undefined ? {} : { resolvedAt }),
  };
  const conflict = await ctx.db.insert("conflicts", columns);
  for (const [number, part] of parts(text).entries()) {
    await ctx.db.insert("losers", { conflict, number, text: part });
  }
}

function findConflict(
  ctx: MutationCtx & Caller,
  { store, path, record, revision }: Omit<Conflict, "text">,
) {
  return ctx.db
    .query("conflicts")
    .withIndex("by_device_and_store_and_path_and_record_and_revision", (q) =>
      q
        .eq("device", ctx.device._id)
        .eq("store", store)
        .eq("path", path)
        .eq("record", record)
        .eq("revision", revision),
    )
    .unique();
}

/** An empty text is one empty part, so that it differs from none. */
function parts(text: string | null): string[] {
  if (text === null) return [];
  return text === "" ? [""] : cut(utf8(text), PIECE_BYTES);
}

async function check(conflicts: Conflict[]): Promise<void> {
  if (conflicts.length > CONFLICTS) throw trouble("invalid", `at most ${CONFLICTS} conflicts`);
  let total = 0;
  for (const conflict of conflicts) {
    const refusal = refuseKey(conflict);
    if (refusal !== null) throw trouble("invalid", refusal.detail);
    if (!Number.isSafeInteger(conflict.revision) || conflict.revision < 1) {
      throw trouble("invalid", "a revision is a whole number from 1");
    }
    total += await checkText(conflict);
  }
  if (total > PAGE_BYTES) throw trouble("invalid", `at most ${PAGE_BYTES} bytes of text`);
}

async function checkText({ text, digest }: Conflict): Promise<number> {
  if (text === null) return 0;
  const bytes = utf8(text);
  if (bytes.length > TEXT_BYTES) throw trouble("invalid", `a text has at most ${TEXT_BYTES} bytes`);
  if ((await sha256(bytes)) !== digest) throw trouble("invalid", "the digest is of another text");
  return bytes.length;
}
