import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { api, internal } from "./_generated/api";
import { at, deployment, enrolled, operationOn, type Enrolled } from "./fixture.test";
import * as limits from "./model/limits";
import { LEDGERS } from "./model/presence";
import type { Operation } from "./validators";

vi.mock("./model/limits", async (load) => ({ ...(await load<typeof limits>()) }));

const { REAPED_AT_ONCE, REAPED_DEVICES, REAPED_LEDGERS } = limits;

const WEEKS = 15 * 24 * 3600 * 1000;

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  Object.assign(limits, { REAPED_DEVICES, REAPED_LEDGERS });
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

/** Two machines that have both said hello, and what each does as of the feed's end. */
async function world() {
  const t = deployment();
  const machines = [await enrolled(t, "laptop"), await enrolled(t, "server")] as const;
  const [laptop, server] = machines;
  const head = async () => (await t.query(api.sync.head, laptop.credentials)).head;
  const hello = async (who: Enrolled, start: number, passed?: string | null, ledger = "L") => {
    const cursor = passed ?? null;
    const said = { protocol: 1, ledger, start, cursor, passed, witnesses: [] };
    return t.mutation(api.sync.hello, { ...who.credentials, ...said });
  };
  const push = async (who: Enrolled, passed: string | null, ...operations: Operation[]) =>
    (await t.mutation(api.sync.push, { ...who.credentials, passed, operations })).results;
  const reap = async () => {
    await t.mutation(internal.tombstones.reap, { after: "" });
    await t.finishAllScheduledFunctions(vi.runAllTimers);
  };
  const paths = () =>
    t.run(async ({ db }) => (await db.query("entries").take(2000)).map(({ path }) => path));
  let starts = 0;
  const allPass = async () => {
    starts += 1;
    const passed = await head();
    for (const who of machines) await hello(who, starts, passed);
    return passed;
  };
  return { t, laptop, server, head, hello, push, reap, paths, allPass };
}

type World = Awaited<ReturnType<typeof world>>;

/** Makes a file and deletes it, its tombstone at revision 2, and something newer beside it. */
async function shortLived({ laptop, push, head }: World, path = "a.json"): Promise<Operation> {
  const creation = await operationOn(path, "1");
  await push(laptop, await head(), creation);
  await push(laptop, await head(), await operationOn(path, null, await at(1, "1")));
  await laptop.push(await operationOn("newer.json", "{}"));
  return creation;
}

describe("a tombstone goes", () => {
  test("when every device has passed it", async () => {
    const w = await world();
    await shortLived(w);
    expect(await w.hello(w.laptop, 1, await w.head())).toMatchObject({ reaped: "0" });
    await w.hello(w.server, 1, "0");
    await w.reap();
    expect(await w.paths()).toContain("a.json");
    await w.hello(w.server, 2, await w.head());
    await w.reap();
    expect(await w.paths()).toEqual(["newer.json"]);
    expect(await w.server.fetch("a.json")).toBeNull();
  });

  test("not while it is the newest change", async () => {
    const w = await world();
    await w.laptop.push(await operationOn("a.json", "1"));
    await w.laptop.push(await operationOn("a.json", null, await at(1, "1")));
    const head = await w.allPass();
    await w.reap();
    expect(await w.paths()).toEqual(["a.json"]);
    expect(await w.head()).toBe(head);
  });

  test("not while a ledger is bootstrapped, nor while a daemon does not tell", async () => {
    const w = await world();
    await shortLived(w);
    await w.allPass();
    for (const passed of [null, undefined]) {
      await w.hello(w.server, 1, passed, `another ${passed}`);
      await w.reap();
      expect(await w.paths()).toContain("a.json");
      await w.hello(w.server, 2, await w.head(), `another ${passed}`);
    }
    await w.reap();
    expect(await w.paths()).toEqual(["newer.json"]);
  });

  test("not while a newcomer may still come, but whatever a program's token passed", async () => {
    const w = await world();
    await shortLived(w);
    await enrolled(w.t, "dashboard");
    await w.allPass();
    await w.reap();
    expect(await w.paths()).toContain("a.json");
    vi.setSystemTime(Date.now() + WEEKS);
    await w.reap();
    expect(await w.paths()).toEqual(["newer.json"]);
  });

  test("also where somebody writes without a token, who is no device that is waited for", async () => {
    vi.stubEnv("SYNCD_ANONYMOUS", "write");
    vi.stubEnv("SYNCD_WORKSPACES", "team");
    const w = await world();
    await shortLived(w);
    const updates = { name: "Newer" };
    const edited = { workspace: "team", id: "newer", updates };
    expect(await w.t.mutation(api.workflows.update, edited)).toMatchObject({ outcome: "applied" });
    await w.allPass();
    await w.reap();
    expect(await w.paths()).toEqual(["newer.json"]);
  });

  test("not where there are more ledgers than a step can read, but elsewhere", async () => {
    const w = await world();
    await shortLived(w);
    await w.allPass();
    const passed = await w.head();
    for (const ledger of ["M", "N"]) await w.hello(w.server, 1, passed, ledger);
    const other = await enrolled(w.t, "laptop", "xenial");
    await other.push(await operationOn("theirs.json", "1"));
    await other.push(await operationOn("theirs.json", null, await at(1, "1")));
    await other.push(await operationOn("last.json", "1"));
    const theirs = (await w.t.query(api.sync.head, other.credentials)).head;
    await w.hello(other, 1, theirs);
    Object.assign(limits, { REAPED_LEDGERS: 3 });
    await w.reap();
    expect(await w.paths()).toEqual(["a.json", "newer.json", "last.json"]);
    Object.assign(limits, { REAPED_LEDGERS: 4 });
    await w.reap();
    expect(await w.paths()).toEqual(["newer.json", "last.json"]);
  });

  test("without a revoked device, of its own workspace only", async () => {
    const w = await world();
    await shortLived(w);
    const lost = await enrolled(w.t, "lost");
    await w.hello(lost, 1, "0");
    const other = await enrolled(w.t, "laptop", "other");
    const created = await operationOn("theirs.json", "1");
    await other.push(created, await operationOn("last.json", "1"));
    await other.push(await operationOn("theirs.json", null, await at(1, "1")));
    await other.push(await operationOn("last.json", "2", await at(1, "1")));
    await w.allPass();
    await w.t.mutation(internal.devices.revoke, { workspace: "team", name: "lost" });
    await w.reap();
    expect(await w.paths()).toEqual(["newer.json", "theirs.json", "last.json"]);
  });

  test("with its receipts and increments, a bounded step at a time", async () => {
    const w = await world();
    const { laptop } = w;
    for (const path of ["a.json", "b.json", "c.json"]) await shortLived(w, path);
    await laptop.push(await operationOn("newer.json", "[]", await at(1, "{}")));
    await w.t.run(async ({ db }) => {
      const gone = (await db.query("entries").take(9)).filter(({ deleted }) => deleted);
      for (const { _id: entry } of gone) {
        await db.patch("entries", entry, { moreReceipts: true });
        await db.insert("increments", { entry, field: "downloads", sum: 1, foldAt: 0 });
        const receipt = { entry, device: laptop.device, operation: "x", revision: 1 };
        for (let n = 0; n < REAPED_AT_ONCE / 2; n += 1) await db.insert("receipts", receipt);
      }
    });
    await w.allPass();
    await w.t.mutation(internal.tombstones.reap, { after: "" });
    const left = await w.t.run(({ db }) => db.query("receipts").take(10_000));
    expect(left.length).toBeGreaterThan((3 * REAPED_AT_ONCE) / 2 - REAPED_AT_ONCE);
    await w.t.finishAllScheduledFunctions(vi.runAllTimers);
    expect(await w.paths()).toEqual(["newer.json"]);
    const rest = await w.t.run(async ({ db }) => [
      ...(await db.query("receipts").take(9)),
      ...(await db.query("increments").take(9)),
    ]);
    expect(rest).toEqual([]);
  });
});

describe("where a tombstone was", () => {
  async function reaped() {
    const w = await world();
    const creation = await shortLived(w);
    const before = await w.head();
    const passed = await w.allPass();
    await w.reap();
    expect(await w.paths()).toEqual(["newer.json"]);
    return { ...w, creation, before, passed };
  }

  test("a key is made again behind every revision that anybody remembers", async () => {
    const { server, laptop, push, passed } = await reaped();
    const again = await operationOn("a.json", "2", await at(2, null));
    expect(await push(server, passed, again)).toMatchObject([{ outcome: "applied", revision: 3 }]);
    expect(await push(server, passed, again)).toMatchObject([{ outcome: "replayed" }]);
    const next = await operationOn("a.json", "3", await at(3, "2"));
    expect(await push(laptop, passed, next)).toMatchObject([{ outcome: "applied", revision: 4 }]);
  });

  test("so is one that nobody ever knew, and one that the app plane makes", async () => {
    const { t, server, laptop, push, passed } = await reaped();
    const made = await operationOn("b.json", "1");
    expect(await push(server, passed, made)).toMatchObject([{ outcome: "applied", revision: 3 }]);
    await t.mutation(api.sync.register, {
      ...laptop.credentials,
      stores: [
        { name: "flows", kind: "workflow", layout: "file", direction: "both", create: "{id}.json" },
      ],
    });
    const workflow = { id: "c", name: "c" };
    const created = await t.mutation(api.workflows.create, { ...laptop.credentials, workflow });
    expect(created).toMatchObject({ outcome: "applied", revision: 3 });
  });

  test("so is one to which a file moves", async () => {
    const { server, push, passed } = await reaped();
    const move = await operationOn("newer.json", null, await at(1, "{}"), {
      movedTo: "a.json",
      target: { operation: "f".repeat(32), expect: await at(2, null) },
    });
    expect(await push(server, passed, move)).toMatchObject([
      { outcome: "applied", revision: 2 },
      { outcome: "applied", revision: 3 },
    ]);
  });

  test("an expectation of content, or of what nobody reaped, is not met", async () => {
    const { server, push, passed } = await reaped();
    for (const expect_ of [await at(1, "1"), await at(3, null)]) {
      const stale = await operationOn("a.json", "2", expect_);
      expect(await push(server, passed, stale)).toMatchObject([
        { outcome: "stale", current: null },
      ]);
    }
  });

  test("what was done before is not done again by a call that comes late", async () => {
    const { laptop, push, creation, paths } = await reaped();
    expect(await push(laptop, "0", creation)).toMatchObject([{ outcome: "stale", current: null }]);
    expect(await paths()).toEqual(["newer.json"]);
    await expect(laptop.push(creation)).rejects.toMatchObject({ data: { code: "protocol" } });
  });

  test("a device that had not passed it is told so, by either", async () => {
    const { t, laptop, server, hello, passed } = await reaped();
    expect(await hello(server, 7, "1")).toMatchObject({ missed: true });
    expect(await hello(server, 8, passed)).toMatchObject({ missed: false });
    expect(await hello(server, 9, null)).toMatchObject({ missed: false });
    expect(await laptop.changes("1")).toMatchObject({ missed: true });
    expect(await laptop.changes(passed)).toMatchObject({ missed: false });
    expect(await t.run(({ db }) => db.query("reaped").take(9))).toMatchObject([{ revision: 2 }]);
  });

  test("every ledger is told up to where, so that it forgets the same", async () => {
    const { t, server, hello, head, passed, push } = await reaped();
    const [{ at: place = null } = {}] = await t.run(({ db }) => db.query("reaped").take(1));
    const told = { reaped: String(place) };
    expect(await hello(server, 7, passed)).toMatchObject(told);
    await push(server, passed, await operationOn("b.json", "1"));
    const said = { ledger: "L", start: 7, passed: await head() };
    expect(await t.mutation(api.sync.passed, { ...server.credentials, ...said })).toEqual({
      noted: true,
      ...told,
    });
  });

  test("it is held all the same, and what is newer than anything reaped is not", async () => {
    const { t, laptop, passed } = await reaped();
    const denied = async (revision: number) => {
      const witness = { store: "flows", path: "a.json", record: "", revision, digest: null };
      const asked = { ...laptop.credentials, stores: [], cursor: passed, witnesses: [witness] };
      return (await t.query(api.sync.changes, asked)).broken.length;
    };
    expect([await denied(2), await denied(3)]).toEqual([0, 1]);
  });

  test("receipts of an earlier life are no witnesses' against a later one, those of it are", async () => {
    const { t, server, laptop, push, passed } = await reaped();
    await push(server, passed, await operationOn("a.json", "2", await at(2, null)));
    const { digest } = await at(3, "2");
    const denied = async (receipt: number) => {
      const key = { store: "flows", path: "a.json", record: "" };
      const witness = { ...key, revision: 3, digest: digest ?? "", receipt };
      const asked = { ...laptop.credentials, stores: [], cursor: passed, witnesses: [witness] };
      return (await t.query(api.sync.changes, asked)).broken.length;
    };
    expect([await denied(2), await denied(3)]).toEqual([0, 1]);
  });
});

test.each([1, 2])("of what is reaped in %i steps the highest revision is behind all that is made", async (steps) => {
  const w = await world();
  const { server, laptop, push } = w;
  await laptop.push(await operationOn("b.json", "1"));
  await shortLived(w, "a.json");
  await laptop.push(await operationOn("a.json", "2", await at(2, null)));
  await laptop.push(await operationOn("a.json", null, await at(3, "2")));
  await laptop.push(await operationOn("newer.json", "[]", await at(1, "{}")));
  if (steps === 2) {
    await w.allPass();
    await w.reap();
    expect(await w.paths()).toEqual(["b.json", "newer.json"]);
  }
  await laptop.push(await operationOn("b.json", null, await at(1, "1")));
  await laptop.push(await operationOn("newer.json", "{}", await at(2, "[]")));
  const passed = await w.allPass();
  await w.reap();
  expect(await w.paths()).toEqual(["newer.json"]);
  const made = await operationOn("c.json", "1");
  expect(await push(server, passed, made)).toMatchObject([{ outcome: "applied", revision: 5 }]);
});

test("what a file moves onto keeps the life that it was in", async () => {
  const w = await world();
  await shortLived(w);
  const passed = await w.allPass();
  await w.reap();
  const { t, laptop, server, push } = w;
  await push(server, passed, await operationOn("a.json", "2", await at(2, null)));
  await push(server, passed, await operationOn("a.json", null, await at(3, "2")));
  const move = await operationOn("newer.json", null, await at(1, "{}"), {
    movedTo: "a.json",
    target: { operation: "f".repeat(32), expect: await at(4, null) },
  });
  expect(await push(server, passed, move)).toMatchObject([{ revision: 2 }, { revision: 5 }]);
  // The laptop wrote it in the life before.
  const { digest } = await at(5, "{}");
  const witness = { store: "flows", path: "a.json", record: "", revision: 5, digest, receipt: 2 };
  const asked = { ...laptop.credentials, stores: [], cursor: passed, witnesses: [witness] };
  expect(await t.query(api.sync.changes, asked)).toMatchObject({ broken: [] });
});

describe("with too many to be looked at nothing is reaped:", () => {
  test("ledgers of one device", async () => {
    const w = await world();
    await shortLived(w);
    const passed = await w.allPass();
    const { device } = w.server;
    await w.t.run(async ({ db }) => {
      for (let ledger = 1; ledger < LEDGERS; ledger += 1) {
        const seen = { device, ledger: String(ledger), start: 1, cursor: passed, seenAt: 0 };
        await db.insert("presence", { ...seen, passed });
      }
    });
    await w.reap();
    expect(await w.paths()).toContain("a.json");
    await w.t.mutation(internal.devices.revoke, { workspace: "team", name: "server" });
    await w.reap();
    expect(await w.paths()).toEqual(["newer.json"]);
  });

  test("devices of the workspace", async () => {
    const w = await world();
    await shortLived(w);
    await w.allPass();
    Object.assign(limits, { REAPED_DEVICES: 1 });
    await w.reap();
    expect(await w.paths()).toContain("a.json");
    Object.assign(limits, { REAPED_DEVICES: 2 });
    await w.reap();
    expect(await w.paths()).toEqual(["newer.json"]);
  });
});

describe("between two hellos", () => {
  const passedOf = async (w: World) =>
    (await w.t.run(({ db }) => db.query("presence").take(9))).map(({ passed }) => passed);

  test("one that has not passed what it told it had is a copy from before then", async () => {
    const w = await world();
    expect(await w.hello(w.laptop, 4, "5")).toMatchObject({ seen: 0 });
    const told = { ledger: "L", start: 4, passed: "7" };
    await w.t.mutation(api.sync.passed, { ...w.laptop.credentials, ...told });
    expect(await w.hello(w.laptop, 5, "6")).toMatchObject({ seen: 5 });
    expect(await passedOf(w)).toEqual(["7"]);
    expect(await w.hello(w.laptop, 6, "7")).toMatchObject({ seen: 5 });
    expect(await w.hello(w.laptop, 7, null)).toMatchObject({ seen: 6 });
    expect(await w.hello(w.laptop, 8, "1")).toMatchObject({ seen: 7 });
  });

  test("a ledger tells how far it passed, and never goes back by it", async () => {
    const w = await world();
    await w.hello(w.laptop, 4, null);
    const tell = (start: number, passed: string) =>
      w.t.mutation(api.sync.passed, { ...w.laptop.credentials, ledger: "L", start, passed });
    expect(await tell(4, "7")).toMatchObject({ noted: true });
    expect(await tell(4, "5")).toMatchObject({ noted: true });
    expect(await passedOf(w)).toEqual(["7"]);
  });

  test("what comes of before the last hello does not count", async () => {
    const w = await world();
    const told = { ...w.laptop.credentials, ledger: "L", start: 4, passed: "7" };
    await w.hello(w.laptop, 4, "3");
    await w.hello(w.laptop, 5, null);
    expect(await w.t.mutation(api.sync.passed, told)).toMatchObject({ noted: false });
    await w.hello(w.laptop, 4, "3");
    expect(await passedOf(w)).toEqual([null]);
  });
});
