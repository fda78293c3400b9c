import { getConvexSize } from "convex/values";
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { api } from "./_generated/api";
import { deployment, enrolled } from "./fixture.test";
import * as limits from "./model/limits";
import { RELATIVE_ERROR } from "./model/sketch";

vi.mock("./model/limits", async (load) => ({ ...(await load<typeof limits>()) }));

const { LINE_BYTES, ROLLUPS, EDGE_ROLLUPS, EDGE_SAMPLES, EDGE_LENGTH, SKETCH_BYTES } = limits;

afterEach(() => {
  Object.assign(limits, { ROLLUPS, EDGE_ROLLUPS, EDGE_SAMPLES, EDGE_LENGTH, SKETCH_BYTES });
  vi.useRealTimers();
});

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

type Sample = { type: string; name: string; value: number; timestamp: number };

async function withSamples(samples: Sample[]) {
  const t = deployment();
  const { credentials } = await enrolled(t);
  if (samples.length > 0) await t.mutation(api.metrics.record, { ...credentials, samples });
  return { t, credentials };
}

const at = (timestamp: number, value = timestamp, name = "n", type = "t"): Sample => ({
  ...{ type, name, value, timestamp },
});

describe("record", () => {
  test("one sample, as adapters tell it, with its labels", async () => {
    const { t, credentials } = await withSamples([]);
    const told = { type: "t", name: "n", value: 3, unit: "ms", timestamp: 5 };
    const labels = { host: "a", port: 80 };
    await t.mutation(api.metrics.record, { ...credentials, ...told, labels });
    const { rows } = await t.query(api.metrics.getByType, { ...credentials, type: "t" });
    expect(rows).toMatchObject([{ ...told, labels, flags: [] }]);
  });

  test("a request that is repeated is answered again and adds nothing", async () => {
    const { t, credentials } = await withSamples([]);
    const told = { ...credentials, type: "t", name: "n", value: 3, requestId: "r" };
    const first = await t.mutation(api.metrics.record, told);
    expect(await t.mutation(api.metrics.record, told)).toEqual(first);
    const { rows } = await t.query(api.metrics.getByType, { ...credentials, type: "t" });
    expect(rows).toHaveLength(1);
  });

  test("a sample without a time is of now", async () => {
    const { t, credentials } = await withSamples([]);
    await t.mutation(api.metrics.record, { ...credentials, type: "t", name: "n", value: 1 });
    const { rows } = await t.query(api.metrics.getByName, { ...credentials, name: "n" });
    expect(Math.abs((rows[0]?.timestamp ?? 0) - Date.now())).toBeLessThan(60_000);
    expect(rows[0]?.flags).toEqual([]);
  });

  test.each([{}, { type: "t", name: "n" }, { type: "t", name: "n", value: Infinity }])(
    "refuses %j",
    async (told) => {
      const { t, credentials } = await withSamples([]);
      await expect(t.mutation(api.metrics.record, { ...credentials, ...told })).rejects.toThrow(
        "value",
      );
    },
  );

  test("no samples are recorded as none", async () => {
    const { t, credentials } = await withSamples([]);
    const none = await t.mutation(api.metrics.record, { ...credentials, samples: [] });
    expect(none).toEqual({ recorded: 0 });
  });

  test.each([
    { at: 1n },
    { at: [{ deep: new ArrayBuffer(1) }] },
    { at: NaN },
    { at: "x".repeat(LINE_BYTES) },
  ])("refuses labels that no line can hold", async (labels) => {
    const { t, credentials } = await withSamples([]);
    const told = { type: "t", name: "n", value: 1, labels };
    await expect(t.mutation(api.metrics.record, { ...credentials, ...told })).rejects.toMatchObject({
      data: { code: "invalid" },
    });
  });

  test("labels that Convex cannot return stay in the text", async () => {
    const { t, credentials } = await withSamples([]);
    const { token } = credentials;
    const generation = "0".repeat(32);
    const text = '{"type":"t","name":"n","value":1,"timestamp":1,"labels":{"é":1}}';
    const next = { length: text.length + 2, tail: "a".repeat(64) };
    const log = { store: "s", path: "p", generation, kind: "metric" as const };
    const appends = [{ ...log, expect: { length: 0, tail: "" }, next, lines: [text] }];
    await t.mutation(api.logs.append, { token, workspace: "team", appends });
    const { rows } = await t.query(api.metrics.getByType, { ...credentials, type: "t" });
    expect(rows).toMatchObject([{ text }]);
    expect(rows[0]?.labels).toBeUndefined();
  });
});

describe("getByType, getByName", () => {
  test("newest first or oldest first, within a range whose ends count, page by page", async () => {
    const { t, credentials } = await withSamples([at(1), at(2), at(3), at(4, 4, "m"), at(5)]);
    const range = { startTime: 2, endTime: 4 };
    const ask = async (more: object) =>
      (await t.query(api.metrics.getByType, { ...credentials, type: "t", ...more })).rows.map(
        ({ timestamp }) => timestamp,
      );
    expect(await ask({})).toEqual([5, 4, 3, 2, 1]);
    expect(await ask(range)).toEqual([4, 3, 2]);
    expect(await ask({ ...range, order: "asc" })).toEqual([2, 3, 4]);
    expect(await ask({ ...range, name: "n" })).toEqual([3, 2]);
    const page = await t.query(api.metrics.getByName, { ...credentials, name: "n", limit: 3 });
    const { cursor } = page;
    const rest = await t.query(api.metrics.getByName, {
      ...credentials,
      name: "n",
      limit: 3,
      cursor,
    });
    expect([...page.rows, ...rest.rows].map(({ timestamp }) => timestamp)).toEqual([5, 3, 2, 1]);
  });
});

type Told = { count: number; sum: number; min: number | null; p90: number | null };

/** What a plain program would say. */
function exactly(values: number[]) {
  const sorted = [...values].sort((one, other) => one - other);
  const rank = (q: number) => sorted[Math.floor(q * (sorted.length - 1))] ?? null;
  return { count: values.length, min: rank(0), max: rank(1), p50: rank(0.5), p90: rank(0.9) };
}

function expectClose(found: Told & Record<string, unknown>, values: number[]) {
  const exact = exactly(values);
  expect(found).toMatchObject({ count: exact.count, min: exact.min, max: exact.max });
  expect(found.sum).toBeCloseTo(
    values.reduce((sum, value) => sum + value, 0),
    6,
  );
  for (const q of ["p50", "p90"] as const) {
    const [near, far] = [found[q] as number | null, exact[q]];
    if (near === null || far === null) expect(near).toBe(far);
    else expect(Math.abs(near - far)).toBeLessThanOrEqual(RELATIVE_ERROR * Math.abs(far) + 1e-9);
  }
}

test("a page of samples with labels of many numbers fits in an answer", async () => {
  const { t, credentials } = await withSamples([]);
  const ones = Array<number>(8000).fill(1);
  const labels = Object.fromEntries(Array.from("abcdefghij", (name) => [name, ones]));
  const samples = Array.from({ length: 6 }, (_, time) => ({ ...at(time), labels }));
  for (let call = 0; call < 4; call += 1) {
    await t.mutation(api.metrics.record, { ...credentials, samples });
  }
  const page = await t.query(api.metrics.getByName, { ...credentials, name: "n", limit: 200 });
  expect(page.cursor).not.toBeNull();
  expect(getConvexSize(page)).toBeLessThan(16 * 1024 * 1024);
});

describe("aggregate", () => {
  const sample = fc.record({
    type: fc.constantFrom("t", "u"),
    name: fc.constantFrom("n", "m"),
    value: fc.integer({ min: -1000, max: 1000 }),
    timestamp: fc.integer({ min: -HOUR, max: 30 * HOUR }),
  });
  const time = fc.integer({ min: -HOUR, max: 5 * HOUR });
  const question = fc.record(
    {
      type: fc.constantFrom("t", "t", "t", "none"),
      name: fc.constant("n"),
      startTime: time,
      endTime: fc.integer({ min: 4 * HOUR, max: 31 * HOUR }),
      bucket: fc.constantFrom(MINUTE, 7 * MINUTE, HOUR, 3 * HOUR),
    },
    { requiredKeys: ["type"] },
  );

  test("equals what a plain program says, in whole and by bucket, in pages of any size", async () => {
    let pages = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(sample, { maxLength: 60, size: "max" }),
        question,
        fc.constantFrom(1, 2, 5, 1000),
        async (samples, question, pageSize) => {
          Object.assign(limits, { ROLLUPS: pageSize });
          const { t, credentials } = await withSamples(samples);
          const { type, name, startTime = -Infinity, endTime = Infinity, bucket } = question;
          const chosen = samples.filter(
            (each) =>
              each.type === type &&
              (name === undefined || each.name === name) &&
              each.timestamp >= startTime &&
              each.timestamp <= endTime,
          );
          const buckets: (Told & { start: number })[] = [];
          let cursor: string | null = null;
          for (;;) {
            const asked: object = { ...credentials, ...question, cursor };
            const answer: Awaited<ReturnType<typeof ask>> = await ask(t, asked);
            buckets.push(...answer.buckets);
            ({ cursor } = answer);
            expect(answer.partial).toBe(cursor !== null);
            pages += 1;
            expect(answer.widened).toBe(false);
            if (cursor === null) {
              expectClose(
                answer,
                chosen.map(({ value }) => value),
              );
              break;
            }
          }
          const starts = bucket
            ? [...new Set(chosen.map((each) => Math.floor(each.timestamp / bucket) * bucket))]
            : [];
          expect(buckets.map(({ start }) => start)).toEqual(starts.sort((a, b) => a - b));
          for (const { start, ...told } of buckets) {
            const inside = chosen.filter(
              ({ timestamp }) => timestamp >= start && timestamp < start + (bucket ?? 0),
            );
            expectClose(
              told,
              inside.map(({ value }) => value),
            );
          }
        },
      ),
      { numRuns: 60 },
    );
    // More than one a question: some did not fit in a page.
    expect(pages).toBeGreaterThan(90);
  });

  test("a page ends sooner where values are of many magnitudes, which take longer", async () => {
    Object.assign(limits, { ROLLUPS: 9, SKETCH_BYTES: 10 });
    const hours = Array.from({ length: 8 }, (_, hour) => hour * HOUR);
    const spread = hours.flatMap((start) =>
      Array.from({ length: 15 }, (_, power) => at(start + power, 10 ** power)),
    );
    const { t, credentials } = await withSamples([
      ...spread,
      ...hours.map((start) => at(start, 1, "alike")),
    ]);
    const asked = { ...credentials, startTime: 0, endTime: 9 * HOUR };
    expect(await ask(t, { ...asked, name: "alike" })).toMatchObject({ count: 8, partial: false });
    const page = await ask(t, { ...asked, name: "n" });
    expect(page).toMatchObject({ count: 45, partial: true });
    const { cursor } = page;
    expect(await ask(t, { ...asked, name: "n", cursor })).toMatchObject({ count: 90 });
  });

  const names = Array.from({ length: 7 }, (_, name) => `name ${name}`);
  const manyNames = (timestamp: number) => names.map((name) => at(timestamp, 1, name));

  // Of the first hour a rollup has two samples.
  test.each([
    { bucket: MINUTE, most: 3 },
    { bucket: 2 * HOUR, most: 6 },
  ])(
    "a page ends within a minute or an hour of more names than a call can read: %j",
    async ({ bucket, most }) => {
      Object.assign(limits, { ROLLUPS: 3 });
      const times = [0, MINUTE, HOUR];
      const { t, credentials } = await withSamples(times.flatMap(manyNames));
      const asked = { ...credentials, type: "t", startTime: 0, endTime: 3 * HOUR - 1, bucket };
      const pages = await allPages(t, asked);
      const counts = pages.map(({ count }) => count);
      const read = counts.map((count, page) => count - (counts[page - 1] ?? 0));
      expect(Math.max(...read)).toBe(most);
      expect(counts.at(-1)).toBe(21);
      const buckets = pages.flatMap((page) => page.buckets);
      const starts = [...new Set(times.map((time) => Math.floor(time / bucket) * bucket))];
      expect(buckets.map(({ start }) => start)).toEqual(starts);
      expect(buckets.reduce((sum, { count }) => sum + count, 0)).toBe(21);
    },
  );

  test("rollups that were created at one instant are read together", async () => {
    Object.assign(limits, { ROLLUPS: 3 });
    // So late the milliseconds of a float64 are too coarse to tell two inserts apart.
    vi.useFakeTimers();
    vi.setSystemTime(2 ** 45);
    const { t, credentials } = await withSamples(manyNames(0));
    const pages = await allPages(t, { ...credentials, type: "t", startTime: 0, endTime: HOUR - 1 });
    expect(pages[0]).toMatchObject({ count: 7 });
    expect(pages.at(-1)).toMatchObject({ count: 7 });
  });

  test("a minute that is cut in two and has too many names is told whole, page by page", async () => {
    Object.assign(limits, { ROLLUPS: 3, EDGE_ROLLUPS: 5 });
    const outside = [at(1, 1, "outside")];
    const { t, credentials } = await withSamples([
      ...[...manyNames(1), ...manyNames(9), ...outside, ...manyNames(MINUTE)],
    ]);
    const asked = { ...credentials, type: "t", startTime: 5, endTime: 2 * MINUTE - 1 };
    const pages = await allPages(t, asked);
    expect(pages.at(-1)).toMatchObject({ count: 21, widened: true });
    expect(pages.length).toBeGreaterThan(4);
  });

  test("that a minute was told whole is still said on the last page", async () => {
    Object.assign(limits, { ROLLUPS: 1, EDGE_SAMPLES: 1 });
    const times = [1, 2, 3, MINUTE, 2 * MINUTE];
    const { t, credentials } = await withSamples(times.map((time) => at(time)));
    const asked = { ...credentials, type: "t", startTime: 2, endTime: 3 * MINUTE - 1 };
    const pages = await allPages(t, asked);
    expect(pages.length).toBeGreaterThan(1);
    expect(pages.at(-1)).toMatchObject({ count: 5, widened: true });
  });

  test("a range without an end is read in pages too", async () => {
    Object.assign(limits, { ROLLUPS: 1 });
    const { t, credentials } = await withSamples([at(1), at(2 * HOUR)]);
    const range = { startTime: -Infinity, endTime: Infinity };
    const pages = await allPages(t, { ...credentials, type: "t", ...range });
    expect(pages.length).toBeGreaterThan(1);
    expect(pages.at(-1)).toMatchObject({ count: 2, widened: false });
    const none = { startTime: NaN, endTime: NaN };
    expect(await ask(t, { ...credentials, type: "t", ...none })).toMatchObject({ count: 0 });
  });

  test("a minute that is cut in two and too full to be read is told whole", async () => {
    Object.assign(limits, { EDGE_SAMPLES: 3 });
    const { t, credentials } = await withSamples([at(1), at(2), at(3), at(4), at(5)]);
    const answer = await ask(t, { ...credentials, type: "t", startTime: 2, endTime: 9 });
    expect(answer).toMatchObject({ count: 5, widened: true });
    const whole = await ask(t, { ...credentials, type: "t", startTime: 1, endTime: 5 });
    expect(whole).toMatchObject({ count: 5, widened: false });
  });

  test("so is one whose lines are too long to be read", async () => {
    Object.assign(limits, { EDGE_LENGTH: 200 });
    const short = await withSamples([at(1), at(2), at(3)]);
    const asked = { type: "t", startTime: 2, endTime: 9 };
    const answer = await ask(short.t, { ...short.credentials, ...asked });
    expect(answer).toMatchObject({ count: 2, widened: false });
    const labels = { note: "x".repeat(100) };
    const long = await withSamples([1, 2, 3].map((time) => ({ ...at(time), labels })));
    const widened = await ask(long.t, { ...long.credentials, ...asked });
    expect(widened).toMatchObject({ count: 3, widened: true });
  });

  test.each([
    {},
    { type: "t", bucket: 1000 },
    { type: "t", bucket: 0 },
    { type: "t", cursor: "x" },
  ])("refuses %j", async (question) => {
    const { t, credentials } = await withSamples([]);
    await expect(ask(t, { ...credentials, ...question })).rejects.toThrow("invalid");
  });
});

async function allPages(t: ReturnType<typeof deployment>, question: object) {
  const pages = [await ask(t, question)];
  for (let cursor; (cursor = pages.at(-1)?.cursor ?? null) !== null;) {
    pages.push(await ask(t, { ...question, cursor }));
  }
  return pages;
}

function ask(t: ReturnType<typeof deployment>, question: object) {
  return t.query(api.metrics.aggregate, question as { token: string });
}
