/**
 * The columns of the app plane's tables, and where a row comes from. The tables, the answers of
 * the app functions and the type of `project` are all made from these.
 */
import { v, type Infer } from "convex/values";
import { kind } from "./validators";

/** Where a row comes from; `flags` says what could not be taken over as it stands. */
export const source = {
  workspace: v.string(),
  entry: v.id("entries"),
  store: v.string(),
  path: v.string(),
  record: v.string(),
  revision: v.number(),
  digest: v.string(),
  flags: v.array(v.string()),
};

export const workflowColumns = v.object({
  recordId: v.string(),
  name: v.string(),
  description: v.optional(v.string()),
  version: v.optional(v.string()),
  status: v.optional(v.string()),
  tags: v.array(v.string()),
  active: v.optional(v.boolean()),
  stepCount: v.optional(v.number()),
  nodeCount: v.optional(v.number()),
  createdAt: v.optional(v.number()),
  updatedAt: v.optional(v.number()),
});
export type WorkflowColumns = Infer<typeof workflowColumns>;

export const executionColumns = v.object({
  executionId: v.string(),
  workflowId: v.optional(v.string()),
  status: v.string(),
  startTime: v.optional(v.number()),
  endTime: v.optional(v.number()),
  completedSteps: v.optional(v.number()),
  error: v.optional(v.string()),
});
export type ExecutionColumns = Infer<typeof executionColumns>;

/** `searchText`: what a search looks into; it is not answered. */
export const assetColumns = v.object({
  recordId: v.string(),
  name: v.string(),
  category: v.optional(v.string()),
  type: v.optional(v.string()),
  tags: v.array(v.string()),
  status: v.optional(v.string()),
  downloads: v.optional(v.number()),
  rating: v.optional(v.number()),
  searchText: v.string(),
  author: v.optional(v.string()),
  version: v.optional(v.string()),
});
export type AssetColumns = Infer<typeof assetColumns>;

/** Times in ms; `startedAt` may be the milliseconds in the id. */
export const deploymentColumns = v.object({
  recordId: v.string(),
  siteId: v.optional(v.string()),
  status: v.optional(v.string()),
  environment: v.optional(v.string()),
  commitHash: v.optional(v.string()),
  branch: v.optional(v.string()),
  startedAt: v.optional(v.number()),
  completedAt: v.optional(v.number()),
  healthCheckStatus: v.optional(v.string()),
  error: v.optional(v.string()),
  rollbackId: v.optional(v.string()),
  artifactCount: v.optional(v.number()),
});
export type DeploymentColumns = Infer<typeof deploymentColumns>;

export const documentColumns = v.object({
  kind,
  name: v.string(),
  title: v.optional(v.string()),
  valueType: v.union(
    v.literal("object"),
    v.literal("array"),
    v.literal("string"),
    v.literal("number"),
    v.literal("boolean"),
    v.literal("null"),
    v.literal("unparsed"),
  ),
});
export type DocumentColumns = Infer<typeof documentColumns>;

/** A sample, from its line: `timestamp` in ms. `text` is the line, with fields nobody knows here. */
export const sampleColumns = v.object({
  type: v.string(),
  name: v.string(),
  value: v.number(),
  unit: v.optional(v.string()),
  timestamp: v.number(),
  text: v.string(),
  flags: v.array(v.string()),
});
export type SampleColumns = Infer<typeof sampleColumns>;

/** A line that is no sample. */
export const lineColumns = v.object({ text: v.string(), flags: v.array(v.string()) });
export type LineColumns = Infer<typeof lineColumns>;
