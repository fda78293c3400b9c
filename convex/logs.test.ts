import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { api, internal } from "./_generated/api";
import type { Id } from "./_generated/dataModel";
import { deployment, enrolled } from "./fixture.test";
import { sha256, utf8 } from "./model/digest";
import * as limits from "./model/limits";
import type { Append, Extent, SentLine } from "./validators";

vi.mock("./model/limits", async (load) => ({ ...(await load<typeof limits>()) }));

const { EXPIRED_AT_ONCE, EXPIRED_LENGTH, LINE_BYTES, LINES, LIST_ROWS } = limits;

const GENERATION = "0123456789abcdef0123456789abcdef";
const EMPTY: Extent = { length: 0, tail: "" };

async function withLaptop() {
  const t = deployment();
  const { credentials } = await enrolled(t);
  const append = async (...appends: Append[]) =>
    (await t.mutation(api.logs.append, { ...credentials, appends })).results;
  const tails = async () =>
    (await t.query(api.logs.tails, { ...credentials, store: "metrics", after: null })).logs;
  return { t, credentials, append, tails };
}

/** How far a file with this text goes. */
async function extentOf(text: string): Promise<Extent> {
  const bytes = utf8(text);
  return text === "" ? EMPTY : { length: bytes.length, tail: await sha256(bytes) };
}

async function append(
  before: string,
  lines: string[],
  rest: Partial<Append> = {},
): Promise<Append> {
  return {
    ...{ store: "metrics", path: "m.jsonl", generation: GENERATION, kind: "metric" },
    expect: await extentOf(before),
    next: await extentOf(before + lines.map((line) => `${line}\n`).join("")),
    lines,
    ...rest,
  };
}

const sample = (value: number) => JSON.stringify({ type: "t", name: "n", value, timestamp: value });

describe("append", () => {
  test("a row a line, numbered on from the lines before", async () => {
    const { t, append: send, tails } = await withLaptop();
    const first = await append("", [sample(1), "{"]);
    expect(await send(first)).toEqual([{ outcome: "appended", ...first.next }]);
    await send(await append(`${sample(1)}\n{\n`, [sample(2)]));
    const { metrics, lines } = await t.run(async ({ db }) => ({
      metrics: await db.query("metrics").take(9),
      lines: await db.query("lines").take(9),
    }));
    expect(metrics.map(({ number, value }) => [number, value])).toEqual([
      [0, 1],
      [2, 2],
    ]);
    expect(lines.map(({ number, text, flags }) => [number, text, flags])).toEqual([
      [1, "{", ["invalid"]],
    ]);
    expect(await tails()).toMatchObject([{ generation: GENERATION, lines: 3, path: "m.jsonl" }]);
  });

  test("samples of one minute that come one after the other are told apart by their times", async () => {
    const { t, credentials, append: send } = await withLaptop();
    await send(await append("", [sample(1000)]));
    await send(await append(`${sample(1000)}\n`, [sample(50_000)]));
    await send(await append(`${sample(1000)}\n${sample(50_000)}\n`, [sample(2000)]));
    const asked = { ...credentials, type: "t" };
    const late = await t.query(api.metrics.aggregate, { ...asked, startTime: 20_000 });
    expect(late).toMatchObject({ count: 1, sum: 50_000 });
    const early = await t.query(api.metrics.aggregate, { ...asked, endTime: 20_000 });
    expect(early).toMatchObject({ count: 2, sum: 3000 });
  });

  test("what was appended before is answered with how far the log goes", async () => {
    const { append: send } = await withLaptop();
    const one = await append("", [sample(1)]);
    await send(one);
    expect(await send(one)).toEqual([{ outcome: "mismatch", ...one.next }]);
  });

  test("length and tail both must agree", async () => {
    const { append: send } = await withLaptop();
    const one = await append("", ["aa"]);
    await send(one);
    const other = { ...(await append("bb\n", ["cc"])) };
    expect(await send(other)).toEqual([{ outcome: "mismatch", ...one.next }]);
    const longer = await append("aa\naa\n", ["cc"]);
    expect(await send(longer)).toEqual([{ outcome: "mismatch", ...one.next }]);
  });

  test("a log that is not there has no length", async () => {
    const { append: send, tails } = await withLaptop();
    expect(await send(await append("aa\n", ["bb"]))).toEqual([{ outcome: "mismatch", ...EMPTY }]);
    expect(await tails()).toEqual([]);
  });

  test("one device's log is not another's", async () => {
    const { t, append: send, tails } = await withLaptop();
    await send(await append("", ["aa"]));
    const server = await enrolled(t, "server");
    const appends = [await append("", ["bb"])];
    const answer = await t.mutation(api.logs.append, { ...server.credentials, appends });
    expect(answer.results).toMatchObject([{ outcome: "appended" }]);
    expect(await tails()).toMatchObject([{ length: 3 }]);
  });

  test.each<[string, Partial<Append>, string]>([
    ["a generation of another shape", { generation: "1" }, "bad-generation"],
    ["a path outside", { path: "../m" }, "bad-path"],
    ["no store", { store: "" }, "bad-key"],
    ["no progress", { next: EMPTY }, "bad-extent"],
    ["half a byte", { next: { length: 1.5, tail: "a".repeat(64) } }, "bad-extent"],
    ["more lines than bytes", { next: { length: 1, tail: "a".repeat(64) } }, "bad-extent"],
    ["no digest", { next: { length: 9, tail: "x" } }, "bad-extent"],
  ])("refuses %s, and takes what comes with it", async (_, bad, reason) => {
    const { append: send } = await withLaptop();
    const good = await append("", ["aa", "bb"]);
    expect(await send({ ...good, ...bad }, good)).toMatchObject([
      { outcome: "refused", reason },
      { outcome: "appended" },
    ]);
  });

  test("too many lines in one call are refused whole", async () => {
    const { append: send, tails } = await withLaptop();
    const many = await append(
      "",
      Array.from({ length: LINES + 1 }, () => "x"),
    );
    await expect(send(many)).rejects.toThrow("at most");
    expect(await tails()).toEqual([]);
  });

  test("random senders: lost answers, replays and stale expectations never add twice", async () => {
    const step = fc.record({
      lines: fc.array(fc.constantFrom(sample(1), "{}", "raw", ""), { maxLength: 3 }),
      from: fc.nat(3),
      lost: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const { t, append: send, credentials } = await withLaptop();
        const known = [""];
        let held = "";
        for (const { lines, from, lost } of steps) {
          const before = known[Math.min(from, known.length - 1)] ?? "";
          const sent = await append(before, lines);
          const after = before + lines.map((line) => `${line}\n`).join("");
          const [result] = await send(sent);
          if (before === held && lines.length > 0) {
            expect(result?.outcome).toBe("appended");
            held = after;
          } else if (lines.length > 0) {
            expect(result).toEqual({ outcome: "mismatch", ...(await extentOf(held)) });
          }
          if (!lost) known.unshift(held);
        }
        expect(await linesOf(t, credentials)).toEqual(held.split("\n").slice(0, -1));
      }),
      { numRuns: 40 },
    );
  });
});

async function linesOf(t: ReturnType<typeof deployment>, credentials: { token: string }) {
  const { rows } = await t.query(api.logs.list, {
    ...credentials,
    workspace: "team",
    store: "metrics",
  });
  const [log] = rows;
  if (log === undefined) return [];
  const all = await t.run(async ({ db }) => [
    ...(await db.query("metrics").take(99)),
    ...(await db.query("lines").take(99)),
  ]);
  expect(log.lines).toBe(all.length);
  return all.sort((one, other) => one.number - other.number).map(({ text }) => text);
}

test("tails are paged by generation", async () => {
  const { t, credentials, append: send } = await withLaptop();
  const generations = Array.from({ length: 230 }, (_, at) => String(at).padStart(32, "0"));
  for (let at = 0; at < generations.length; at += 50) {
    const some = generations.slice(at, at + 50);
    await send(...(await Promise.all(some.map((generation) => append("", ["x"], { generation })))));
  }
  const found: string[] = [];
  for (let after: string | null = null, first = true; first || after !== null; first = false) {
    const page: { logs: { generation: string }[]; next: string | null } = await t.query(
      api.logs.tails,
      { ...credentials, store: "metrics", after },
    );
    found.push(...page.logs.map(({ generation }) => generation));
    after = page.next;
  }
  expect(found).toEqual(generations);
});

test("lines of a log that are no samples are listed, of another workspace none", async () => {
  const { t, credentials, append: send } = await withLaptop();
  const cut: SentLine = { text: "x", flag: "cut" };
  await send({ ...(await append("", [sample(1), "raw", "long"])), lines: [sample(1), "raw", cut] });
  const store = "metrics";
  const { rows: logs } = await t.query(api.logs.list, { ...credentials, store, path: "m.jsonl" });
  const log = logs[0]?._id as Id<"logs">;
  const { rows } = await t.query(api.logs.lines, { ...credentials, log });
  expect(rows.map(({ number, flags }) => [number, flags])).toEqual([
    [1, ["invalid"]],
    [2, ["cut"]],
  ]);
  const stranger = await enrolled(t, "laptop", "others");
  const asked = { ...stranger.credentials, log };
  expect((await t.query(api.logs.lines, asked)).rows).toEqual([]);
});

describe("pages of long lines", () => {
  const long = "x".repeat(LINE_BYTES);

  async function withLongLines(count: number, line: (at: number) => string) {
    const { t, credentials, append: send } = await withLaptop();
    const all = Array.from({ length: count }, (_, at) => line(at));
    for (let at = 0; at < count; at += 4) {
      const before = all.slice(0, at).map((text) => `${text}\n`);
      await send(await append(before.join(""), all.slice(at, at + 4)));
    }
    const [log] = await t.run((ctx) => ctx.db.query("logs").take(1));
    if (log === undefined) throw new Error("no log was made");
    return { t, credentials, log: log._id };
  }

  test("stay below what a call may read and answer, and lose none", async () => {
    const { t, credentials, log } = await withLongLines(40, (at) => `${at}${long.slice(2)}`);
    const read: number[] = [];
    let cursor: string | null = null;
    do {
      const page: { rows: { number: number; text: string }[]; cursor: string | null } =
        await t.query(api.logs.lines, { ...credentials, log, limit: LIST_ROWS, cursor });
      expect(page.rows.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThan(6 << 20);
      read.push(...page.rows.map(({ number }) => number));
      cursor = page.cursor;
    } while (cursor !== null);
    expect(read).toEqual(Array.from({ length: 40 }, (_, at) => at));
  });
});

describe("lines that are old", () => {
  const DAY = 24 * 3600 * 1000;
  const MINUTE = 60_000;

  beforeEach(() => vi.useFakeTimers());
  afterEach(() => {
    Object.assign(limits, { EXPIRED_AT_ONCE, EXPIRED_LENGTH });
    vi.unstubAllEnvs();
    vi.useRealTimers();
  });

  /** A log whose first two lines, one of them a sample, are a week older than the others. */
  async function twoWeeks() {
    const { t, credentials, append: send, tails } = await withLaptop();
    const old = [sample(1), "old"];
    const young = [sample(2), "young", sample(MINUTE)];
    await send(await append("", old));
    vi.setSystemTime(Date.now() + 7 * DAY);
    await send(await append(old.map((line) => `${line}\n`).join(""), young));
    const expire = async () => {
      for (const table of ["metrics", "lines"] as const) {
        await t.mutation(internal.logs.expire, { table, after: 0 });
        await t.finishAllScheduledFunctions(vi.runAllTimers);
      }
    };
    const texts = () =>
      t.run(async ({ db }) => [
        ...(await db.query("metrics").take(2000)).map(({ text }) => text),
        ...(await db.query("lines").take(2000)).map(({ text }) => text),
      ]);
    return { t, credentials, send, tails, expire, texts };
  }

  test("stay where the environment says nothing", async () => {
    const { expire, texts } = await twoWeeks();
    vi.setSystemTime(Date.now() + 10_000 * DAY);
    await expire();
    expect(await texts()).toHaveLength(5);
  });

  test("go after the days that it says, and those only", async () => {
    const { expire, texts, tails } = await twoWeeks();
    vi.stubEnv("SYNCD_KEEP_LINES_DAYS", "8");
    await expire();
    expect(await texts()).toHaveLength(5);
    vi.setSystemTime(Date.now() + 2 * DAY);
    const before = await tails();
    await expire();
    expect(await texts()).toEqual([sample(2), sample(MINUTE), "young"]);
    expect(await tails()).toEqual(before);
  });

  test.each(["0", "-1", "1.5", "week", " 8"])(
    "stay where it says %j, and that is told",
    async (told) => {
      const { t, texts } = await twoWeeks();
      vi.stubEnv("SYNCD_KEEP_LINES_DAYS", told);
      vi.setSystemTime(Date.now() + 10_000 * DAY);
      const expired = t.mutation(internal.logs.expire, { table: "metrics", after: 0 });
      await expect(expired).rejects.toThrow("SYNCD_KEEP_LINES_DAYS");
      expect(await texts()).toHaveLength(5);
    },
  );

  test("are still summed up; a minute that is cut in two and lacks some is told whole", async () => {
    const { t, credentials, expire } = await twoWeeks();
    const ask = (range: object) =>
      t.query(api.metrics.aggregate, { ...credentials, type: "t", ...range });
    expect(await ask({ startTime: 2 })).toMatchObject({ count: 2, widened: false });
    vi.stubEnv("SYNCD_KEEP_LINES_DAYS", "8");
    vi.setSystemTime(Date.now() + 2 * DAY);
    await expire();
    expect(await ask({})).toMatchObject({ count: 3, min: 1, widened: false });
    expect(await ask({ startTime: 2 })).toMatchObject({ count: 3, widened: true });
    expect(await ask({ startTime: MINUTE })).toMatchObject({ count: 1, widened: false });
  });

  test("go in bounded steps, by their number and by their length", async () => {
    const { t, credentials, expire, texts } = await twoWeeks();
    Object.assign(limits, { EXPIRED_AT_ONCE: 10, EXPIRED_LENGTH: 2000 });
    const many = (length: number, note: string) =>
      Array.from({ length }, () => ({ type: "t", name: "n", value: 1, labels: { note } }));
    for (const samples of [many(32, ""), many(5, "x".repeat(900))]) {
      await t.mutation(api.metrics.record, { ...credentials, samples });
    }
    vi.stubEnv("SYNCD_KEEP_LINES_DAYS", "1");
    vi.setSystemTime(Date.now() + 2 * DAY);
    const steps: number[] = [];
    for (let left = (await texts()).length; left > 2;) {
      await t.mutation(internal.logs.expire, { table: "metrics", after: 0 });
      const rest = (await texts()).length;
      steps.push(left - rest);
      left = rest;
    }
    expect(steps).toEqual([10, 10, 10, 7, 3]);
    await expire();
    expect(await texts()).toEqual([]);
  });
});
