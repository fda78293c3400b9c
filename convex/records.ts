/**
 * Generated from syncd/storage/records.py by `make generate`: edit that, not this.
 *
 * What programs keep in files, as validators. Every field may be missing, and files hold fields
 * beyond these, which syncd keeps: a validator of objects refuses them, so check with these what
 * is to be written, never what was read. The types are of what is read: any other field is there
 * as `unknown`.
 */
import { v, type Infer } from "convex/values";

type Open<Fields> = Fields & { [field: string]: unknown };

/** A step of a workflow; it begins when those it depends on have ended. */
export const workflowStep = v.object({
  id: v.optional(v.union(v.string(), v.null())),
  agent: v.optional(v.union(v.string(), v.null())),
  parallel: v.optional(v.union(v.boolean(), v.null())),
  dependsOn: v.optional(v.array(v.string())),
});
export type WorkflowStep = Open<Infer<typeof workflowStep>>;

/** A workflow's definition: of steps, or of nodes with connections as n8n writes them. */
export const workflowRecord = v.object({
  id: v.optional(v.union(v.string(), v.null())),
  name: v.optional(v.union(v.string(), v.null())),
  description: v.optional(v.union(v.string(), v.null())),
  version: v.optional(v.union(v.string(), v.null())),
  steps: v.optional(v.array(workflowStep)),
  config: v.optional(v.any()),
  status: v.optional(v.union(v.string(), v.null())),
  /** strings, or objects that have a name */
  tags: v.optional(v.array(v.any())),
  nodes: v.optional(v.union(v.array(v.any()), v.null())),
  connections: v.optional(v.any()),
  active: v.optional(v.union(v.boolean(), v.null())),
});
export type WorkflowRecord = Open<Infer<typeof workflowRecord>>;

/** A run of a workflow. Its id is its file's name. Programs replace it whole at every step. */
export const executionRecord = v.object({
  workflowId: v.optional(v.union(v.string(), v.null())),
  status: v.optional(v.union(v.string(), v.null())),
  plan: v.optional(v.any()),
  context: v.optional(v.any()),
  startTime: v.optional(v.union(v.number(), v.string(), v.null())),
  endTime: v.optional(v.union(v.number(), v.string(), v.null())),
  completedSteps: v.optional(v.union(v.array(v.string()), v.null())),
  stepResults: v.optional(v.any()),
  results: v.optional(v.union(v.array(v.any()), v.null())),
  error: v.optional(v.any()),
  savedAt: v.optional(v.union(v.number(), v.string(), v.null())),
});
export type ExecutionRecord = Open<Infer<typeof executionRecord>>;

/** What is known about an asset besides itself; `downloads` is a counter. */
export const assetMetadata = v.object({
  downloads: v.optional(v.union(v.number(), v.null())),
  rating: v.optional(v.union(v.number(), v.null())),
  author: v.optional(v.union(v.string(), v.null())),
  version: v.optional(v.union(v.string(), v.null())),
});
export type AssetMetadata = Open<Infer<typeof assetMetadata>>;

/** An asset of the library. Its category is its first folder's name, whatever it says here. */
export const assetRecord = v.object({
  id: v.optional(v.union(v.string(), v.null())),
  name: v.optional(v.union(v.string(), v.null())),
  category: v.optional(v.union(v.string(), v.null())),
  type: v.optional(v.union(v.string(), v.null())),
  tags: v.optional(v.array(v.string())),
  content: v.optional(v.any()),
  metadata: v.optional(assetMetadata),
  dependencies: v.optional(v.array(v.string())),
  status: v.optional(v.union(v.string(), v.null())),
});
export type AssetRecord = Open<Infer<typeof assetRecord>>;

/** One deployment of a site, among the others in one file. */
export const deploymentRecord = v.object({
  id: v.optional(v.union(v.string(), v.null())),
  siteId: v.optional(v.union(v.string(), v.null())),
  /** pending, queued, building, deploying, success, failed or rolled-back */
  status: v.optional(v.union(v.string(), v.null())),
  environment: v.optional(v.union(v.string(), v.null())),
  commitHash: v.optional(v.union(v.string(), v.null())),
  branch: v.optional(v.union(v.string(), v.null())),
  startedAt: v.optional(v.union(v.number(), v.string(), v.null())),
  completedAt: v.optional(v.union(v.number(), v.string(), v.null())),
  buildArtifacts: v.optional(v.union(v.array(v.any()), v.null())),
  /** pending, passing or failing */
  healthCheckStatus: v.optional(v.union(v.string(), v.null())),
  error: v.optional(v.any()),
  rollbackId: v.optional(v.union(v.string(), v.null())),
});
export type DeploymentRecord = Open<Infer<typeof deploymentRecord>>;

/** One sample: a line of a file that only grows. */
export const metricRecord = v.object({
  type: v.optional(v.union(v.string(), v.null())),
  name: v.optional(v.union(v.string(), v.null())),
  value: v.optional(v.union(v.number(), v.null())),
  unit: v.optional(v.union(v.string(), v.null())),
  timestamp: v.optional(v.union(v.number(), v.string(), v.null())),
  labels: v.optional(v.any()),
});
export type MetricRecord = Open<Infer<typeof metricRecord>>;
