/** Writes that carry a `requestId` are done once: a repetition is answered as the first was. */
import { getConvexSize } from "convex/values";
import type { MutationCtx } from "../_generated/server";
import type { AppCaller } from "./authorized";
import { REQUEST_BYTES, REQUEST_DAYS, SWEPT_REQUESTS } from "./limits";
import type { Asking, Outcome, Recorded } from "./outcome";
import { trouble } from "./trouble";

const DAY = 24 * 3600 * 1000;

/** Runs `write` unless this request was answered before; `name` is the function's. */
export async function once<Answer extends Outcome | Recorded>(
  ctx: MutationCtx & AppCaller,
  name: string,
  { requestId }: Asking,
  write: () => Promise<Answer>,
): Promise<Answer> {
  if (requestId === undefined) return write();
  if (requestId === "" || requestId.length > 200) {
    throw trouble("invalid", "a requestId has 1 to 200 characters");
  }
  const { workspace } = ctx;
  const former = await ctx.db
    .query("requests")
    .withIndex("by_workspace_and_requestId", (q) =>
      q.eq("workspace", workspace).eq("requestId", requestId),
    )
    .unique();
  if (former !== null && former.name !== name) {
    throw trouble("invalid", `the requestId was used for ${former.name}: make a new one`);
  }
  // The same function answered it, with what it answers now.
  if (former !== null) return former.outcome as Answer;
  const outcome = await write();
  // Only an id that no file can have makes it so large, and a repetition comes to the same.
  if (getConvexSize(outcome) > REQUEST_BYTES) return outcome;
  await ctx.db.insert("requests", { workspace, requestId, name, outcome, since: Date.now() });
  return outcome;
}

/** Forgets requests that are too old to be repeated; whether there may be more of them. */
export async function sweepRequests(ctx: MutationCtx): Promise<boolean> {
  const old = await ctx.db
    .query("requests")
    .withIndex("by_since", (q) => q.lt("since", Date.now() - REQUEST_DAYS * DAY))
    .take(SWEPT_REQUESTS);
  for (const request of old) await ctx.db.delete("requests", request._id);
  return old.length === SWEPT_REQUESTS;
}
