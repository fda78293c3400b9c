/** Which samples, and which of their rollups, a question is about: by type, by name, or both. */
import type { IndexRange } from "convex/server";
import type { QueryCtx } from "../_generated/server";
import type { Span } from "./span";

/** At least one of them is told. */
export type Choice = { type?: string; name?: string };

/** Times, in ms; both ends belong to it, `before` does not. */
export type Times = { from?: number; to?: number; before?: number };

/** The rollups of a span, in the order of their starts. */
export function chosenRollups(
  { db }: QueryCtx,
  workspace: string,
  { type, name }: Choice,
  { width, start, end }: Span,
) {
  const rollups = db.query("rollups");
  if (type !== undefined && name !== undefined) {
    return rollups.withIndex("by_workspace_and_width_and_type_and_name_and_start", (q) => {
      const both = q.eq("workspace", workspace).eq("width", width).eq("type", type);
      return both.eq("name", name).gte("start", start).lt("start", end);
    });
  }
  if (type !== undefined) {
    return rollups.withIndex("by_workspace_and_width_and_type_and_start", (q) => {
      const ofType = q.eq("workspace", workspace).eq("width", width).eq("type", type);
      return ofType.gte("start", start).lt("start", end);
    });
  }
  return rollups.withIndex("by_workspace_and_width_and_name_and_start", (q) => {
    const named = q
      .eq("workspace", workspace)
      .eq("width", width)
      .eq("name", name ?? "");
    return named.gte("start", start).lt("start", end);
  });
}

/** Samples in the order of their times. */
export function chosenSamples(
  { db }: QueryCtx,
  workspace: string,
  { type, name }: Choice,
  times: Times,
) {
  const samples = db.query("metrics");
  if (type !== undefined && name !== undefined) {
    return samples.withIndex("by_workspace_and_type_and_name_and_timestamp", (q) =>
      within(q.eq("workspace", workspace).eq("type", type).eq("name", name), times),
    );
  }
  if (type !== undefined) {
    return samples.withIndex("by_workspace_and_type_and_timestamp", (q) =>
      within(q.eq("workspace", workspace).eq("type", type), times),
    );
  }
  return samples.withIndex("by_workspace_and_name_and_timestamp", (q) =>
    within(q.eq("workspace", workspace).eq("name", name ?? ""), times),
  );
}

type Upper = IndexRange & {
  lte(field: "timestamp", value: number): IndexRange;
  lt(field: "timestamp", value: number): IndexRange;
};
type Lower = Upper & { gte(field: "timestamp", value: number): Upper };

function within(samples: Lower, { from, to, before }: Times): IndexRange {
  const late = from === undefined ? samples : samples.gte("timestamp", from);
  if (before !== undefined && (to === undefined || before <= to)) {
    return late.lt("timestamp", before);
  }
  return to === undefined ? late : late.lte("timestamp", to);
}
