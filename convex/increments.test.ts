/** Increments: none is lost, none is doubled, whatever comes in between. */
import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { api, internal } from "./_generated/api";
import type { Id } from "./_generated/dataModel";
import { at, deployment, enrolled, never, operationOn } from "./fixture.test";

const PATH = "ui/btn.json";
const asset = { store: "library", kind: "asset" } as const;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

async function world(text: string | null) {
  const t = deployment();
  const laptop = await enrolled(t);
  const token = laptop.credentials;
  if (text !== null) await laptop.push(await operationOn(PATH, text, undefined, asset));
  return {
    t,
    laptop,
    get: () => t.query(api.assets.get, { ...token, id: "btn" }),
    increment: (more: { by?: number; requestId?: string } = {}) =>
      t.mutation(api.assets.incrementDownloads, { ...token, id: "btn", ...more }),
    fold: async () => {
      const id = await t.run(async (ctx) => (await ctx.db.query("entries").first())?._id);
      if (id !== undefined) await t.mutation(internal.increments.fold, { entry: id });
    },
    folds: () => t.finishAllScheduledFunctions(vi.runAllTimers),
    waiting: () => t.run((ctx) => ctx.db.query("increments").take(9)),
    scheduled: () => t.run((ctx) => ctx.db.system.query("_scheduled_functions").take(99)),
  };
}

const downloads = (count: number) => `{"id":"btn","metadata":{"x":1.0,"downloads":${count}}}`;

test("are seen at once, and a second later in the text, which changes nowhere else", async () => {
  const { get, increment, folds, waiting } = await world(downloads(3));
  expect(await increment()).toMatchObject({ outcome: "applied", id: "btn", revision: 1 });
  await increment({ by: 4 });
  expect(await get()).toMatchObject({ downloads: 8, revision: 1, text: downloads(3) });
  await folds();
  expect(await get()).toMatchObject({ downloads: 8, revision: 2, text: downloads(8) });
  expect(await waiting()).toEqual([]);
});

test("are seen all the time though the row of long YAML comes after its text", async () => {
  const { laptop, get, increment, fold, folds } = await world(null);
  const text = `id: btn\nmetadata:\n  downloads: 3\nlines:\n${"- a\n".repeat(8000)}`;
  const yaml = { ...asset, format: "yaml" } as const;
  await laptop.push(await operationOn("ui/btn.yaml", text, undefined, yaml));
  await increment({ by: 4 });
  expect(await get()).toMatchObject({ downloads: 7, revision: 1 });
  await fold();
  expect(await get()).toMatchObject({ downloads: 7, value: { metadata: { downloads: 7 } } });
  await folds();
  expect(await get()).toMatchObject({ downloads: 7, revision: 2 });
});

test("cost one fold a second, however many they are", async () => {
  const { increment, folds, scheduled, get } = await world(downloads(0));
  for (let count = 0; count < 50; count += 1) await increment();
  expect(await scheduled()).toHaveLength(1);
  await folds();
  expect(await get()).toMatchObject({ downloads: 50, revision: 2 });
});

test("are folded though the clock was set back before they were", async () => {
  const { increment, scheduled } = await world(downloads(0));
  await increment();
  vi.setSystemTime(Date.now() - 365 * 24 * 3600 * 1000);
  await increment();
  await increment();
  expect(await scheduled()).toHaveLength(2);
});

test("make the field where there is none, and wait where something else is in its place", async () => {
  const bare = await world('{"id":"btn"}');
  await bare.increment();
  await bare.folds();
  expect(await bare.get()).toMatchObject({ text: '{"id":"btn","metadata":{"downloads":1}}' });
  const odd = '{"id":"btn","metadata":{"downloads":"many"}}';
  const { get, increment, folds, laptop } = await world(odd);
  await increment();
  await folds();
  expect(await get()).toMatchObject({ downloads: 1, revision: 1, text: odd });
  await laptop.push(await operationOn(PATH, downloads(5), await at(1, odd), asset));
  for (const seconds of [31, 31]) {
    vi.advanceTimersByTime(seconds * 1000);
    await increment();
  }
  await folds();
  expect(await get()).toMatchObject({ text: downloads(8) });
});

test("wait for a text that functions may not edit, and are in the next that they may", async () => {
  const { t, laptop, folds, waiting } = await world(null);
  const anchored = "id: btn\nmetadata: &m\n  downloads: 3\nmore: *m\n";
  const yaml = { ...asset, format: "yaml" } as const;
  const path = "ui/btn.yaml";
  await laptop.push(await operationOn(path, anchored, undefined, yaml));
  const asked = { ...laptop.credentials, id: "btn" };
  await t.mutation(api.assets.incrementDownloads, asked);
  await folds();
  expect(await waiting()).toMatchObject([{ sum: 1 }]);
  expect(await t.query(api.assets.get, asked)).toMatchObject({ downloads: 4, text: anchored });
  const plain = "id: btn\nmetadata:\n  downloads: 5\n";
  await laptop.push(await operationOn(path, plain, await at(1, anchored), yaml));
  vi.advanceTimersByTime(62_000);
  await t.mutation(api.assets.incrementDownloads, asked);
  await folds();
  expect(await waiting()).toEqual([]);
  expect(await t.query(api.assets.get, asked)).toMatchObject({
    text: plain.replace("5", "7"),
    downloads: 7,
  });
});

test("are the same request twice counted once", async () => {
  const { get, increment } = await world(downloads(0));
  const first = await increment({ requestId: "r" });
  expect(await increment({ requestId: "r" })).toEqual(first);
  expect(await get()).toMatchObject({ downloads: 1 });
});

test.each(["in one operation", "in two"])("go with a file that moves %s", async (how) => {
  const { laptop, get, increment, folds } = await world(downloads(2));
  await increment();
  const movedTo = "new/btn.json";
  const gone = await operationOn(PATH, null, await at(1, downloads(2)), { ...asset, movedTo });
  const target = { operation: "0".repeat(32), expect: never };
  const made = await operationOn(movedTo, downloads(2), never, asset);
  await laptop.push(...(how === "in two" ? [made, gone] : [{ ...gone, target }]));
  expect(await get()).toMatchObject({ path: "new/btn.json", downloads: 3 });
  await folds();
  expect(await get()).toMatchObject({ text: downloads(3) });
});

test("are dropped by a deletion", async () => {
  const { t, laptop, increment, waiting } = await world(downloads(2));
  await increment();
  await t.mutation(api.assets.deleteAsset, { ...laptop.credentials, id: "btn" });
  expect(await waiting()).toEqual([]);
});

test("are refused for what is no whole number, and missing without the asset", async () => {
  const { increment } = await world(null);
  await expect(increment({ by: 0.5 })).rejects.toMatchObject({ data: { code: "invalid" } });
  expect(await increment()).toMatchObject({ outcome: "missing" });
});

type Step =
  | { do: "increment"; by: number; request: number | null }
  | { do: "save"; more: number }
  | { do: "fold" | "rebuild" | "remove" | "edit" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("increment" as const),
      by: fc.integer({ min: -2, max: 5 }),
      request: fc.option(fc.nat(3)),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("save" as const), more: fc.nat(2) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom(
        "fold" as const,
        "fold" as const,
        "rebuild" as const,
        "edit" as const,
        "remove" as const,
      ),
    }),
  },
);

test("add up: what is read is the start and all increments, in any order of pushes and folds", async () => {
  const adds = fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
    const { t, laptop, get, increment, fold, folds, waiting } = await world(downloads(0));
    const requests = new Set<number>();
    let total: number | null = 0;
    const keys = [{ store: "library", path: PATH, record: "" }];
    const current = async () => {
      const asked = { ...laptop.credentials, keys };
      const [entry] = (await t.query(api.sync.fetch, asked)).entries;
      if (entry == null) throw new Error("the entry is gone");
      return entry;
    };
    for (const step of steps) {
      const entry = await current();
      switch (step.do) {
        case "increment": {
          const { by, request } = step;
          await increment({ by, ...(request !== null && { requestId: `r${request}` }) });
          if (total !== null && (request === null || !requests.has(request))) total += by;
          if (request !== null) requests.add(request);
          break;
        }
        case "save": {
          // A device saves what it has heard, with downloads that it counted itself.
          const text = entry.deleted ? downloads(0) : more(entry.text ?? "", step.more);
          const expected = { revision: entry.revision, digest: entry.digest };
          const [answer] = await laptop.push(await operationOn(PATH, text, expected, asset));
          expect(answer).toMatchObject({ outcome: "applied" });
          total = total === null ? 0 : total + step.more;
          break;
        }
        case "fold":
          await fold();
          break;
        case "rebuild": {
          const id = (await t.run((ctx) => ctx.db.query("entries").first()))?._id;
          await t.mutation(internal.rows.rebuild, { entry: id as Id<"entries"> });
          break;
        }
        case "edit":
          await t.mutation(api.assets.update, {
            ...laptop.credentials,
            id: "btn",
            updates: { name: "n" },
          });
          break;
        case "remove":
          await t.mutation(api.assets.deleteAsset, { ...laptop.credentials, id: "btn" });
          total = null;
          break;
      }
      expect((await get())?.downloads ?? null).toBe(total);
    }
    await folds();
    await fold();
    expect((await get())?.downloads ?? null).toBe(total);
    const text = (await get())?.text;
    if (text != null)
      expect(JSON.parse(text)).toMatchObject({ metadata: { x: 1, downloads: total } });
    expect(await waiting()).toEqual([]);
  });
  await fc.assert(adds, { numRuns: 150 });
});

function more(text: string, by: number): string {
  return text.replace(/"downloads":(-?\d+)/, (_, count) => `"downloads":${Number(count) + by}`);
}
