/** Which samples, and which of their rollups, a question is about: by type, by name, or both. */
import type { IndexRange } from "convex/server";
import type { QueryCtx } from "../_generated/server";
import type { Rollup } from "./rollup";
import type { Span } from "./span";

/** At least one of them is told. */
export type Choice = { type?: string; name?: string };

/** Times, in ms; both ends belong to it, `before` does not. */
export type Times = { from?: number; to?: number; before?: number };

/**
 * The rollups of a span, in the order of their starts and, where those are equal, of their creation;
 * with `behind`, only those of the first start that were created after that.
 */
export async function* chosenRollups(
  ctx: QueryCtx,
  workspace: string,
  choice: Choice,
  { width, start, end }: Span,
  behind: number | null,
): AsyncGenerator<Rollup> {
  const chosen = (range: (rollups: OfWidth) => IndexRange) =>
    rollupsIn(ctx, workspace, choice, width, range);
  if (behind === null) {
    yield* chosen((q) => q.gte("start", start).lt("start", end));
  } else {
    yield* chosen((q) => q.eq("start", start).gt("_creationTime", behind));
    yield* chosen((q) => q.gt("start", start).lt("start", end));
  }
}

type OfWidth = {
  eq(field: "start", value: number): {
    gt(field: "_creationTime", value: number): IndexRange;
  };
  gt(field: "start", value: number): { lt(field: "start", value: number): IndexRange };
  gte(field: "start", value: number): { lt(field: "start", value: number): IndexRange };
};

function rollupsIn(
  { db }: QueryCtx,
  workspace: string,
  { type, name }: Choice,
  width: number,
  range: (rollups: OfWidth) => IndexRange,
): AsyncIterable<Rollup> {
  const rollups = db.query("rollups");
  if (type !== undefined && name !== undefined) {
    return rollups.withIndex("by_workspace_and_width_and_type_and_name_and_start", (q) =>
      range(q.eq("workspace", workspace).eq("width", width).eq("type", type).eq("name", name)),
    );
  }
  if (type !== undefined) {
    return rollups.withIndex("by_workspace_and_width_and_type_and_start", (q) =>
      range(q.eq("workspace", workspace).eq("width", width).eq("type", type)),
    );
  }
  return rollups.withIndex("by_workspace_and_width_and_name_and_start", (q) =>
    range(
      q
        .eq("workspace", workspace)
        .eq("width", width)
        .eq("name", name ?? ""),
    ),
  );
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
