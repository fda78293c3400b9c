/** What a write on the app plane came to. Trouble of the whole call is thrown instead. */
import { v, type Infer } from "convex/values";
import type { Entry } from "./entry";
import type { Refusal } from "./key";

/**
 * `applied`: done, or nothing was to be done. `exists`: the id or the path is taken. `missing`:
 * nothing live has the id. `ambiguous`: several files have it. `stale`: not at the expected
 * revision; `revision` is the one it is at. `refused`: never possible as asked.
 */
export const outcome = v.union(
  v.object({
    outcome: v.union(v.literal("applied"), v.literal("exists"), v.literal("stale")),
    id: v.string(),
    store: v.string(),
    path: v.string(),
    revision: v.number(),
  }),
  v.object({ outcome: v.literal("missing"), id: v.string() }),
  v.object({ outcome: v.literal("ambiguous"), id: v.string(), paths: v.array(v.string()) }),
  v.object({
    outcome: v.literal("refused"),
    id: v.string(),
    reason: v.string(),
    detail: v.string(),
  }),
);
export type Outcome = Infer<typeof outcome>;

/** What recording samples came to: how many there were. */
export const recorded = v.object({ recorded: v.number() });
export type Recorded = Infer<typeof recorded>;

/** What every write takes beside what it writes. */
export const asking = {
  requestId: v.optional(v.string()),
  expectedRevision: v.optional(v.number()),
};
export type Asking = { requestId?: string; expectedRevision?: number };

export function at(
  outcome: "applied" | "exists" | "stale",
  id: string,
  { store, path, revision }: Pick<Entry, "store" | "path" | "revision">,
): Outcome {
  return { outcome, id, store, path, revision };
}

export function refusedAs(id: string, { reason, detail }: Refusal): Outcome {
  return { outcome: "refused", id, reason, detail };
}
