import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { api } from "./_generated/api";
import {
  at,
  deployment,
  enrolled,
  never,
  operationOn,
  type Deployment,
  type Enrolled,
} from "./fixture.test";
import { RECEIPTS } from "./model/limits";
import { push } from "./model/push";
import { reapingOf } from "./model/reaped";
import type { Operation } from "./validators";

const CROWD = RECEIPTS + 4;

type Written = { device: Enrolled; operation: Operation; revision: number };

/** Devices that take turns to write one file. */
class Crowd {
  revision = 0;
  /** What each wrote last. */
  readonly last = new Map<Enrolled, Written>();

  constructor(
    readonly t: Deployment,
    readonly devices: readonly [Enrolled, Enrolled, ...Enrolled[]],
  ) {}

  async write(device: Enrolled): Promise<Written> {
    const before = await this.now();
    this.revision += 1;
    const { revision } = this;
    const operation = await operationOn("a.json", String(revision), before);
    expect(await device.push(operation)).toMatchObject([{ outcome: "applied", revision }]);
    const written = { device, operation, revision };
    this.last.set(device, written);
    return written;
  }

  async writeAll(): Promise<void> {
    for (const device of this.devices) await this.write(device);
  }

  now() {
    return at(this.revision, this.revision === 0 ? null : String(this.revision));
  }

  entry() {
    return this.t.run((ctx) => ctx.db.query("entries").first());
  }
}

async function crowd() {
  const t = deployment();
  const names = Array.from({ length: CROWD }, (_, n) => `device ${n}`);
  const [first, second] = [await enrolled(t, "first"), await enrolled(t, "second")];
  const others: Enrolled[] = [];
  for (const name of names.slice(2)) others.push(await enrolled(t, name));
  return new Crowd(t, [first, second, ...others]);
}

test("however many wrote and in whatever order, each has its last operation answered, once", async () => {
  const orders = fc.array(fc.nat(CROWD - 1), { minLength: CROWD, maxLength: 4 * CROWD });
  await fc.assert(
    fc.asyncProperty(orders, async (order) => {
      const wrote = await crowd();
      for (const number of order) await wrote.write(wrote.devices[number] ?? wrote.devices[0]);
      for (const { device, operation, revision } of wrote.last.values()) {
        expect(await device.push(operation)).toMatchObject([
          { outcome: "replayed", revision, current: { revision: wrote.revision } },
        ]);
      }
      const entry = await wrote.entry();
      expect(entry).toMatchObject({ revision: wrote.revision });
      expect(entry?.receipts.length).toBeLessThanOrEqual(RECEIPTS);
    }),
    { numRuns: 12 },
  );
});

test("an operation that its device has since replaced is not answered from what is older", async () => {
  const wrote = await crowd();
  const [first] = wrote.devices;
  const { operation } = await wrote.write(first);
  await wrote.writeAll();
  await wrote.writeAll();
  await wrote.write(first);
  expect(await first.push(operation)).toMatchObject([{ outcome: "stale" }]);
  const { operation: last, revision } = await wrote.write(first);
  await wrote.writeAll();
  expect(await first.push(last)).toMatchObject([{ outcome: "stale" }]);
  expect(revision).toBeLessThan(wrote.revision);
});

test("a receipt that the entry has no room for is still a witness's", async () => {
  const wrote = await crowd();
  await wrote.writeAll();
  const [first] = wrote.devices;
  const written = wrote.last.get(first);
  const revision = written?.revision ?? 0;
  const digest = written?.operation.write?.digest ?? "";
  const denied = async (receipt: number) => {
    const witness = { store: "flows", path: "a.json", record: "", revision, digest, receipt };
    const asked = { ...first.credentials, stores: [], cursor: null, witnesses: [witness] };
    return (await wrote.t.query(api.sync.changes, asked)).broken.length;
  };
  expect([await denied(revision), await denied(revision + 1)]).toEqual([0, 1]);
});

test("older receipts are found also when those in the entry have left with revoked devices", async () => {
  const wrote = await crowd();
  await wrote.writeAll();
  const [first, second, ...gone] = wrote.devices;
  for (const { device } of gone) {
    await wrote.t.run((ctx) => ctx.db.patch("devices", device, { revoked: true }));
  }
  await wrote.write(second);
  expect((await wrote.entry())?.receipts).toHaveLength(1);
  const written = wrote.last.get(first);
  expect(await first.push(...(written ? [written.operation] : []))).toMatchObject([
    { outcome: "replayed", revision: written?.revision },
  ]);
});

test("a move leaves the receipts of either key with it", async () => {
  const wrote = await crowd();
  await wrote.writeAll();
  const target = { operation: "f".repeat(32), expect: await at(0, null) };
  const rest = { movedTo: "b.json", target };
  const moved = await operationOn("a.json", null, await wrote.now(), rest);
  expect(await wrote.devices[0].push(moved)).toMatchObject([
    { outcome: "applied" },
    { outcome: "applied" },
  ]);
  const entries = await wrote.t.run((ctx) => ctx.db.query("entries").take(2));
  expect(entries.map((entry) => [entry.path, entry.receipts.length, entry.moreReceipts])).toEqual([
    ["a.json", RECEIPTS, true],
    ["b.json", 1, undefined],
  ]);
});

test("a push reads the registration of another device once, however many files that one wrote", async () => {
  const t = deployment();
  const [first, second] = [await enrolled(t, "first"), await enrolled(t, "second")];
  const paths = Array.from({ length: 20 }, (_, n) => `${n}.json`);
  await first.push(...(await Promise.all(paths.map((path) => operationOn(path, "1", never)))));
  const before = await at(1, "1");
  const operations = await Promise.all(paths.map((path) => operationOn(path, "2", before)));
  const read = await t.run(async (ctx) => {
    const get = vi.spyOn(ctx.db, "get");
    const device = await ctx.db.get("devices", second.device);
    if (device === null) throw new Error("not enrolled");
    const { workspace } = device;
    const reaping = reapingOf(ctx, workspace, null);
    const results = await push({ ...ctx, device, workspace, reaping }, operations);
    expect(results.map(({ outcome }) => outcome)).toEqual(paths.map(() => "applied"));
    return get.mock.calls.filter((asked) => asked.includes(first.device)).length;
  });
  expect(read).toBe(1);
});
