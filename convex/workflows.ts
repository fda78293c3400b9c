/** Workflows and their executions: what the files say, and writes that become edits of the files. */
import { v } from "convex/values";
import { record, rowsOf, withId, withRecord } from "./model/answer";
import { appMutation, appQuery } from "./model/authorized";
import { createRecord, newId } from "./model/create";
import { fieldsOf, flat, idIn, inOrder } from "./model/flat";
import { firstWithId } from "./model/found";
import { asking, outcome } from "./model/outcome";
import { paging } from "./model/page";
import { once } from "./model/request";
import { trouble } from "./model/trouble";
import { removeRecord, updateRecord } from "./model/update";
import { executionRecord, workflowRecord } from "./records";
import schema from "./schema";

const any = v.optional(v.any());
const { requestId } = asking;
const cursor = v.union(v.string(), v.null());
const workflow = v.object({ ...schema.doc("workflows").fields, id: v.string() });
const execution = v.object({ ...schema.doc("executions").fields, id: v.string() });
const workflowBody = { steps: any, config: any, nodes: any, connections: any };
const executionBody = { plan: any, context: any, stepResults: any, results: any };
const updates = v.record(v.string(), v.any());

/** The workflow with this id; of several, the one with the first path. */
export const get = appQuery({
  args: { id: v.string() },
  returns: v.union(v.object({ ...workflowBody, ...workflow.fields, ...record }), v.null()),
  handler: async (ctx, { id }) => {
    const row = await firstWithId(ctx, ctx.workspace, "workflows", id);
    return withRecord(ctx, row && withId(row), ["steps", "config", "nodes", "connections"]);
  },
});

/** By name if a status is given, else by path. */
export const list = appQuery({
  args: { status: v.optional(v.string()), name: v.optional(v.string()), ...paging },
  returns: v.object({ rows: v.array(workflow), cursor }),
  handler: (ctx, { status, name, ...page }) => {
    const { workspace } = ctx;
    const table = "workflows";
    if (status !== undefined) {
      const given = { workspace, status, name };
      return rowsOf(ctx, { table, index: "by_workspace_and_status_and_name", given }, page);
    }
    const index = name === undefined ? "by_workspace_and_path" : "by_workspace_and_name_and_path";
    return rowsOf(ctx, { table, index, given: { workspace, name } }, page);
  },
});

/** Creates the file of a workflow, given in `workflow` or field by field. */
export const create = appMutation({
  args: { workflow: any, data: any, ...flat(workflowRecord.fields), requestId },
  returns: outcome,
  handler: (ctx, { workflow, data, requestId, ...flatFields }) => {
    const given = fieldsOf([workflow, data], flatFields);
    const id = idIn(given) ?? newId("workflow");
    const fields = inOrder(workflowRecord.fields, { id, ...given });
    return once(ctx, "workflows:create", { requestId }, () =>
      createRecord(ctx, "workflow", "workflows", { id, fields }),
    );
  },
});

/** Sets top-level fields of a workflow; null removes one. */
export const update = appMutation({
  args: { id: v.string(), updates, ...asking },
  returns: outcome,
  handler: (ctx, { id, updates, ...asked }) =>
    once(ctx, "workflows:update", asked, () => updateRecord(ctx, "workflows", id, updates, asked)),
});

/** Deletes the file of a workflow. */
export const remove = appMutation({
  args: { id: v.string(), ...asking },
  returns: outcome,
  handler: (ctx, { id, ...asked }) =>
    once(ctx, "workflows:remove", asked, () => removeRecord(ctx, "workflows", id, asked)),
});

/** The execution with this id, which is its file's name; `id` will do as the argument's name. */
export const getExecution = appQuery({
  args: { executionId: v.optional(v.string()), id: v.optional(v.string()) },
  returns: v.union(v.object({ ...executionBody, ...execution.fields, ...record }), v.null()),
  handler: async (ctx, { id, executionId = id }) => {
    if (executionId === undefined) throw trouble("invalid", "no executionId was given");
    const row = await firstWithId(ctx, ctx.workspace, "executions", executionId);
    return withRecord(ctx, row && withId(row), ["plan", "context", "stepResults", "results"]);
  },
});

/** Creates the file of an execution; one without a `startTime` starts now. */
export const createExecution = appMutation({
  args: {
    executionId: v.optional(v.string()),
    execution: any,
    data: any,
    ...flat(executionRecord.fields),
    requestId,
  },
  returns: outcome,
  handler: (ctx, { executionId, execution, data, requestId, ...flatFields }) => {
    const now = new Date();
    const times = { startTime: now.toISOString(), savedAt: now.toISOString() };
    const given: Record<string, unknown> = {
      ...times,
      ...fieldsOf([execution, data], flatFields),
    };
    const told = executionId ?? idIn({ id: given.executionId }) ?? idIn(given);
    const id = told ?? newId(`exec-${now.getTime()}`);
    const fields = inOrder(executionRecord.fields, given);
    return once(ctx, "workflows:createExecution", { requestId }, () =>
      createRecord(ctx, "execution", "executions", { id, fields }),
    );
  },
});

/** Sets top-level fields of an execution; null removes one. */
export const updateExecution = appMutation({
  args: { executionId: v.string(), updates, ...asking },
  returns: outcome,
  handler: (ctx, { executionId, updates, ...asked }) =>
    once(ctx, "workflows:updateExecution", asked, () =>
      updateRecord(ctx, "executions", executionId, updates, asked),
    ),
});

/** The newest start first; executions without a known start come last. */
export const listExecutions = appQuery({
  args: { workflowId: v.optional(v.string()), status: v.optional(v.string()), ...paging },
  returns: v.object({ rows: v.array(execution), cursor }),
  handler: (ctx, { workflowId, status, ...page }) => {
    const given = { workspace: ctx.workspace, workflowId, status };
    return rowsOf(ctx, { table: "executions", index: indexOf(given), given, order: "desc" }, page);
  },
});

/** The index of executions for what is asked, newest start last. */
function indexOf({ workflowId, status }: { workflowId?: string; status?: string }) {
  if (workflowId !== undefined) {
    return status === undefined
      ? "by_workspace_and_workflowId_and_startTime"
      : "by_workspace_and_workflowId_and_status_and_startTime";
  }
  return status === undefined
    ? "by_workspace_and_startTime"
    : "by_workspace_and_status_and_startTime";
}
