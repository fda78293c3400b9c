/** A call whose answer was lost is made again: whatever it does, it does once. */
import { makeFunctionReference } from "convex/server";
import type { Value } from "convex/values";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { deployment, enrolled, modules, operationOn, type Deployment } from "./fixture.test";
import { sha256, utf8 } from "./model/digest";
import schema from "./schema";
import type { Registration } from "./validators";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const store = { layout: "file", direction: "both", create: "{id}.json" } as const;
const STORES: Registration[] = [
  { ...store, name: "flows", kind: "workflow" },
  { ...store, name: "runs", kind: "execution" },
  { ...store, name: "library", kind: "asset" },
  { ...store, name: "sites", kind: "deployment" },
];
const PLACE = { store: "flows", path: "a.json", record: "" };
const LOST = { base: null, local: null, text: null, revision: 1, since: 0, author: null };

/** Every public mutation, in an order in which each has something to do. */
const CALLS: [name: string, args: { [name: string]: Value | undefined }][] = [
  ["sync:hello", { protocol: 1, ledger: "L", start: 1, cursor: null, passed: "1", witnesses: [] }],
  ["sync:passed", { ledger: "L", start: 1, passed: "2" }],
  ["sync:register", { stores: STORES }],
  ["sync:push", { operations: [await operationOn("a.json", '{"id":"a"}')] }],
  ["sync:conflict", { conflicts: [{ ...PLACE, ...LOST, digest: "", resolution: "mine" }] }],
  ["blobs:begin", { digest: "0".repeat(64) }],
  ["blobs:commit", { digest: await sha256(utf8("payload")), size: 7 }],
  [
    "logs:append",
    {
      appends: [
        {
          ...{ store: "m", path: "m.jsonl", generation: "0".repeat(32), kind: "metric" },
          ...{ expect: { length: 0, tail: "" }, next: { length: 9, tail: "0".repeat(64) } },
          lines: ['{"value":1}'.slice(0, 8)],
        },
      ],
    },
  ],
  ["workflows:create", { name: "W" }],
  ["workflows:update", { id: "a", updates: { name: "B" } }],
  ["workflows:remove", { id: "a" }],
  ["workflows:createExecution", { context: {} }],
  ["workflows:updateExecution", { executionId: "e", updates: { status: "failed" } }],
  ["assets:create", { name: "A", content: "x" }],
  ["assets:update", { id: "asset", updates: { name: "B" } }],
  ["assets:incrementDownloads", { id: "asset" }],
  ["assets:deleteAsset", { id: "asset" }],
  ["deployments:create", { siteId: "s", status: "pending" }],
  ["deployments:update", { id: "deployment", updates: { status: "failed" } }],
  ["metrics:record", { type: "t", name: "n", value: 1 }],
];

/** Public mutations by name, and whether they take a `requestId`. */
async function publicMutations(): Promise<Map<string, boolean>> {
  const found = new Map<string, boolean>();
  for (const [path, load] of Object.entries(modules)) {
    for (const [name, made] of Object.entries((await load()) as Record<string, unknown>)) {
      const told = made as { isPublic?: true; isMutation?: true; exportArgs?: () => string };
      if (told.isPublic !== true || told.isMutation !== true) continue;
      found.set(`${path.slice(2, -3)}:${name}`, told.exportArgs?.().includes("requestId") === true);
    }
  }
  return found;
}

/** All documents, and what is scheduled. */
async function everything(t: Deployment) {
  return t.run(async ({ db }) => {
    const tables: unknown[] = [await db.system.query("_scheduled_functions").take(99)];
    for (const table of Object.keys(schema.tables) as (keyof typeof schema.tables)[]) {
      tables.push(await db.query(table).take(99));
    }
    return tables;
  });
}

test("every mutation that is called twice changes nothing the second time", async () => {
  const takesRequest = await publicMutations();
  expect(CALLS.map(([name]) => name).sort()).toEqual([...takesRequest.keys()].sort());
  const t = deployment();
  const { credentials, push } = await enrolled(t);
  await push(
    await operationOn("e.json", "{}", undefined, { store: "runs", kind: "execution" }),
    await operationOn("asset.json", "{}", undefined, { store: "library", kind: "asset" }),
    await operationOn("deployment.json", "{}", undefined, { store: "sites", kind: "deployment" }),
  );
  const storageId = await t.run(async ({ db, storage }) => {
    const id = await storage.store(new Blob(["payload"]));
    const told = { contentType: "text/plain; syncd=payload" };
    await db.patch("_storage" as never, id as never, told as never);
    return id;
  });
  for (const [name, own] of CALLS) {
    const request = takesRequest.get(name) === true ? { requestId: name } : {};
    const file = name === "blobs:commit" ? { storageId } : {};
    const call = () =>
      t.mutation(makeFunctionReference<"mutation">(name), {
        ...{ ...own, ...request, ...file },
        ...credentials,
      }) as Promise<unknown>;
    const before = await everything(t);
    const first = await call();
    const once = await everything(t);
    if (name !== "blobs:begin") expect(once, name).not.toEqual(before);
    const second = await call();
    if (takesRequest.get(name) === true) {
      expect(second, name).toEqual(first);
      const answered = await t.run(({ db }) => db.query("requests").take(99));
      expect(answered.map(({ requestId }) => requestId)).toContain(name);
    }
    expect(await everything(t), name).toEqual(once);
  }
});
