/** Deployments: each a record of a records file, as the file says it. */
import { v } from "convex/values";
import type { QueryCtx } from "./_generated/server";
import { record, rowsOf, withId, withRecord } from "./model/answer";
import { appMutation, appQuery, type AppCaller } from "./model/authorized";
import { createRecord, newId } from "./model/create";
import { fieldsOf, flat, idIn, inOrder } from "./model/flat";
import { firstWithId } from "./model/found";
import { asking, outcome } from "./model/outcome";
import { paging, type Paging } from "./model/page";
import { once } from "./model/request";
import { updateRecord } from "./model/update";
import { deploymentRecord } from "./records";
import schema from "./schema";

const any = v.optional(v.any());
const { requestId } = asking;
const BODY = ["buildArtifacts", "changes"] as const;
const deployment = v.object({ ...schema.doc("deployments").fields, id: v.string() });
const page = v.object({ rows: v.array(deployment), cursor: v.union(v.string(), v.null()) });
const whole = v.union(
  v.object({ buildArtifacts: any, changes: any, ...deployment.fields, ...record }),
  v.null(),
);

/** The deployment with this id; of several, the one with the first path. */
export const get = appQuery({
  args: { id: v.string() },
  returns: whole,
  handler: async (ctx, { id }) => {
    const row = await firstWithId(ctx, ctx.workspace, "deployments", id);
    return withRecord(ctx, row && withId(row), BODY);
  },
});

/** Creates a deployment, given in `deployment` or field by field; without a start it starts now. */
export const create = appMutation({
  args: { deployment: any, data: any, ...flat(deploymentRecord.fields), changes: any, requestId },
  returns: outcome,
  handler: (ctx, { deployment, data, requestId, ...flatFields }) => {
    const now = new Date();
    const given = fieldsOf([deployment, data], flatFields);
    const id = idIn(given) ?? newId(`deploy-${now.getTime()}`);
    const begun = { id, startedAt: now.toISOString(), ...given };
    const fields = inOrder(deploymentRecord.fields, begun);
    return once(ctx, "deployments:create", { requestId }, () =>
      createRecord(ctx, "deployment", "deployments", { id, fields }),
    );
  },
});

/** Sets top-level fields of a deployment; null removes one. Times may be given in ms. */
export const update = appMutation({
  args: { id: v.string(), updates: v.record(v.string(), v.any()), ...asking },
  returns: outcome,
  handler: (ctx, { id, updates, ...asked }) =>
    once(ctx, "deployments:update", asked, () =>
      updateRecord(ctx, "deployments", id, updates, asked),
    ),
});

/** The newest start first; deployments without a known start come last. */
export const list = appQuery({
  args: { siteId: v.optional(v.string()), status: v.optional(v.string()), ...paging },
  returns: page,
  handler: (ctx, { siteId, status, ...paged }) => listed(ctx, { siteId, status }, paged),
});

/** The newest start of a site first. */
export const getBySite = appQuery({
  args: { siteId: v.string(), ...paging },
  returns: page,
  handler: (ctx, { siteId, ...paged }) => listed(ctx, { siteId }, paged),
});

/** The deployment of a site that started last; null if it has none. */
export const getLatest = appQuery({
  args: { siteId: v.string() },
  returns: whole,
  handler: async (ctx, { siteId }) => {
    const latest = await ctx.db
      .query("deployments")
      .withIndex("by_workspace_and_siteId_and_startedAt", (q) =>
        q.eq("workspace", ctx.workspace).eq("siteId", siteId),
      )
      .order("desc")
      .first();
    return withRecord(ctx, latest && withId(latest), BODY);
  },
});

/** The newest start with this status first. */
export const getByStatus = appQuery({
  args: { status: v.string(), ...paging },
  returns: page,
  handler: (ctx, { status, ...paged }) => listed(ctx, { status }, paged),
});

type Asked = { siteId?: string; status?: string };

function listed(ctx: QueryCtx & AppCaller, asked: Asked, paged: Paging) {
  const given = { workspace: ctx.workspace, ...asked };
  const listing = { table: "deployments", index: indexOf(asked), given, order: "desc" } as const;
  return rowsOf(ctx, listing, paged);
}

function indexOf({ siteId, status }: Asked) {
  if (siteId !== undefined) {
    return status === undefined
      ? "by_workspace_and_siteId_and_startedAt"
      : "by_workspace_and_siteId_and_status_and_startedAt";
  }
  return status === undefined
    ? "by_workspace_and_startedAt"
    : "by_workspace_and_status_and_startedAt";
}
