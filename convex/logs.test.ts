import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { api } from "./_generated/api";
import type { Id } from "./_generated/dataModel";
import { deployment, enrolled } from "./fixture.test";
import { sha256, utf8 } from "./model/digest";
import { LINE_BYTES, LINES, LIST_ROWS } from "./model/limits";
import type { Append, Extent, SentLine } from "./validators";

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
