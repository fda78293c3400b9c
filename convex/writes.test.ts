/** Writes on the app plane: what they answer, what they leave in the text, and who hears of them. */
import { describe, expect, test, vi } from "vitest";
import { api, internal } from "./_generated/api";
import { at, deployment, enrolled, operationOn, type Enrolled } from "./fixture.test";
import { TEXT_BYTES } from "./model/limits";
import type { Registration } from "./validators";

const FLOWS = { name: "flows", kind: "workflow", layout: "file", direction: "both" } as const;
const STORES: Registration[] = [
  { ...FLOWS, create: "{id}.json" },
  { name: "runs", kind: "execution", layout: "file", direction: "own", create: "{id}.json" },
  {
    name: "library",
    kind: "asset",
    layout: "file",
    direction: "both",
    create: "{category}/{id}.json",
  },
  {
    name: "sites",
    kind: "deployment",
    layout: "records",
    direction: "both",
    create: "deployments.json",
    pointer: "/deployments",
  },
];

async function world(stores = STORES) {
  const t = deployment();
  const laptop = await enrolled(t);
  const token = laptop.credentials;
  await t.mutation(api.sync.register, { ...token, stores });
  return { t, laptop, token };
}

const FLOW = '{\n  "id": "a",\n  "name": "A",\n  "status": "draft",\n  "n": 1.50\n}\n';

async function withFlow() {
  const made = await world();
  await made.laptop.push(await operationOn("x/a.json", FLOW));
  const update = (updates: object, more: object = {}) =>
    made.t.mutation(api.workflows.update, { ...made.token, id: "a", updates, ...more });
  return { ...made, update };
}

describe("update", () => {
  test("changes the text as little as it can, and the row with it", async () => {
    const { t, laptop, token, update } = await withFlow();
    expect(await update({ status: "running", owner: "me", name: null })).toEqual({
      outcome: "applied",
      id: "a",
      store: "flows",
      path: "x/a.json",
      revision: 2,
    });
    const text = '{\n  "id": "a",\n  "status": "running",\n  "n": 1.50,\n  "owner": "me"\n}\n';
    expect(await laptop.fetch("x/a.json")).toMatchObject({ ...(await at(2, text)), text });
    expect(await t.query(api.workflows.get, { ...token, id: "a" })).toMatchObject({
      id: "a",
      name: "a",
      status: "running",
      value: { owner: "me" },
    });
  });

  test("that changes nothing makes no revision", async () => {
    const { update } = await withFlow();
    expect(await update({ status: "draft" })).toMatchObject({ outcome: "applied", revision: 1 });
  });

  test("of YAML keeps its comments", async () => {
    const { laptop, t, token } = await world();
    const yaml = { format: "yaml" } as const;
    await laptop.push(
      await operationOn("y.yaml", "id: y # mine\nstatus: draft\n", undefined, yaml),
    );
    const updates = { status: "running" };
    await t.mutation(api.workflows.update, { ...token, id: "y", updates });
    expect(await laptop.fetch("y.yaml")).toMatchObject({ text: "id: y # mine\nstatus: running\n" });
  });

  test("is missing where nothing has the id, ambiguous where two have", async () => {
    const { laptop, t, token, update } = await withFlow();
    await laptop.push(await operationOn("b.json", FLOW));
    expect(await update({})).toEqual({
      outcome: "ambiguous",
      id: "a",
      paths: ["b.json", "x/a.json"],
    });
    const missing = await t.mutation(api.workflows.update, { ...token, id: "c", updates: {} });
    expect(missing).toEqual({ outcome: "missing", id: "c" });
  });

  test("is stale at another revision than expected", async () => {
    const { update } = await withFlow();
    await update({ status: "running" }, { expectedRevision: 1 });
    expect(await update({ status: "failed" }, { expectedRevision: 1 })).toMatchObject({
      outcome: "stale",
      revision: 2,
    });
  });

  test.each<[string, object, string]>([
    ["a value that JSON has not", { n: NaN }, "not-json"],
    ["an int64 deep inside", { a: [{ b: 1n }] }, "not-json"],
    ["too much", { a: "x".repeat(TEXT_BYTES) }, "too-large"],
  ])("refuses %s, and leaves the text", async (_, updates, reason) => {
    const { laptop, update } = await withFlow();
    expect(await update(updates)).toMatchObject({ outcome: "refused", reason });
    expect(await laptop.fetch("x/a.json")).toMatchObject({ revision: 1, text: FLOW });
  });

  test("refuses what it cannot edit safely", async () => {
    const { laptop, t, token } = await world();
    const yaml = { format: "yaml" } as const;
    await laptop.push(
      await operationOn("y.yaml", "id: &y y\nname: *y\n", undefined, yaml),
      await operationOn("bad.json", "{"),
    );
    const refused = (id: string) =>
      t.mutation(api.workflows.update, { ...token, id, updates: { status: "x" } });
    expect(await refused("y")).toMatchObject({ outcome: "refused", reason: "unsupported" });
    expect(await refused("bad")).toMatchObject({ outcome: "refused", reason: "invalid" });
  });
});

describe("a write is heard", () => {
  const texts = async (device: Enrolled) =>
    (await device.changes()).changes.map(({ revision, text }) => [revision, text]);

  test("with its text, by the very device whose token was given", async () => {
    const { laptop, update } = await withFlow();
    expect(await texts(laptop)).toEqual([[1, null]]);
    await update({ status: "running" });
    expect(await texts(laptop)).toEqual([[2, FLOW.replace("draft", "running")]]);
    const text = FLOW.replace("draft", "failed");
    await laptop.push(
      await operationOn("x/a.json", text, await at(2, FLOW.replace("draft", "running"))),
    );
    expect(await texts(laptop)).toEqual([[3, null]]);
  });

  test("and leaves the receipts of devices, so that a replay is still answered", async () => {
    const { laptop, update } = await withFlow();
    const push = await operationOn("x/a.json", FLOW, await at(1, FLOW));
    await laptop.push(push);
    await update({ status: "running" });
    expect(await laptop.push(push)).toMatchObject([
      { outcome: "replayed", revision: 2, current: { revision: 3 } },
    ]);
  });
});

describe("create", () => {
  test("writes where the first store of the kind says, as the stack writes it", async () => {
    const { t, laptop, token } = await world();
    const record = { id: "new", name: "New", steps: [{ agent: "w", extra: 1, id: "s" }] };
    const created = await t.mutation(api.workflows.create, { ...token, workflow: record });
    expect(created).toMatchObject({ outcome: "applied", store: "flows", path: "new.json" });
    const text = JSON.stringify(record, null, 2);
    expect(await laptop.fetch("new.json")).toMatchObject({ text, origin: null, revision: 1 });
    const again = await t.mutation(api.workflows.create, { ...token, ...record });
    expect(again).toMatchObject({ outcome: "exists", revision: 1 });
    const row = await t.query(api.workflows.get, { ...token, id: "new" });
    expect(row).toMatchObject({ id: "new", steps: record.steps, value: record });
  });

  test("continues a tombstone at its path, and makes an id where none is given", async () => {
    const { t, token } = await world();
    const create = (record: object) => t.mutation(api.workflows.create, { ...token, ...record });
    await create({ id: "a" });
    await t.mutation(api.workflows.remove, { ...token, id: "a" });
    expect(await create({ id: "a" })).toMatchObject({ outcome: "applied", revision: 3 });
    expect(await create({ name: "x" })).toMatchObject({
      outcome: "applied",
      id: expect.stringMatching(/^workflow-[0-9a-f]{16}$/) as string,
    });
  });

  test("fills in what the store says, and nothing in what it was filled with", async () => {
    const { t, token } = await world();
    const asset = { id: "{category}", category: "{id}" };
    const created = await t.mutation(api.assets.create, { ...token, asset });
    expect(created).toMatchObject({ outcome: "applied", path: "{id}/{category}.json" });
  });

  test("leaves an id that another file has", async () => {
    const { t, token } = await withFlow();
    const created = await t.mutation(api.workflows.create, { ...token, id: "a" });
    expect(created).toMatchObject({ outcome: "exists", path: "x/a.json", revision: 1 });
  });

  test("makes YAML where the store's template ends so", async () => {
    const [flows, ...others] = STORES as [Registration, ...Registration[]];
    const { t, laptop, token } = await world([{ ...flows, create: "{id}.yaml" }, ...others]);
    await t.mutation(api.workflows.create, { ...token, id: "a", version: "no", tags: ["x\u2028"] });
    const text = 'id: a\nversion: "no"\ntags:\n  - "x\\u2028"\n';
    expect(await laptop.fetch("a.yaml")).toMatchObject({ text });
  });

  test("refuses without a store, and ids that are no file names", async () => {
    const { t, token } = await world([]);
    const create = (id: string) => t.mutation(api.workflows.create, { ...token, id });
    expect(await create("a")).toMatchObject({ outcome: "refused", reason: "no-store" });
    await t.mutation(api.sync.register, { ...token, stores: STORES });
    for (const id of ["", "..", ".hidden", "a/b", "a\0", "x".repeat(201)]) {
      expect(await create(id)).toMatchObject({ outcome: "refused", reason: "bad-id" });
    }
  });

  test("refuses what is no record, and makes no empty one of it", async () => {
    const { t, token } = await world();
    const invalid = { data: { code: "invalid" } };
    for (const no of ['{"id": "a"}', ["a"], 5, true]) {
      const workflow = t.mutation(api.workflows.create, { ...token, id: "a", workflow: no });
      await expect(workflow).rejects.toMatchObject(invalid);
      const execution = t.mutation(api.workflows.createExecution, { ...token, data: no });
      await expect(execution).rejects.toMatchObject(invalid);
      const asset = t.mutation(api.assets.create, { ...token, asset: no });
      await expect(asset).rejects.toMatchObject(invalid);
      const deployment = t.mutation(api.deployments.create, { ...token, deployment: no });
      await expect(deployment).rejects.toMatchObject(invalid);
    }
    expect(await t.query(api.workflows.list, token)).toMatchObject({ rows: [] });
    const left = { ...token, id: "a", workflow: null };
    expect(await t.mutation(api.workflows.create, left)).toMatchObject({ outcome: "applied" });
  });

  test("an asset goes into its category's folder, and leaves it by deletion", async () => {
    const { t, laptop, token } = await world();
    const asset = { id: "btn", name: "Button", category: "ui", content: "<b>" };
    await t.mutation(api.assets.create, { ...token, asset });
    const row = await t.query(api.assets.get, { ...token, id: "btn" });
    expect(row).toMatchObject({ path: "ui/btn.json", category: "ui", content: "<b>" });
    await t.mutation(api.assets.update, { ...token, id: "btn", updates: { name: "B" } });
    expect(await t.mutation(api.assets.deleteAsset, { ...token, id: "btn" })).toMatchObject({
      outcome: "applied",
      revision: 3,
    });
    expect(await t.query(api.assets.get, { ...token, id: "btn" })).toBeNull();
    const { changes } = await laptop.changes(null, ["library"]);
    expect(changes).toMatchObject([{ path: "ui/btn.json", deleted: true, revision: 3 }]);
  });
});

describe("executions", () => {
  test("have the id that a record given whole tells, as those of other kinds do", async () => {
    const { t, token } = await world();
    const create = (execution: object) =>
      t.mutation(api.workflows.createExecution, { ...token, execution });
    expect(await create({ id: "exec-1" })).toMatchObject({ id: "exec-1", outcome: "applied" });
    const both = { executionId: "exec-2", id: 7 };
    expect(await create(both)).toMatchObject({ id: "exec-2", outcome: "applied" });
    expect(await create({ id: "exec-1" })).toMatchObject({ id: "exec-1", outcome: "exists" });
    const got = await t.query(api.workflows.getExecution, { ...token, executionId: "exec-2" });
    expect(got).toMatchObject({ id: "exec-2", value: both });
  });

  test("begin as the stack's files do, and end with what is told", async () => {
    const { t, token } = await world();
    const executionId = "exec-1719000000000-abcdefghi";
    const begun = { workflowId: "w", executionId, context: { a: 1 } };
    await t.mutation(api.workflows.createExecution, { ...token, ...begun });
    const get = () => t.query(api.workflows.getExecution, { ...token, executionId });
    const first = await get();
    expect(first).toMatchObject({ id: executionId, status: "running", context: { a: 1 } });
    expect(Object.keys(JSON.parse(first?.text ?? "") as object)).toEqual([
      "workflowId",
      "context",
      "startTime",
      "savedAt",
    ]);
    expect(Math.abs((first?.startTime ?? 0) - Date.now())).toBeLessThan(60_000);
    const updates = { status: "completed", endTime: 1719000009000, results: [1] };
    await t.mutation(api.workflows.updateExecution, { ...token, executionId, updates });
    expect(await get()).toMatchObject({
      status: "completed",
      startTime: first?.startTime,
      endTime: 1719000009000,
      results: [1],
      // Spelled as the record spells its times.
      value: { endTime: "2024-06-21T20:00:09.000Z" },
    });
    const page = await t.query(api.workflows.listExecutions, {
      ...token,
      workflowId: "w",
      limit: 5,
    });
    expect(page.rows).toMatchObject([{ id: executionId, status: "completed" }]);
  });
});

describe("deployments", () => {
  const asked = { id: "d1", siteId: "shop", status: "pending", environment: "production" };

  test("are made as records of their file, with an envelope if there is none", async () => {
    const { t, laptop, token } = await world();
    await t.mutation(api.deployments.create, { ...token, ...asked, changes: ["a"] });
    await t.mutation(api.deployments.create, { ...token, ...asked, id: "d2", startedAt: 5 });
    const { changes } = await laptop.changes(null, ["sites"]);
    const told = changes.map(({ record, text, path }) => [path, record, text?.slice(0, 30)]);
    expect(told).toEqual([
      ["deployments.json", "", '{"deployments":[],"queue":[]}'],
      ["deployments.json", "d1", '{"id":"d1","siteId":"shop","st'],
      ["deployments.json", "d2", '{"id":"d2","siteId":"shop","st'],
    ]);
    expect(changes.map(({ kind }) => kind)).toEqual(["document", "deployment", "deployment"]);
    const latest = await t.query(api.deployments.getLatest, { ...token, siteId: "shop" });
    expect(latest).toMatchObject({ id: "d1", changes: ["a"], environment: "production" });
  });

  test("are made in a file that was deleted, which has its envelope again", async () => {
    const { t, laptop, token } = await world();
    const create = (id: string) => t.mutation(api.deployments.create, { ...token, ...asked, id });
    await create("d1");
    const envelope = await at(1, '{"deployments":[],"queue":[]}');
    const rest = { store: "sites", kind: "document" } as const;
    await laptop.push(await operationOn("deployments.json", null, envelope, rest));
    await create("d2");
    const { changes } = await laptop.changes(null, ["sites"]);
    expect(changes).toMatchObject([
      { record: "d1" },
      { record: "", revision: 3 },
      { record: "d2" },
    ]);
  });

  test("may have ids that are no file names, but must have one", async () => {
    const { t, token } = await world();
    const create = (id: string) => t.mutation(api.deployments.create, { ...token, ...asked, id });
    expect(await create("../a b")).toMatchObject({ outcome: "applied" });
    expect(await create("")).toMatchObject({ outcome: "refused", reason: "bad-id" });
    expect(await t.query(api.deployments.get, { ...token, id: "../a b" })).not.toBeNull();
  });

  test.each([5, null, ""])("have an id that is text, also where %j was given", async (given) => {
    const { t, laptop, token } = await world();
    const deployment = { id: given, siteId: "shop" };
    const made = await t.mutation(api.deployments.create, { ...token, deployment });
    if (given === "") return expect(made).toMatchObject({ outcome: "refused", reason: "bad-id" });
    expect(made).toMatchObject({ outcome: "applied" });
    const { changes } = await laptop.changes(null, ["sites"]);
    const [, told] = changes;
    expect(JSON.parse(told?.text ?? "")).toMatchObject({ id: made.id });
    expect(told).toMatchObject({ record: made.id });
  });

  test("keep their id, by which every machine knows them in their file", async () => {
    const { t, laptop, token } = await world();
    await t.mutation(api.deployments.create, { ...token, ...asked });
    for (const id of ["d2", null, 1]) {
      const update = { ...token, id: "d1", updates: { id, status: "success" } };
      expect(await t.mutation(api.deployments.update, update)).toMatchObject({
        outcome: "refused",
        reason: "bad-id",
      });
    }
    const same = { ...token, id: "d1", updates: { id: "d1", status: "success" } };
    expect(await t.mutation(api.deployments.update, same)).toMatchObject({ outcome: "applied" });
    expect((await laptop.changes(null, ["sites"])).changes).toMatchObject([{}, { revision: 2 }]);
  });

  test.each(["x".repeat(513), "a\0"])("that are refused leave no envelope", async (id) => {
    const { t, laptop, token } = await world();
    const made = await t.mutation(api.deployments.create, { ...token, ...asked, id });
    expect(made).toMatchObject({ outcome: "refused", reason: "bad-id" });
    expect((await laptop.changes(null, ["sites"])).changes).toEqual([]);
  });

  test("that are too large leave no envelope", async () => {
    const { t, laptop, token } = await world();
    const buildArtifacts = ["x".repeat(TEXT_BYTES)];
    const made = await t.mutation(api.deployments.create, { ...token, ...asked, buildArtifacts });
    expect(made).toMatchObject({ outcome: "refused", reason: "too-large" });
    expect((await laptop.changes(null, ["sites"])).changes).toEqual([]);
  });

  test("are updated with times in milliseconds, spelled as the record spells its own", async () => {
    const { t, laptop, token } = await world();
    const iso = { store: "sites", kind: "deployment", record: "x" } as const;
    const text = '{"id":"x","siteId":"s","startedAt":"2024-01-01T00:00:00.000Z","big":1e400}';
    await laptop.push(await operationOn("deployments.json", text, undefined, iso));
    const updates = { status: "success", completedAt: 1704067260000 };
    await t.mutation(api.deployments.update, { ...token, id: "x", updates });
    const row = await t.query(api.deployments.get, { ...token, id: "x" });
    expect(row).toMatchObject({ status: "success", completedAt: 1704067260000 });
    expect(row?.text).toBe(
      `${text.slice(0, -1)},"completedAt":"2024-01-01T00:01:00.000Z","status":"success"}`,
    );
  });
});

test("long YAML is edited at once, and has its row right after", async () => {
  const { t, laptop, token } = await world();
  const steps = "".padEnd(30_000, "- a\n");
  const text = `id: y\nsteps:\n${steps}`;
  await laptop.push(await operationOn("y.yaml", text, undefined, { format: "yaml" }));
  const updates = { status: "done" };
  const done = await t.mutation(api.workflows.update, { ...token, id: "y", updates });
  expect(done).toMatchObject({ outcome: "applied", revision: 2 });
  const get = () => t.query(api.workflows.get, { ...token, id: "y" });
  expect(await get()).toMatchObject({ revision: 1, value: { status: "done" } });
  await vi.waitFor(async () => expect(await get()).toMatchObject({ revision: 2, status: "done" }));
});

test("long YAML that was just created is found, and so edited and removed", async () => {
  const { t, token } = await world([{ ...FLOWS, create: "{id}.yaml" }]);
  const steps = Array.from({ length: 7000 }, () => "a");
  const made = await t.mutation(api.workflows.create, { ...token, id: "y", steps });
  expect(made).toMatchObject({ outcome: "applied", path: "y.yaml" });
  const updates = { status: "done" };
  const edited = await t.mutation(api.workflows.update, { ...token, id: "y", updates });
  expect(edited).toMatchObject({ outcome: "applied", revision: 2 });
  const removed = await t.mutation(api.workflows.remove, { ...token, id: "y" });
  expect(removed).toMatchObject({ outcome: "applied", revision: 3 });
  await t.finishInProgressScheduledFunctions();
  expect(await t.query(api.workflows.get, { ...token, id: "y" })).toBeNull();
});

test("a record that nests deeper than its file may is refused, and no deeper than that is not", async () => {
  const { t, token } = await world();
  const nested = (levels: number) => JSON.parse("[".repeat(levels) + "]".repeat(levels)) as unknown;
  const { create, update } = api.deployments;
  const refused = { outcome: "refused", reason: "too-deep" };
  const first = { ...token, deployment: { id: "d", config: nested(39) } };
  expect(await t.mutation(create, first)).toMatchObject(refused);
  const keys = { keys: [{ store: "sites", path: "deployments.json", record: "" }] };
  expect(await t.query(api.sync.fetch, { ...token, ...keys })).toEqual({ entries: [null] });
  const fitting = { ...token, deployment: { id: "d", config: nested(38), "[": '"[{' } };
  expect(await t.mutation(create, fitting)).toMatchObject({ outcome: "applied" });
  const edit = (levels: number) =>
    t.mutation(update, { ...token, id: "d", updates: { more: nested(levels) } });
  expect(await edit(39)).toMatchObject(refused);
  expect(await edit(38)).toMatchObject({ outcome: "applied" });
  const flow = { ...token, workflow: { id: "deep", config: nested(39) } };
  expect(await t.mutation(api.workflows.create, flow)).toMatchObject({ outcome: "applied" });
});

describe("a request", () => {
  test("is done once, and answered again as it was, whatever came between", async () => {
    const { t, laptop, token, update } = await withFlow();
    const asked = { requestId: "r1" };
    const first = await update({ status: "running" }, asked);
    await update({ status: "failed" });
    expect(await update({ status: "running" }, asked)).toEqual(first);
    expect((await laptop.fetch("x/a.json"))?.revision).toBe(3);
    const create = () => t.mutation(api.workflows.create, { ...token, id: "n", requestId: "r2" });
    expect(await create()).toEqual(await create());
  });

  test("is forgotten after two weeks, and no sooner", async () => {
    const { t, laptop, update } = await withFlow();
    const asked = { requestId: "r1" };
    await update({ status: "running" }, asked);
    await update({ status: "failed" });
    const sweepAfter = async (days: number) => {
      vi.useFakeTimers({ now: Date.now() + days * 24 * 3600 * 1000, toFake: ["Date"] });
      await t.mutation(internal.requests.sweep, {});
      vi.useRealTimers();
      await update({ status: "running" }, asked);
      return (await laptop.fetch("x/a.json"))?.revision;
    };
    expect(await sweepAfter(13.9)).toBe(3);
    expect(await sweepAfter(14.1)).toBe(4);
  });

  test("for an id that no document has room for is answered, and need not be remembered", async () => {
    const { t, token } = await withFlow();
    const asked = { ...token, id: "i".repeat(2 ** 20), requestId: "r" };
    const remove = () => t.mutation(api.workflows.remove, asked);
    expect(await remove()).toEqual({ outcome: "missing", id: asked.id });
    const create = { ...asked, requestId: "s" };
    expect(await t.mutation(api.workflows.create, create)).toMatchObject({ reason: "bad-id" });
    expect(await t.run(({ db }) => db.query("requests").first())).toBeNull();
    expect(await remove()).toEqual({ outcome: "missing", id: asked.id });
  });

  test("belongs to one function and one workspace", async () => {
    const { t, token, update } = await withFlow();
    await update({}, { requestId: "r" });
    const other = t.mutation(api.workflows.remove, { ...token, id: "a", requestId: "r" });
    await expect(other).rejects.toMatchObject({ data: { code: "invalid" } });
    await expect(update({}, { requestId: "" })).rejects.toMatchObject({
      data: { code: "invalid" },
    });
    const elsewhere = await enrolled(t, "x", "elsewhere");
    const there = { ...elsewhere.credentials, id: "a", requestId: "r" };
    expect(await t.mutation(api.workflows.remove, there)).toMatchObject({ outcome: "missing" });
  });
});
