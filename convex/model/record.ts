/** Samples that clients record: lines of logs that belong to no device. */
import { v, type Infer } from "convex/values";
import type { MutationCtx } from "../_generated/server";
import { utf8 } from "./digest";
import { refuseFields } from "./edit";
import { APPEND_BYTES, LINE_BYTES, SAMPLES } from "./limits";
import { addRows, type Log } from "./log";
import { rowOf } from "./sample";
import { trouble } from "./trouble";

/** `timestamp` is ms or ISO 8601, now if left out. */
export const sample = v.object({
  type: v.string(),
  name: v.string(),
  value: v.number(),
  unit: v.optional(v.string()),
  timestamp: v.optional(v.union(v.number(), v.string())),
  labels: v.optional(v.record(v.string(), v.any())),
});
export type Sample = Infer<typeof sample>;

/** Logs that calls are spread over: two calls at once for one log are done one after the other. */
const SPREAD = 16;

/** Adds the samples to a log. Throws `invalid` for too many, and for what no line can hold. */
export async function recordSamples(
  ctx: MutationCtx,
  workspace: string,
  samples: Sample[],
): Promise<void> {
  const now = Date.now();
  samples.forEach(check);
  const texts = samples.map((one) => JSON.stringify({ timestamp: now, ...one }));
  const sizes = texts.map((text) => utf8(text).length + 1);
  const size = sizes.reduce((sum, each) => sum + each, 0);
  if (samples.length > SAMPLES || size > APPEND_BYTES) {
    throw trouble("invalid", `at most ${SAMPLES} samples and ${APPEND_BYTES} bytes a call`);
  }
  if (Math.max(...sizes) > LINE_BYTES) {
    throw trouble("invalid", `a sample has at most ${LINE_BYTES} bytes`);
  }
  const log = await logFor(ctx, workspace, texts[0] ?? "");
  await addRows(
    ctx,
    log,
    texts.map((text) => rowOf("metric", text, now)),
  );
  const { length, lines } = log;
  await ctx.db.patch("logs", log._id, { length: length + size, lines: lines + texts.length });
}

function check({ value, labels = {} }: Sample): void {
  if (!Number.isFinite(value)) throw trouble("invalid", "value is a finite number");
  const refusal = refuseFields(labels);
  if (refusal !== null) throw trouble("invalid", `labels: ${refusal.detail}`);
}

async function logFor(ctx: MutationCtx, workspace: string, text: string): Promise<Log> {
  const letters = Array.from(utf8(text));
  const generation = String(letters.reduce((sum, byte) => (31 * sum + byte) % 65_521, 0) % SPREAD);
  const name = { workspace, device: null, store: "", generation };
  const known = await ctx.db
    .query("logs")
    .withIndex("by_workspace_and_device_and_store_and_generation", (q) =>
      q.eq("workspace", workspace).eq("device", null).eq("store", "").eq("generation", generation),
    )
    .unique();
  if (known !== null) return known;
  const begun = { ...name, path: "", kind: "metric" as const, length: 0, tail: "", lines: 0 };
  const log = await ctx.db.get("logs", await ctx.db.insert("logs", begun));
  if (log === null) throw new Error("a document that was just inserted is there");
  return log;
}
