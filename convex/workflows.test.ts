import { describe, expect, test, vi } from "vitest";
import { api } from "./_generated/api";
import { at, deployment, enrolled, operationOn } from "./fixture.test";
import type { Operation } from "./validators";

async function withWorkflows(...records: [string, object][]) {
  const t = deployment();
  const laptop = await enrolled(t);
  for (const [path, record] of records) {
    await laptop.push(await operationOn(path, JSON.stringify(record)));
  }
  return { t, laptop, token: laptop.credentials };
}

const executions: Partial<Operation> = { store: "runs", kind: "execution" };

describe("get", () => {
  test("answers the columns, the text and its value", async () => {
    const { t, token } = await withWorkflows(["x/a.json", { id: "a", name: "A", steps: [1] }]);
    expect(await t.query(api.workflows.get, { ...token, id: "a" })).toMatchObject({
      recordId: "a",
      name: "A",
      stepCount: 1,
      store: "flows",
      path: "x/a.json",
      revision: 1,
      digest: (await at(1, '{"id":"a","name":"A","steps":[1]}')).digest,
      flags: [],
      text: '{"id":"a","name":"A","steps":[1]}',
      value: { id: "a", name: "A", steps: [1] },
      valueFlag: null,
    });
    expect(await t.query(api.workflows.get, { ...token, id: "b" })).toBeNull();
  });

  test("of two with one id takes the first path; both are listed", async () => {
    const { t, token } = await withWorkflows(["b.json", { id: "a" }], ["a.json", { id: "a" }]);
    const row = await t.query(api.workflows.get, { ...token, id: "a" });
    expect(row?.path).toBe("a.json");
    expect((await t.query(api.workflows.list, token)).rows).toHaveLength(2);
  });

  test("flags a value that Convex cannot return, and gives the text", async () => {
    const { t, token } = await withWorkflows(["a.json", { id: "a", $schema: "x" }]);
    expect(await t.query(api.workflows.get, { ...token, id: "a" })).toMatchObject({
      text: '{"id":"a","$schema":"x"}',
      value: null,
      valueFlag: "not-representable",
    });
  });
});

describe("list", () => {
  const names = async (t: ReturnType<typeof deployment>, args: object) =>
    (await t.query(api.workflows.list, args as { token: string })).rows.map((row) => row.name);

  test("filters by status, by name and by both", async () => {
    const { t, token } = await withWorkflows(
      ["1.json", { name: "B", status: "draft" }],
      ["2.json", { name: "A", status: "draft" }],
      ["3.json", { name: "A", status: "failed" }],
    );
    expect(await names(t, token)).toEqual(["B", "A", "A"]);
    expect(await names(t, { ...token, status: "draft" })).toEqual(["A", "B"]);
    expect(await names(t, { ...token, name: "A" })).toEqual(["A", "A"]);
    expect(await names(t, { ...token, status: "draft", name: "A" })).toEqual(["A"]);
  });

  test("pages, and refuses a limit out of range", async () => {
    const { t, token } = await withWorkflows(["1", { name: "1" }], ["2", { name: "2" }]);
    const first = await t.query(api.workflows.list, { ...token, limit: 1 });
    expect(first.rows.map((row) => row.path)).toEqual(["1"]);
    expect(await names(t, { ...token, limit: 200, cursor: first.cursor })).toEqual(["2"]);
    for (const limit of [0, 201, 1.5, NaN]) {
      await expect(names(t, { ...token, limit })).rejects.toMatchObject({
        data: { code: "invalid" },
      });
    }
  });
});

describe("the row", () => {
  test("keeps its identity while the entry lives, and loses what a version omits", async () => {
    const { t, laptop, token } = await withWorkflows(["a.json", { id: "a", status: "draft" }]);
    const before = await t.query(api.workflows.get, { ...token, id: "a" });
    const expected = await at(1, '{"id":"a","status":"draft"}');
    await laptop.push(await operationOn("a.json", '{"id":"b"}', expected));
    const after = await t.query(api.workflows.get, { ...token, id: "b" });
    expect(after).toMatchObject({ _id: before?._id, revision: 2 });
    expect(after).not.toHaveProperty("status");
    expect(await t.query(api.workflows.get, { ...token, id: "a" })).toBeNull();
  });

  test("moves to another table with the entry's kind", async () => {
    const { t, laptop, token } = await withWorkflows(["a.json", { id: "a" }]);
    const expected = await at(1, '{"id":"a"}');
    await laptop.push(await operationOn("a.json", '{"id":"a"}', expected, { kind: "asset" }));
    expect(await t.query(api.workflows.get, { ...token, id: "a" })).toBeNull();
    expect(await t.query(api.assets.get, { ...token, id: "a" })).toMatchObject({ revision: 2 });
  });

  test("is written a moment later where the operation asks for that", async () => {
    vi.useFakeTimers();
    const { t, laptop, token } = await withWorkflows();
    await laptop.push(await operationOn("a.json", '{"id":"a"}', undefined, { rows: "later" }));
    expect(await t.query(api.workflows.get, { ...token, id: "a" })).toBeNull();
    await t.finishAllScheduledFunctions(vi.runAllTimers);
    expect(await t.query(api.workflows.get, { ...token, id: "a" })).toMatchObject({ revision: 1 });
    vi.useRealTimers();
  });
});

test("of much YAML in one push the rows come a moment later, and all come", async () => {
  vi.useFakeTimers();
  const { t, laptop, token } = await withWorkflows();
  const pushed = Array.from({ length: 30 }, async (_, number) => {
    const text = `id: y${number}\nnotes: ${"x".repeat(5000)}\n`;
    return operationOn(`${number}.yaml`, text, undefined, { format: "yaml" });
  });
  await laptop.push(...(await Promise.all(pushed)));
  const count = async () => (await t.query(api.workflows.list, token)).rows.length;
  const atOnce = await count();
  expect(atOnce).toBeGreaterThan(10);
  expect(atOnce).toBeLessThan(30);
  await t.finishAllScheduledFunctions(vi.runAllTimers);
  expect(await count()).toBe(30);
  vi.useRealTimers();
});

describe("executions", () => {
  test("keep the start that an earlier version told", async () => {
    const { t, laptop, token } = await withWorkflows();
    const texts = ['{"workflowId":"w"}', '{"workflowId":"w","status":"completed"}'];
    const [first = "", second = ""] = texts;
    const run = (text: string | null, revision: number, before: string | null, carried?: object) =>
      at(revision, before).then((expected) =>
        operationOn("exec-1.json", text, expected, { ...executions, ...(carried && { carried }) }),
      );
    await laptop.push(await run(first, 0, null, { startedAt: 7 }));
    await laptop.push(await run(second, 1, first, { startedAt: 9 }));
    const get = () => t.query(api.workflows.getExecution, { ...token, executionId: "exec-1" });
    expect(await get()).toMatchObject({ startTime: 7, status: "completed", workflowId: "w" });
    await laptop.push(await run(null, 2, second));
    expect(await get()).toBeNull();
    await laptop.push(await run(first, 3, null));
    expect(await get()).not.toHaveProperty("startTime");
  });

  test("are listed newest first, by workflow and by status", async () => {
    const { t, laptop, token } = await withWorkflows();
    const runs: [string, object][] = [
      ["exec-1700000000001-a.json", { workflowId: "w" }],
      ["exec-1700000000003-c.json", { workflowId: "w", status: "failed" }],
      ["exec-1700000000002-b.json", { workflowId: "v", status: "failed" }],
    ];
    for (const [path, value] of runs) {
      await laptop.push(await operationOn(path, JSON.stringify(value), undefined, executions));
    }
    const letters = async (args: object) => {
      const { rows } = await t.query(api.workflows.listExecutions, { ...token, ...args });
      return rows.map((row) => row.executionId.slice(-1)).join("");
    };
    expect(await letters({})).toBe("cba");
    expect(await letters({ workflowId: "w" })).toBe("ca");
    expect(await letters({ status: "failed" })).toBe("cb");
    expect(await letters({ workflowId: "w", status: "running" })).toBe("a");
  });
});
