/** What the storage's failures and promises left behind must not do to a transaction. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Backend } from "./backend.ts";
import { ADMIN } from "./frame.ts";
import { Functions, type Bundle, type Kind } from "./functions.ts";
import { Scheduler } from "./scheduler.ts";
import { Store } from "./store.ts";
import { installSyscalls } from "./syscalls.ts";
import type { Storage } from "./storage.ts";
import type { Table } from "./catalog.ts";

const THINGS = { tableName: "things", indexes: [], documentType: { type: "any" } };

type Handler = () => Promise<unknown>;

interface Opened {
  backend: Backend;
  functions: Functions;
  store: Store;
  things: Table;
}

/** A backend whose functions are these, by kind and name, in the module `m`. */
function open(t: TestContext, handlers: Partial<Record<Kind, Record<string, Handler>>>): Opened {
  const registered = Object.entries(handlers).flatMap(([kind, named]) =>
    Object.entries(named).map(([name, handler]) => [name, register(kind as Kind, handler)]),
  );
  const functions = new Functions({
    modules: {
      m: Object.fromEntries(registered) as Record<string, unknown>,
    },
    schema: { export: () => JSON.stringify({ tables: [THINGS], schemaValidation: true }) },
  } satisfies Bundle);
  const folder = mkdtempSync(join(tmpdir(), "backend-"));
  const store = new Store(join(folder, "data.sqlite3"), functions.schema);
  t.after(() => {
    store.close();
    rmSync(folder, { recursive: true });
  });
  const backend = new Backend(store, functions);
  installSyscalls(backend.callFrom.bind(backend), { backend, storage: {} as Storage });
  return { backend, functions, store, things: store.tables.get("things")! };
}

function register(kind: Kind, handler: Handler): unknown {
  const invoke = async () => JSON.stringify((await handler()) ?? null);
  const made = { exportArgs: () => '{"type":"any"}', exportReturns: () => null, isPublic: true };
  const by = { query: "isQuery", mutation: "isMutation", action: "isAction" }[kind];
  const invokers = { invokeQuery: invoke, invokeMutation: invoke, invokeAction: invoke };
  return Object.assign(() => undefined, made, invokers, { [by]: true });
}

function ask(op: string, args: object): Promise<string> {
  const { Convex } = globalThis as unknown as {
    Convex: { asyncSyscall(op: string, json: string): Promise<string> };
  };
  return Convex.asyncSyscall(`1.0/${op}`, JSON.stringify(args));
}

const insert = (value: object = {}) => ask("insert", { table: "things", value });
const run = (name: string) => ask("runUdf", { udfType: "mutation", name, args: {} });
const call = (path: string) => ({ path, args: {}, caller: ADMIN });

/** A promise, and what resolves it. */
function latch() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}

/** What SQLite does when the disk is full: the whole transaction is gone, and it says so. */
function fillDisk(store: Store): never {
  store.rollback();
  throw Object.assign(new Error("database or disk is full"), { code: "ERR_SQLITE_ERROR" });
}

test("nothing is written after the storage failed, though the function goes on", async (t) => {
  const { backend, store, things } = open(t, {
    mutation: {
      persist: async () => {
        await insert().catch(() => undefined);
        await insert().catch(() => undefined);
      },
    },
  });
  const put = things.put.bind(things);
  t.mock.method(things, "put", put).mock.mockImplementationOnce(() => fillDisk(store));
  await assert.rejects(backend.mutation(call("m:persist")), /database or disk is full/);
  assert.equal(things.lastRow(), 0);
});

test("a query that the storage failed is an outage, though the function hides it", async (t) => {
  const { backend, store, things } = open(t, {
    mutation: { fill: async () => JSON.parse(await insert()) as unknown },
    query: {
      read: () => ask("get", { id: found, table: "things", isSystem: false }),
      hide: () => ask("get", { id: found, table: "things", isSystem: false }).catch(() => null),
    },
  });
  const filled = await backend.mutation(call("m:fill"));
  const found = (JSON.parse(filled.ok ? filled.value : "") as { _id: string })._id;
  t.mock.method(things, "get", () => fillDisk(store));
  await assert.rejects(backend.query(call("m:read")), /database or disk is full/);
  await assert.rejects(backend.query(call("m:hide")), /database or disk is full/);
});

test("a repetition that cannot be looked up is an outage, not a failed mutation", async (t) => {
  const { backend, store } = open(t, { mutation: { fill: () => insert() } });
  t.mock.method(store, "recall", () => fillDisk(store));
  const named = backend.mutation(call("m:fill"), { session: "s", request: 1 });
  await assert.rejects(named, /database or disk is full/);
});

test("a sub-mutation that was left behind undoes nothing of who comes after", async (t) => {
  const [begun, goOn, ended] = [latch(), latch(), latch()];
  const { backend, things } = open(t, {
    mutation: {
      leave: async () => {
        void run("m:left").catch(() => ended.open());
        await begun.opened;
      },
      left: async () => {
        begun.open();
        await goOn.opened;
        throw new Error("too late");
      },
      after: () => run("m:child"),
      child: async () => {
        await insert();
        goOn.open();
        await ended.opened;
      },
    },
  });
  await backend.mutation(call("m:leave"));
  const after = await backend.mutation(call("m:after"));
  assert.equal(after.ok, true);
  assert.notEqual(things.lastRow(), 0);
});

/** Runs scheduled functions until the test ends; what it logs. */
async function scheduling(t: TestContext, { backend, functions, store }: Opened) {
  const logged: string[] = [];
  const scheduler = new Scheduler(backend, store, functions, (line) => logged.push(line));
  await scheduler.start();
  t.after(() => scheduler.stop());
  return logged;
}

const plan = (name: string, args: object = {}) =>
  ask("schedule", { name, args, ts: Date.now() / 1000 });

async function filled({ things }: Opened): Promise<boolean> {
  for (let waited = 0; things.lastRow() === 0 && waited < 5000; waited += 50) await sleep(50);
  return things.lastRow() !== 0;
}

for (const message of ["x".repeat(2 << 20), "half a character: \ud800"])
  test(`a job that fails with ${message.slice(0, 20)}... holds up no other`, async (t) => {
    const opened = open(t, {
      mutation: {
        fail: () => Promise.reject(new Error(message)),
        fill: () => insert(),
        plan: async () => {
          await plan("m:fail");
          await plan("m:fill");
        },
      },
    });
    await scheduling(t, opened);
    assert.equal((await opened.backend.mutation(call("m:plan"))).ok, true);
    assert.equal(await filled(opened), true);
  });

test("a job that has no room for what will come of it is not scheduled", async (t) => {
  const text = "x".repeat((1 << 20) - 400);
  const opened = open(t, {
    mutation: {
      tooLong: () => plan("m:fill", { text }),
      long: () => plan("m:fail", { text: text.slice(0, -40_000) }),
      fail: () => Promise.reject(new Error("\uffff".repeat(20_000))),
      plan: () => plan("m:fill"),
      fill: () => insert(),
    },
  });
  await scheduling(t, opened);
  assert.equal((await opened.backend.mutation(call("m:tooLong"))).ok, false);
  assert.equal((await opened.backend.mutation(call("m:long"))).ok, true);
  assert.equal((await opened.backend.mutation(call("m:plan"))).ok, true);
  assert.equal(await filled(opened), true);
});

test("a commit stands though the scheduler cannot look what is due, and that is run later", async (t) => {
  const opened = open(t, { mutation: { plan: () => plan("m:fill"), fill: () => insert() } });
  const logged = await scheduling(t, opened);
  const failing = () => {
    throw Object.assign(new Error("disk I/O error"), { code: "ERR_SQLITE_ERROR" });
  };
  const { mock } = t.mock.method(opened.store.crons, "next", failing);
  assert.equal((await opened.backend.mutation(call("m:plan"))).ok, true);
  await sleep(50);
  mock.restore();
  assert.equal(await filled(opened), true);
  assert.match(logged[0] ?? "", /disk I\/O error/);
});
