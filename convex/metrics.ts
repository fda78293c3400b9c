/** Samples: recorded here, or told line by line by files. */
import { v, type Infer } from "convex/values";
import type { QueryCtx } from "./_generated/server";
import { appMutation, appQuery, type AppCaller } from "./model/authorized";
import { aggregate as sumUp, aggregated } from "./model/aggregate";
import type { Choice } from "./model/choice";
import { SAMPLES_BYTES } from "./model/limits";
import { asking, recorded } from "./model/outcome";
import { pageOf, paging, type Paging } from "./model/page";
import { recordSamples, sample } from "./model/record";
import { once } from "./model/request";
import { labelsOf } from "./model/sample";
import { trouble } from "./model/trouble";
import { valueOf } from "./model/value";
import schema from "./schema";

const metric = schema.doc("metrics");
/** `labels` as the line has them, where Convex can return them. */
const answered = v.object({ ...metric.fields, labels: v.optional(v.any()) });
const page = v.object({ rows: v.array(answered), cursor: v.union(v.string(), v.null()) });

/** Times in ms; both ends belong to the range. */
const range = { startTime: v.optional(v.number()), endTime: v.optional(v.number()) };
const order = { order: v.optional(v.union(v.literal("asc"), v.literal("desc"))) };

/** One sample, or `samples`. */
export const record = appMutation({
  args: {
    ...sample.fields,
    type: v.optional(v.string()),
    name: v.optional(v.string()),
    value: v.optional(v.number()),
    samples: v.optional(v.array(sample)),
    requestId: asking.requestId,
  },
  returns: recorded,
  handler: async (ctx, { samples, type, name, value, requestId, ...rest }) => {
    const single = type !== undefined && name !== undefined && value !== undefined;
    const isPart = !single && [type, name, value].some((each) => each !== undefined);
    if (isPart || (!single && samples === undefined)) {
      throw trouble("invalid", "a sample has a type, a name and a value");
    }
    const all = single ? [...(samples ?? []), { type, name, value, ...rest }] : (samples ?? []);
    return once(ctx, "metrics:record", { requestId }, async () => {
      await recordSamples(ctx, ctx.workspace, all);
      return { recorded: all.length };
    });
  },
});

/** Samples of a type, the newest first unless told. */
export const getByType = appQuery({
  args: { type: v.string(), name: v.optional(v.string()), ...range, ...order, ...paging },
  returns: page,
  handler: listed,
});

/** Samples of a name, the newest first unless told. */
export const getByName = appQuery({
  args: { name: v.string(), type: v.optional(v.string()), ...range, ...order, ...paging },
  returns: page,
  handler: listed,
});

/**
 * Count, sum, extremes, mean and percentiles of a type, a name, or both; also for each `bucket`
 * of so many ms (whole minutes) that has samples. See `model/aggregate.ts` for what is exact.
 */
export const aggregate = appQuery({
  args: {
    type: v.optional(v.string()),
    name: v.optional(v.string()),
    ...range,
    bucket: v.optional(v.number()),
    cursor: v.optional(v.union(v.string(), v.null())),
  },
  returns: aggregated,
  handler: (ctx, question) => sumUp(ctx, ctx.workspace, question),
});

type Asked = Choice & { startTime?: number; endTime?: number; order?: "asc" | "desc" } & Paging;

async function listed(ctx: QueryCtx & AppCaller, asked: Asked) {
  const { type, name, startTime: from, endTime: to, order = "desc", ...paged } = asked;
  const given = { workspace: ctx.workspace, type, name };
  const listing = { table: "metrics", index: indexOf(asked), given, order, from, to } as const;
  return withLabels(await pageOf(ctx, listing, paged, SAMPLES_BYTES));
}

function indexOf({ type, name }: Choice) {
  if (type === undefined) return "by_workspace_and_name_and_timestamp";
  return name === undefined
    ? "by_workspace_and_type_and_timestamp"
    : "by_workspace_and_type_and_name_and_timestamp";
}

function withLabels({ rows, cursor }: { rows: Infer<typeof metric>[]; cursor: string | null }) {
  const told = rows.map((row) => ({ ...row, labels: labelsOf(valueOf("json", row.text).value) }));
  return { rows: told, cursor };
}
