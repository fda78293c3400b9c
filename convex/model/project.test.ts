import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { deployment, enrolled } from "../fixture.test";
import type { Carried, Format, Kind } from "../validators";
import { project } from "./project";

const json = (kind: Kind, path: string, value: unknown, carried: Carried = {}) =>
  project(kind, path, "json", JSON.stringify(value), carried);

describe("workflows", () => {
  test("of the steps shape", () => {
    const value = {
      id: "deploy",
      name: "Deploy",
      description: "Ships it",
      version: 2,
      steps: [{ id: "a" }, { id: "b" }],
      status: "running",
    };
    expect(json("workflow", "x/deploy.json", value)).toEqual({
      table: "workflows",
      flags: [],
      columns: {
        recordId: "deploy",
        name: "Deploy",
        description: "Ships it",
        version: "2",
        status: "running",
        tags: [],
        stepCount: 2,
      },
    });
  });

  test("of the nodes shape, named by its file if it has no id", () => {
    const value = {
      name: "Mail",
      nodes: [{}, {}, {}],
      connections: {},
      active: false,
      tags: ["a", { name: "b" }, { id: 1 }],
      createdAt: "2024-01-01T00:00:00Z",
      updatedAt: "2024-01-01T01:00:00.000+01:00",
    };
    const time = Date.UTC(2024, 0, 1);
    expect(json("workflow", "x/0001_Mail.json", value)).toEqual({
      table: "workflows",
      flags: ["id-from-name"],
      columns: {
        recordId: "0001_Mail",
        name: "Mail",
        tags: ["a", "b"],
        active: false,
        nodeCount: 3,
        createdAt: time,
        updatedAt: time,
      },
    });
  });
});

describe("executions", () => {
  const path = "exec-1719000000000-abcdefghi.json";
  const started = "2024-06-21T20:00:01.500Z";

  test("are named by their file and running until a version says otherwise", () => {
    const { columns } = json("execution", path, {
      workflowId: "w",
      completedSteps: ["a", "b"],
      stepResults: { a: {}, b: {} },
    });
    expect(columns).toEqual({
      executionId: "exec-1719000000000-abcdefghi",
      workflowId: "w",
      status: "running",
      startTime: 1719000000000,
      completedSteps: 2,
    });
  });

  test("take the start from the text, else what was carried, else the name", () => {
    const startTime = (value: object, carried: Carried) => {
      return json("execution", path, value, carried).columns;
    };
    const carried = { startedAt: 5 };
    expect(startTime({ startTime: started }, carried)).toMatchObject({
      startTime: Date.parse(started),
    });
    expect(startTime({ startTime: "soon" }, carried)).toMatchObject({ startTime: 5 });
    expect(startTime({}, {})).toMatchObject({ startTime: 1719000000000 });
    expect(json("execution", "run.json", {}).columns).not.toMatchObject({
      startTime: expect.anything() as unknown,
    });
  });

  test("keep the error, cut", () => {
    const failed = { status: "failed", error: "x".repeat(5000), endTime: started };
    const { columns, flags } = json("execution", path, failed);
    expect(columns).toMatchObject({ status: "failed", endTime: Date.parse(started) });
    expect((columns as { error: string }).error).toHaveLength(2000);
    expect(flags).toEqual(["cut"]);
    const thrown = { error: { message: "boom" } };
    expect(json("execution", path, thrown).columns).toMatchObject({ error: "boom" });
  });
});

describe("assets", () => {
  test("have the category of their first folder, whatever the file says", () => {
    const value = {
      id: "btn",
      name: "Button",
      category: "elsewhere",
      type: "component",
      tags: ["ui"],
      metadata: { downloads: 3, rating: 4.5, author: "A", version: "1.0" },
      status: "published",
    };
    expect(json("asset", "ui/forms/button.json", value).columns).toEqual({
      recordId: "btn",
      name: "Button",
      category: "ui",
      type: "component",
      tags: ["ui"],
      status: "published",
      downloads: 3,
      rating: 4.5,
      searchText: "button btn component Button ui",
      author: "A",
      version: "1.0",
    });
    expect(json("asset", "button.json", value).columns).not.toHaveProperty("category", "elsewhere");
  });

  test("that are not JSON are listed by their path", () => {
    expect(project("asset", "css/reset.css", "text", "* {}", {})).toMatchObject({
      flags: ["id-from-name", "unparsed"],
      columns: { recordId: "reset", name: "reset", category: "css" },
    });
  });
});

describe("documents", () => {
  test.each<[string, string, string[]]>([
    ['{"title":"T"}', "object", []],
    ["[1]", "array", ["not-an-object"]],
    ["null", "null", ["not-an-object"]],
    ["true", "boolean", ["not-an-object"]],
    ["1", "number", ["not-an-object"]],
    ['"x"', "string", ["not-an-object"]],
    ["{", "unparsed", ["invalid"]],
    ["", "unparsed", ["invalid"]],
  ])("%s is of the type %s", (text, valueType, flags) => {
    const projection = project("document", "notes/a.json", "json", text, {});
    expect(projection).toMatchObject({
      table: "documents",
      flags,
      columns: { kind: "document", name: "a", valueType },
    });
  });

  test.each<Kind>(["metric", "file"])("hold the kind %s for now", (kind) => {
    expect(json(kind, "a.json", { title: "T" })).toMatchObject({
      table: "documents",
      columns: { kind, title: "T" },
    });
  });
});

test.each([
  ["2024-01-01", Date.UTC(2024, 0, 1)],
  ["2024-01-01T00:00:00", Date.UTC(2024, 0, 1)],
  ["2024-01-01T02:00:00+02:00", Date.UTC(2024, 0, 1)],
  ["2024-01-01T02:00:00+02", Date.UTC(2024, 0, 1)],
  ["2023-12-31 22:00:00.5-02", Date.UTC(2024, 0, 1, 0, 0, 0, 500)],
  ["2024-01-01t02:00 +0200", Date.UTC(2024, 0, 1)],
  ["2024-01-01 00:00:00z", Date.UTC(2024, 0, 1)],
  ["2024-01-01T00+02", undefined],
  ["2024-01-01+02", undefined],
  ["2024-01-01 (about)", undefined],
  ["2024-01-01\n", undefined],
  [1704067200000, Date.UTC(2024, 0, 1)],
  ["yesterday", undefined],
  ["2024-99-99", undefined],
  [1e300, undefined],
  [true, undefined],
])("the time %j reads as %j in every time zone", (updatedAt, expected) => {
  const { columns } = json("workflow", "a.json", { updatedAt });
  expect((columns as { updatedAt?: number }).updatedAt).toBe(expected);
});

/** Objects that use the names which `project` reads, with values of any type. */
const anyRecord = fc.dictionary(
  fc.oneof(
    fc.constantFrom(
      ...["id", "name", "title", "description", "version", "status", "tags", "active", "steps"],
      ...["nodes", "updatedAt", "workflowId", "startTime", "endTime", "completedSteps", "results"],
      ...["error", "type", "metadata", "downloads", "rating", "author", "message", "__proto__"],
    ),
    fc.string({ unit: "binary" }),
  ),
  fc.oneof(
    fc.jsonValue({ stringUnit: "binary" }),
    fc.constantFrom("\ud800", "x".repeat(3000), "😀".repeat(1000), "2024-01-01", 1e308, -0, "1"),
    fc.array(fc.jsonValue({ maxDepth: 1 })),
  ),
);
const anyText = fc.oneof(
  { weight: 6, arbitrary: anyRecord.map((value) => JSON.stringify(value)) },
  { weight: 2, arbitrary: fc.json({ maxDepth: 6 }) },
  { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "[".repeat(100_000),
      `${'{"error":'.repeat(50_000)}1${"}".repeat(50_000)}`,
      `${'{"content":'.repeat(50_000)}1${"}".repeat(50_000)}`,
      '{"rating":1e999,"id":"\\ud800","downloads":-1e999}',
      '{"metadata":{"__proto__":{"rating":1}}}',
      "\ufeff{}",
    ),
  },
);
const anyPath = fc.oneof(
  fc.constantFrom("a.json", "exec-1719000000000-a.json", "a/b/c", ".json", "x.", "a.b.c"),
  fc.array(fc.string({ minLength: 1 }), { minLength: 1 }).map((parts) => parts.join("/")),
);
const anyKind = fc.constantFrom<Kind>(
  "workflow",
  "execution",
  "asset",
  "deployment",
  "document",
  "metric",
);
const anyFormat = fc.constantFrom<Format>("json", "json", "json", "yaml", "text");
const anyCarried = fc.record({ startedAt: fc.double() }, { requiredKeys: [] });

test("is total: no text makes it throw, or makes columns that the schema refuses", async () => {
  const t = deployment();
  const { device } = await enrolled(t);
  const place = { workspace: "w", store: "s", path: "p", record: "", revision: 1, digest: "d" };
  await t.run(async (ctx) => {
    const entry = await ctx.db.insert("entries", {
      ...place,
      kind: "file",
      format: "text",
      deleted: false,
      lastDigest: null,
      movedTo: null,
      size: 0,
      text: "",
      pieces: 0,
      origin: null,
      device,
      receipts: [],
      carried: {},
      at: ctx.db.vars.commitTs,
    });
    const anyCall = fc.tuple(anyKind, anyPath, anyFormat, anyText, anyCarried);
    const isTotal = fc.asyncProperty(anyCall, async (call) => {
      const { table, columns, flags } = project(...call);
      // The insert holds the row against the schema.
      const row = await ctx.db.insert(table, { ...place, entry, flags, ...columns } as never);
      await ctx.db.delete(table, row as never);
      expect(Object.values(columns).flat().filter(isUnsound)).toEqual([]);
    });
    await fc.assert(isTotal, { numRuns: 2000 });
  });
});

function isUnsound(column: unknown): boolean {
  if (typeof column === "string") return !column.isWellFormed() || column.length > 4000;
  if (typeof column === "number") return !Number.isFinite(column) || Object.is(column, -0);
  return column !== undefined && typeof column !== "boolean";
}
