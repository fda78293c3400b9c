import { describe, expect, test, vi } from "vitest";
import { at, deployment, enrolled, never, operationOn } from "./fixture.test";
import type { Expectation, Operation } from "./validators";

const TEXT = '{"id":"a","name":"one"}';

async function twoDevices() {
  const t = deployment();
  const [laptop, server] = [await enrolled(t, "laptop"), await enrolled(t, "server")];
  const rows = () => t.run((ctx) => ctx.db.query("workflows").take(10));
  const entries = () => t.run((ctx) => ctx.db.query("entries").take(10));
  return { t, laptop, server, rows, entries };
}

/** The operation that moves a path with this text at this revision. */
async function moving(
  from: string,
  to: string,
  revision = 1,
  text = TEXT,
  target: Expectation = never,
  rest: Partial<Operation> = {},
): Promise<Operation> {
  const operation = crypto.randomUUID().replaceAll("-", "");
  return operationOn(from, null, await at(revision, text), {
    movedTo: to,
    target: { operation, expect: target },
    ...rest,
  });
}

describe("a move", () => {
  test("takes both keys in one transaction, with the content and the row", async () => {
    const { laptop, server, rows } = await twoDevices();
    await server.push(await operationOn("a.json", TEXT, never, { carried: { startedAt: 5 } }));
    const [before] = await rows();
    const results = await laptop.push(await moving("a.json", "b/c.json"));
    expect(results).toMatchObject([
      { outcome: "applied", revision: 2 },
      { outcome: "applied", revision: 1 },
    ]);
    const [from, to] = [await laptop.fetch("a.json"), await laptop.fetch("b/c.json")];
    const { digest } = await at(1, TEXT);
    expect(from).toMatchObject({ deleted: true, lastDigest: digest, movedTo: "b/c.json", size: 0 });
    expect(to).toMatchObject({ revision: 1, text: TEXT, origin: server.device, movedTo: null });
    expect([from?.at, to?.at]).toEqual(results.map((result) => "at" in result && result.at));
    expect(from?.at).toBe(to?.at);
    expect(await rows()).toMatchObject([{ _id: before?._id, path: "b/c.json", revision: 1 }]);
  });

  test("of much YAML takes the rows along, and reads it later", async () => {
    const { t, laptop, rows } = await twoDevices();
    const yaml = { format: "yaml" } as const;
    const names = ["a", "b", "c"];
    for (const name of names) await laptop.push(await operationOn(`${name}.yaml`, "n: 1", never, yaml));
    const before = await rows();
    const moves = names.map((name) =>
      moving(`${name}.yaml`, `x/${name}2.yaml`, 1, "n: 1", never, yaml),
    );
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    await laptop.push(...(await Promise.all(moves)));
    const ids = before.map(({ _id }) => _id);
    const told = async () => (await rows()).map(({ _id, path, name }) => [_id, path, name]);
    const [first, ...others] = names.map((name, at) => [ids[at], `x/${name}2.yaml`, name] as const);
    expect(await told()).toEqual([[first?.[0], first?.[1], "a2"], ...others]);
    await t.finishAllScheduledFunctions(vi.runAllTimers);
    vi.useRealTimers();
    expect((await told()).map(([id, , name]) => [id, name])).toEqual(
      names.map((name, at) => [ids[at], `${name}2`]),
    );
  });

  test("keeps what was carried, and drops it from the tombstone", async () => {
    const { laptop, entries } = await twoDevices();
    await laptop.push(await operationOn("a.json", TEXT, never, { carried: { startedAt: 5 } }));
    await laptop.push(await moving("a.json", "b.json"));
    const carried = (await entries()).map((entry) => [entry.path, entry.carried]);
    expect(carried).toEqual([
      ["a.json", {}],
      ["b.json", { startedAt: 5 }],
    ]);
  });

  test("takes long text with it, piece by piece", async () => {
    const { t, laptop } = await twoDevices();
    const text = "é€😀".repeat(150_000);
    await laptop.push(await operationOn("a.json", text));
    const pieces = () => t.run((ctx) => ctx.db.query("pieces").take(10));
    const before = await pieces();
    await laptop.push(await moving("a.json", "b.json", 1, text));
    expect((await laptop.fetch("b.json"))?.text === text).toBe(true);
    expect((await pieces()).map((piece) => piece._id)).toEqual(before.map((piece) => piece._id));
  });

  test("re-projects what derives from the path", async () => {
    const { laptop, rows } = await twoDevices();
    await laptop.push(await operationOn("a.json", "{}"));
    await laptop.push(await moving("a.json", "b.json", 1, "{}"));
    expect(await rows()).toMatchObject([{ recordId: "b", name: "b", flags: ["id-from-name"] }]);
  });

  test("makes the row that was still to be made", async () => {
    const { t, laptop, rows } = await twoDevices();
    await laptop.push(await operationOn("a.json", TEXT));
    await t.run(async (ctx) => {
      for (const row of await ctx.db.query("workflows").take(1)) {
        await ctx.db.delete("workflows", row._id);
      }
    });
    await laptop.push(await moving("a.json", "b.json"));
    expect(await rows()).toMatchObject([{ path: "b.json", recordId: "a" }]);
  });

  test("changes the table with the kind", async () => {
    const { t, laptop, rows } = await twoDevices();
    await laptop.push(await operationOn("a.json", TEXT, never, { kind: "document" }));
    await laptop.push(await moving("a.json", "b.json"));
    expect(await rows()).toMatchObject([{ path: "b.json" }]);
    expect(await t.run((ctx) => ctx.db.query("documents").take(1))).toEqual([]);
  });

  test("goes back and forth, each key going on with its own revision", async () => {
    const { laptop, rows } = await twoDevices();
    await laptop.push(await operationOn("a.json", TEXT));
    const [row] = await rows();
    await laptop.push(await moving("a.json", "b.json"));
    const back = await moving("b.json", "a.json", 1, TEXT, await at(2, null));
    expect(await laptop.push(back)).toMatchObject([
      { outcome: "applied", revision: 2 },
      { outcome: "applied", revision: 3 },
    ]);
    expect(await laptop.fetch("a.json")).toMatchObject({
      text: TEXT,
      lastDigest: null,
      movedTo: null,
      origin: laptop.device,
    });
    expect(await rows()).toMatchObject([{ _id: row?._id, path: "a.json", revision: 3 }]);
  });

  test("onto a tombstone leaves the key its origin", async () => {
    const { laptop, server } = await twoDevices();
    await laptop.push(await operationOn("b.json", "1"));
    await laptop.push(await operationOn("b.json", null, await at(1, "1")));
    await server.push(await operationOn("a.json", TEXT));
    await server.push(await moving("a.json", "b.json", 1, TEXT, await at(2, null)));
    expect(await server.fetch("b.json")).toMatchObject({ text: TEXT, origin: laptop.device });
  });

  test("a write ends it: the former key lives again with a row of its own", async () => {
    const { laptop, rows, entries } = await twoDevices();
    await laptop.push(await operationOn("a.json", TEXT));
    await laptop.push(await moving("a.json", "b.json"));
    await laptop.push(
      await operationOn("a.json", "{}", await at(2, null)),
      await operationOn("b.json", "{}", await at(1, TEXT)),
    );
    expect((await rows()).map((row) => row.path).sort()).toEqual(["a.json", "b.json"]);
    expect((await entries()).map((entry) => entry.movedFrom)).toEqual([undefined, undefined]);
  });

  test.each<[string, Partial<Operation>]>([
    ["the former key is another snapshot", { expect: { revision: 1, digest: "0".repeat(64) } }],
    ["the former key is further", { expect: { revision: 2, digest: "0".repeat(64) } }],
    ["the target was never there", { target: { operation: "1".repeat(32), expect: { revision: 1, digest: null } } }],
    ["the target is live", { movedTo: "live.json" }],
  ])("takes neither key where %s", async (_, change) => {
    const { laptop, rows } = await twoDevices();
    await laptop.push(await operationOn("a.json", TEXT), await operationOn("live.json", "{}"));
    const operation = { ...(await moving("a.json", "b.json")), ...change };
    const results = await laptop.push(operation);
    expect(results.map((result) => result.outcome)).toEqual(["stale", "stale"]);
    expect(results[0]).toMatchObject({ current: await at(1, TEXT) });
    expect(await laptop.fetch("b.json")).toBeNull();
    expect((await rows()).map((row) => row.path).sort()).toEqual(["a.json", "live.json"]);
  });

  test.each<[string, Partial<Operation>, string]>([
    ["over a live target", { target: { operation: "1".repeat(32), expect: { revision: 1, digest: "0".repeat(64) } } }, "bad-move"],
    ["of a tombstone", { expect: { revision: 2, digest: null } }, "bad-move"],
    ["of a record", { record: "r" }, "bad-move"],
    ["to itself", { movedTo: "a.json" }, "bad-move"],
    ["to nowhere", { movedTo: undefined }, "bad-move"],
    ["out of the store", { movedTo: "../b.json" }, "bad-path"],
    ["with an operation id that is none", { target: { operation: "1", expect: never } }, "bad-operation"],
  ])("is refused %s, for both keys", async (_, change, reason) => {
    const { laptop } = await twoDevices();
    await laptop.push(await operationOn("a.json", TEXT));
    const operation = { ...(await moving("a.json", "b.json")), ...change };
    const results = await laptop.push(operation);
    expect(results).toHaveLength(operation.target === undefined ? 1 : 2);
    for (const result of results) expect(result).toMatchObject({ outcome: "refused", reason });
    expect(await laptop.fetch("a.json")).toMatchObject({ revision: 1, text: TEXT });
  });

  test("a replay is answered from both receipts, even after others wrote", async () => {
    const { laptop, server } = await twoDevices();
    await laptop.push(await operationOn("a.json", TEXT));
    const operation = await moving("a.json", "b.json");
    await laptop.push(operation);
    await server.push(await operationOn("b.json", "{}", await at(1, TEXT)));
    expect(await laptop.push(operation)).toMatchObject([
      { outcome: "replayed", revision: 2, current: { revision: 2, deleted: true } },
      { outcome: "replayed", revision: 1, current: await at(2, "{}") },
    ]);
    expect(await laptop.fetch("b.json")).toMatchObject({ text: "{}" });
  });

  test("a replay whose other receipt is gone changes nothing", async () => {
    const { t, laptop, server } = await twoDevices();
    await laptop.push(await operationOn("a.json", TEXT));
    const operation = await moving("a.json", "b.json");
    await laptop.push(operation);
    await t.run((ctx) => ctx.db.patch("devices", laptop.device, { revoked: true }));
    await server.push(await operationOn("b.json", "{}", await at(1, TEXT)));
    await server.push(await operationOn("b.json", null, await at(2, "{}")));
    await t.run((ctx) => ctx.db.patch("devices", laptop.device, { revoked: false }));
    expect(await laptop.push(operation)).toMatchObject([
      { outcome: "replayed", revision: 2 },
      { outcome: "stale", current: { revision: 3, deleted: true } },
    ]);
  });

  test("tells other devices no text: they have it under the former name", async () => {
    const { laptop, server } = await twoDevices();
    await laptop.push(await operationOn("a.json", TEXT));
    const { cursor } = await server.changes();
    await laptop.push(await moving("a.json", "b.json"));
    expect((await server.changes(cursor)).changes).toMatchObject([
      { path: "a.json", movedTo: "b.json", deleted: true, text: null },
      { path: "b.json", ...(await at(1, TEXT)), text: null },
    ]);
    await laptop.push(await operationOn("b.json", "{}", await at(1, TEXT)));
    expect((await server.changes(cursor)).changes).toMatchObject([{}, { text: "{}" }]);
  });
});
