/**
 * From an entry's text to the columns of its row. Pure and total: whatever the text holds, the
 * columns satisfy the schema, and what could not be taken over as it stands is told by a flag:
 * `stored` (file storage has it, nothing was read), `unparsed` (neither JSON nor YAML, or long YAML),
 * `invalid` (it does not parse), `not-an-object` (no
 * fields to read), `id-from-name` (no id inside, the file's name stands for it), `cut` (a column
 * holds less than the text).
 */
import type {
  AssetColumns,
  DeploymentColumns,
  DocumentColumns,
  ExecutionColumns,
  WorkflowColumns,
} from "../columns";
import type { Carried, Format, Kind } from "../validators";
import { Fields, isObject, milliseconds } from "./fields";
import { YAML_LENGTH } from "./limits";
import { parseYaml } from "./yaml";

/** UTF-16 units of an asset that can be searched. */
const SEARCH_LENGTH = 4000;

type Columns =
  | { table: "workflows"; columns: WorkflowColumns }
  | { table: "executions"; columns: ExecutionColumns }
  | { table: "assets"; columns: AssetColumns }
  | { table: "deployments"; columns: DeploymentColumns }
  | { table: "documents"; columns: DocumentColumns };

export type RowTable = Columns["table"];
export type Projection = Columns & { flags: string[] };

/** The table in which entries of this kind have their row. */
export function tableOf(kind: Kind): RowTable {
  switch (kind) {
    case "workflow":
      return "workflows";
    case "execution":
      return "executions";
    case "asset":
      return "assets";
    case "deployment":
      return "deployments";
    default:
      return "documents";
  }
}

const STORED = { value: undefined, flag: "stored" };

export function project(
  kind: Kind,
  path: string,
  format: Format,
  text: string | null,
  carried: Carried,
): Projection {
  const { value, flag } = text === null ? STORED : parse(format, text);
  const fields = new Fields(value);
  if (flag !== null) fields.flags.add(flag);
  const columns = columnsOf(kind, path, fields, value, carried);
  return { ...columns, flags: [...fields.flags].sort() };
}

/** The value of the text, undefined if it has none that can be read. */
export function parse(format: Format, text: string): { value: unknown; flag: string | null } {
  if (format === "yaml" && text.length > YAML_LENGTH) return { value: undefined, flag: "unparsed" };
  if (format !== "json" && format !== "yaml") return { value: undefined, flag: "unparsed" };
  const value = format === "json" ? parseJson(text) : parseYaml(text);
  if (value === undefined) return { value, flag: "invalid" };
  return { value, flag: isObject(value) ? null : "not-an-object" };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.startsWith("\ufeff") ? text.slice(1) : text);
  } catch {
    return undefined;
  }
}

function columnsOf(
  kind: Kind,
  path: string,
  fields: Fields,
  value: unknown,
  carried: Carried,
): Columns {
  const table = tableOf(kind);
  switch (table) {
    case "workflows":
      return { table, columns: workflow(path, fields) };
    case "executions":
      return { table, columns: execution(path, fields, carried) };
    case "assets":
      return { table, columns: asset(path, fields, value) };
    case "deployments":
      return { table, columns: deployment(path, fields) };
    case "documents":
      return { table, columns: document(kind, path, fields, value) };
  }
}

/** Both shapes: `steps`, and `nodes` with `connections` as n8n writes them. */
function workflow(path: string, fields: Fields): WorkflowColumns {
  return {
    recordId: idOf(path, fields),
    name: fields.text("name", "title") ?? stem(path),
    description: fields.prose("description"),
    version: fields.text("version"),
    status: fields.text("status"),
    tags: fields.tags("tags"),
    active: fields.boolean("active"),
    stepCount: fields.count("steps"),
    nodeCount: fields.count("nodes"),
    createdAt: fields.time("createdAt"),
    updatedAt: fields.time("updatedAt"),
  };
}

/** The file's name is the execution's id, and the milliseconds in it its start at the latest. */
function execution(path: string, fields: Fields, carried: Carried): ExecutionColumns {
  return {
    executionId: stem(path),
    workflowId: fields.id("workflowId"),
    status: fields.text("status") ?? "running",
    startTime: fields.time("startTime") ?? milliseconds(carried.startedAt) ?? timeInName(path),
    endTime: fields.time("endTime"),
    completedSteps: fields.count("completedSteps", "results"),
    error: fields.prose("error") ?? fields.object("error").prose("message"),
  };
}

/** The category is the first folder, whatever the file says. */
function asset(path: string, fields: Fields, value: unknown): AssetColumns {
  const metadata = fields.object("metadata");
  return {
    recordId: idOf(path, fields),
    name: fields.text("name", "title") ?? stem(path),
    category: path.includes("/") ? path.slice(0, path.indexOf("/")) : undefined,
    type: fields.text("type"),
    tags: fields.tags("tags"),
    status: fields.text("status"),
    downloads: metadata.number("downloads"),
    rating: metadata.number("rating"),
    searchText: searchText(path, new Fields(value)),
    author: metadata.text("author"),
    version: metadata.text("version") ?? fields.text("version"),
  };
}

/** What finds an asset: names, description, tags, and the beginning of the content. */
function searchText(path: string, fields: Fields): string {
  const texts = new Fields({ content: contentOf(fields) });
  const told = [
    stem(path),
    ...["id", "type", "name", "title"].map((name) => fields.text(name)),
    fields.prose("description"),
    ...fields.tags("tags"),
    texts.prose("content"),
  ];
  return told
    .filter((part) => part !== undefined)
    .join(" ")
    .slice(0, SEARCH_LENGTH)
    .toWellFormed();
}

function contentOf(fields: Fields): unknown {
  const content = fields.raw("content");
  if (!isObject(content)) return content;
  try {
    return JSON.stringify(content);
  } catch {
    // What is parsed may nest deeper than can be written.
    return undefined;
  }
}

/** One record of a records file, or a file of its own. */
function deployment(path: string, fields: Fields): DeploymentColumns {
  const recordId = idOf(path, fields);
  return {
    recordId,
    siteId: fields.id("siteId"),
    status: fields.text("status"),
    environment: fields.text("environment"),
    commitHash: fields.text("commitHash"),
    branch: fields.text("branch"),
    startedAt: fields.time("startedAt") ?? timeInName(recordId),
    completedAt: fields.time("completedAt"),
    healthCheckStatus: fields.text("healthCheckStatus"),
    error: fields.prose("error") ?? fields.object("error").prose("message"),
    rollbackId: fields.id("rollbackId"),
    artifactCount: fields.count("buildArtifacts"),
  };
}

function document(kind: Kind, path: string, fields: Fields, value: unknown): DocumentColumns {
  return {
    kind,
    name: fields.text("name") ?? stem(path),
    title: fields.text("title"),
    valueType: typeOf(value),
  };
}

function idOf(path: string, fields: Fields): string {
  const id = fields.id("id");
  if (id !== undefined && id !== "") return id;
  fields.flags.add("id-from-name");
  return stem(path);
}

/** The file's name without its extension. */
function stem(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const dot = name.lastIndexOf(".");
  return dot > 0 ? name.slice(0, dot) : name;
}

/** The 13 digits in names such as `exec-1719000000000-abc`. */
function timeInName(path: string): number | undefined {
  const digits = /(?:^|\D)(\d{13})(?:\D|$)/.exec(stem(path))?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function typeOf(value: unknown): DocumentColumns["valueType"] {
  if (value === null) return "null";
  if (typeof value === "object") return Array.isArray(value) ? "array" : "object";
  if (typeof value === "string") return "string";
  if (typeof value === "number") return "number";
  return typeof value === "boolean" ? "boolean" : "unparsed";
}
