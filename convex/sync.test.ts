import { describe, expect, test } from "vitest";
import { api } from "./_generated/api";
import { at, deployment, enrolled, operationOn } from "./fixture.test";
import {
  FEED_TEXT_BYTES,
  KNOWN,
  OPERATIONS,
  PAGE_ROWS,
  TEXT_BYTES,
  WITNESSES,
} from "./model/limits";
import type { Operation, Result, Witness } from "./validators";

async function twoDevices() {
  const t = deployment();
  return { t, laptop: await enrolled(t, "laptop"), server: await enrolled(t, "server") };
}

describe("push", () => {
  test("creates, answers with the commit's `at`, and is read back", async () => {
    const { laptop } = await twoDevices();
    const [result] = await laptop.push(await operationOn("a.json", '{"id":"a"}'));
    expect(result).toMatchObject({ outcome: "applied", revision: 1 });
    const entry = await laptop.fetch("a.json");
    expect(entry).toMatchObject({ revision: 1, text: '{"id":"a"}', origin: laptop.device });
    expect(result).toMatchObject({ at: entry?.at });
    expect(typeof entry?.at).toBe("bigint");
  });

  test("a replay is answered from the receipt, even after others wrote", async () => {
    const { laptop, server } = await twoDevices();
    const first = await operationOn("a.json", "1");
    await laptop.push(first);
    await server.push(await operationOn("a.json", "2", await at(1, "1")));
    const [replay] = await laptop.push(first);
    expect(replay).toMatchObject({
      outcome: "replayed",
      revision: 1,
      current: { ...(await at(2, "2")), deleted: false },
    });
    expect(await laptop.fetch("a.json")).toMatchObject({ revision: 2, text: "2" });
  });

  test("a receipt is the device's own: the same operation id from another device is new", async () => {
    const { laptop, server } = await twoDevices();
    const operation = await operationOn("a.json", "1");
    await laptop.push(operation);
    const [result] = await server.push(operation);
    expect(result).toMatchObject({ outcome: "stale", current: { revision: 1 } });
  });

  test("the same digest is not taken for applied", async () => {
    const { laptop, server } = await twoDevices();
    await laptop.push(await operationOn("a.json", "1"));
    const [result] = await server.push(await operationOn("a.json", "1"));
    expect(result).toMatchObject({ outcome: "stale", current: await at(1, "1") });
  });

  test("is stale at the right revision with another digest", async () => {
    const { laptop } = await twoDevices();
    await laptop.push(await operationOn("a.json", "1"));
    const [result] = await laptop.push(await operationOn("a.json", "2", await at(1, "other")));
    expect(result).toMatchObject({ outcome: "stale", current: await at(1, "1") });
  });

  test("is stale without a snapshot where the key never existed", async () => {
    const { laptop } = await twoDevices();
    const [result] = await laptop.push(await operationOn("a.json", "2", await at(1, "1")));
    expect(result).toMatchObject({ outcome: "stale", current: null });
  });

  test("a tombstone and a re-creation continue the revision", async () => {
    const { laptop, server } = await twoDevices();
    await laptop.push(await operationOn("a.json", "1"));
    await laptop.push(await operationOn("a.json", null, await at(1, "1")));
    expect(await laptop.fetch("a.json")).toMatchObject({
      revision: 2,
      deleted: true,
      digest: null,
      lastDigest: (await at(1, "1")).digest,
      size: 0,
      text: null,
    });
    const [blind] = await server.push(await operationOn("a.json", "3"));
    expect(blind).toMatchObject({ outcome: "stale", current: { revision: 2, deleted: true } });
    await server.push(await operationOn("a.json", "3", await at(2, null)));
    expect(await laptop.fetch("a.json")).toMatchObject({
      revision: 3,
      text: "3",
      lastDigest: null,
      device: server.device,
      origin: laptop.device,
    });
  });

  test("two operations on one key in one batch are processed in order", async () => {
    const { laptop } = await twoDevices();
    const results = await laptop.push(
      await operationOn("a.json", "1"),
      await operationOn("a.json", "2", await at(1, "1")),
      await operationOn("a.json", "3", await at(1, "1")),
    );
    expect(results).toMatchObject([
      { outcome: "applied", revision: 1 },
      { outcome: "applied", revision: 2 },
      { outcome: "stale", current: { revision: 2 } },
    ]);
    expect(await laptop.fetch("a.json")).toMatchObject({ revision: 2, text: "2" });
  });

  test("a refused operation leaves the others alone", async () => {
    const { laptop } = await twoDevices();
    const results = await laptop.push(
      await operationOn("../a.json", "1"),
      await operationOn("b.json", "2"),
    );
    expect(results).toMatchObject([
      { outcome: "refused", reason: "bad-path" },
      { outcome: "applied", revision: 1 },
    ]);
  });

  test.each<[string, Partial<Operation>, string]>([
    ["an absolute path", { path: "/a.json" }, "bad-path"],
    ["an operation id that is not one", { operation: "1" }, "bad-operation"],
    ["a store without a name", { store: "" }, "bad-key"],
    ["a digest that is not one", { write: { digest: "x", size: 1, text: "1" } }, "bad-digest"],
    [
      "another text's digest",
      { write: { digest: "0".repeat(64), size: 1, text: "1" } },
      "digest-mismatch",
    ],
    [
      "a size counted in characters",
      { write: { digest: "0".repeat(64), size: 1, text: "é" } },
      "size-mismatch",
    ],
    ["a deletion of nothing", { write: null }, "nothing-to-delete"],
    ["a write that claims to be a move", { movedTo: "b.json" }, "bad-move"],
  ])("refuses %s", async (_, change, reason) => {
    const { laptop } = await twoDevices();
    const [result] = await laptop.push({ ...(await operationOn("a.json", "1")), ...change });
    expect(result).toMatchObject({ outcome: "refused", reason });
    expect(await laptop.fetch("a.json")).toBeNull();
  });

  test("takes 2 MiB of text and refuses a byte more", async () => {
    const { laptop } = await twoDevices();
    const [largest] = await laptop.push(await operationOn("a.json", "x".repeat(TEXT_BYTES)));
    const [larger] = await laptop.push(await operationOn("b.json", "x".repeat(TEXT_BYTES + 1)));
    expect(largest).toMatchObject({ outcome: "applied" });
    expect(larger).toMatchObject({ outcome: "refused", reason: "too-large" });
  });

  test("a deletion may name where the file went only while that is live", async () => {
    const { laptop } = await twoDevices();
    await laptop.push(await operationOn("a.json", "1"));
    const gone = await operationOn("a.json", null, await at(1, "1"), { movedTo: "b.json" });
    const refused = [{ outcome: "refused", reason: "bad-move" }];
    expect(await laptop.push(gone)).toMatchObject(refused);
    await laptop.push(await operationOn("b.json", "1"));
    await laptop.push(await operationOn("b.json", null, await at(1, "1")));
    expect(await laptop.push(gone)).toMatchObject(refused);
    await laptop.push(await operationOn("b.json", "1", { revision: 2, digest: null }));
    expect(await laptop.push(gone)).toMatchObject([{ outcome: "applied", revision: 2 }]);
    expect(await laptop.fetch("a.json")).toMatchObject({ deleted: true, movedTo: "b.json" });
  });

  test("long text survives growing, shrinking and deletion without leftovers", async () => {
    const { t, laptop } = await twoDevices();
    const texts = ["short", "é€😀".repeat(150_000), "\ufeff" + "x".repeat(600_000), "y"];
    let expected = await operationOn("a.json", texts[0] ?? "");
    await laptop.push(expected);
    for (const [index, text] of texts.slice(1).entries()) {
      const before = await at(index + 1, texts[index] ?? "");
      expected = await operationOn("a.json", text, before);
      await laptop.push(expected);
      const entry = await laptop.fetch("a.json");
      expect(entry?.text === text).toBe(true);
      expect(entry?.size).toBe(expected.write?.size);
    }
    await laptop.push(await operationOn("a.json", null, await at(4, "y")));
    expect(await t.run((ctx) => ctx.db.query("pieces").take(1))).toEqual([]);
    expect(await t.run((ctx) => ctx.db.query("workflows").take(1))).toEqual([]);
  });

  test("the receipts of revoked devices leave with the next write", async () => {
    const { t, laptop, server } = await twoDevices();
    await laptop.push(await operationOn("a.json", "1"));
    await t.run((ctx) => ctx.db.patch("devices", laptop.device, { revoked: true }));
    await server.push(await operationOn("a.json", "2", await at(1, "1")));
    const entry = await t.run((ctx) => ctx.db.query("entries").first());
    expect(entry?.receipts.map((receipt) => receipt.device)).toEqual([server.device]);
  });

  test("more than a batch is invalid as a whole", async () => {
    const { laptop } = await twoDevices();
    const one = await operationOn("a.json", "1");
    await expect(laptop.push(...Array<Operation>(OPERATIONS + 1).fill(one))).rejects.toMatchObject({
      data: { code: "invalid" },
    });
  });
});

describe("changes", () => {
  test("come in the order of `at`, without the caller's own text", async () => {
    const { laptop, server } = await twoDevices();
    await laptop.push(await operationOn("b.json", "1"));
    await server.push(await operationOn("a.json", "2"));
    await laptop.push(await operationOn("b.json", null, await at(1, "1")));
    const page = await laptop.changes();
    expect(page).toMatchObject({
      done: true,
      changes: [
        { path: "a.json", text: "2" },
        { path: "b.json", deleted: true, text: null },
      ],
    });
    expect((await server.changes()).changes[0]).toMatchObject({ path: "a.json", text: null });
    expect(await laptop.changes(page.cursor)).toEqual({
      changes: [],
      cursor: page.cursor,
      done: true,
      missed: false,
      broken: [],
    });
  });

  test("others' text is left out of stores that hold the device's own", async () => {
    const { t, laptop, server } = await twoDevices();
    await laptop.push(await operationOn("mine.json", "1"));
    await server.push(
      await operationOn("mine.json", "2", await at(1, "1")),
      await operationOn("theirs.json", "1"),
    );
    const { changes } = await t.query(api.sync.changes, {
      ...laptop.credentials,
      stores: ["flows"],
      own: ["flows"],
      cursor: null,
    });
    expect(changes).toMatchObject([
      { path: "mine.json", text: "2" },
      { path: "theirs.json", text: null, deleted: false },
    ]);
  });

  test("a page ends only between two groups of equal `at`", async () => {
    const { laptop, server } = await twoDevices();
    const groups = Math.ceil(PAGE_ROWS / (OPERATIONS - 1));
    for (let group = 0; group < groups + 1; group += 1) {
      const paths = Array.from({ length: OPERATIONS - 1 }, (_, row) => `${group}/${row}.json`);
      await laptop.push(...(await Promise.all(paths.map((path) => operationOn(path, "1")))));
    }
    const first = await server.changes();
    expect(first.changes).toHaveLength(groups * (OPERATIONS - 1));
    expect(first.changes.length).toBeGreaterThan(PAGE_ROWS);
    expect(first.done).toBe(false);
    const second = await server.changes(first.cursor);
    expect(second.changes).toHaveLength(OPERATIONS - 1);
    expect(second.done).toBe(true);
  });

  test("text is paged by bytes, and what is too long for the feed is left to fetch", async () => {
    const { laptop, server } = await twoDevices();
    const long = "x".repeat(FEED_TEXT_BYTES);
    for (let file = 0; file < 10; file += 1) {
      await laptop.push(await operationOn(`${file}.json`, long));
    }
    await laptop.push(await operationOn("longer.json", long + "x"));
    const first = await server.changes();
    expect(first.changes.map((change) => change.text?.length)).toEqual(
      Array(8).fill(FEED_TEXT_BYTES),
    );
    const second = await server.changes(first.cursor);
    expect(second.changes.map((change) => change.text?.length)).toEqual([
      FEED_TEXT_BYTES,
      FEED_TEXT_BYTES,
      undefined,
    ]);
    expect((await server.fetch("longer.json"))?.text).toHaveLength(FEED_TEXT_BYTES + 1);
  });

  test("a page has as much text as the caller takes, and one place at least", async () => {
    const { t, laptop, server } = await twoDevices();
    const paths = ["a.json", "b.json", "c.json", "d.json"];
    for (const path of paths) await laptop.push(await operationOn(path, "x".repeat(100)));
    const ask = async (most: number, cursor: string | null = null) => {
      const args = { ...server.credentials, stores: ["flows"], cursor, most };
      const page = await t.query(api.sync.changes, args);
      return { ...page, paths: page.changes.map(({ path }) => path) };
    };
    const first = await ask(150);
    expect(first).toMatchObject({ paths: ["a.json", "b.json"], done: false });
    const second = await ask(150, first.cursor);
    expect(second.paths).toEqual(["c.json", "d.json"]);
    for (const most of [1, 0, -1]) {
      expect(await ask(most)).toMatchObject({ paths: ["a.json"], done: false });
    }
    for (const most of [NaN, Infinity, 1e9]) expect((await ask(most)).paths).toEqual(paths);
    // What was pushed at one place is told at once, what is too much of it without its text.
    const other = await Promise.all(["e.json", "f.json"].map((path) => operationOn(path, "1")));
    await laptop.push(...other);
    const group = await ask(2, second.cursor);
    expect(group).toMatchObject({ paths: ["e.json", "f.json"], done: true });
    expect(group.changes.map(({ text }) => text)).toEqual(["1", null]);
  });

  test("the cursor moves past the entries of other stores", async () => {
    const { t, laptop, server } = await twoDevices();
    await laptop.push(await operationOn("a.json", "1", undefined, { store: "other" }));
    const page = await server.changes();
    const { head } = await t.query(api.sync.head, server.credentials);
    expect(page).toEqual({ changes: [], cursor: head, done: true, missed: false, broken: [] });
  });

  test("what the caller knows that it wrote is passed over, and nothing else", async () => {
    const { t, laptop, server } = await twoDevices();
    const placeOf = async (pushed: Promise<Result[]>) => {
      const [result] = await pushed;
      return result?.outcome === "applied" ? String(result.at) : "";
    };
    const first = await placeOf(laptop.push(await operationOn("a.json", "1")));
    await server.push(await operationOn("b.json", "2"));
    const second = await placeOf(
      laptop.push(await operationOn("c.json", "3"), await operationOn("d.json", "4")),
    );
    const asked = { ...laptop.credentials, stores: ["flows"], cursor: null };
    const ask = (known: string[]) => t.query(api.sync.changes, { ...asked, known });
    const { head } = await t.query(api.sync.head, laptop.credentials);
    expect(head).toBe(second);
    expect(await ask([second, first])).toMatchObject({
      changes: [{ path: "b.json", text: "2" }],
      cursor: head,
      done: true,
    });
    expect((await ask([first])).changes.map(({ path }) => path)).toEqual([
      "b.json",
      "c.json",
      "d.json",
    ]);
    await server.push(await operationOn("a.json", "5", await at(1, "1")));
    expect((await ask([first, second])).changes.map(({ path }) => path)).toEqual([
      "b.json",
      "a.json",
    ]);
  });

  test("a known place behind the cursor tells nothing anew", async () => {
    const { t, laptop, server } = await twoDevices();
    await laptop.push(await operationOn("a.json", "1"));
    const { head: first } = await t.query(api.sync.head, laptop.credentials);
    await server.push(await operationOn("b.json", "2"));
    const { head } = await t.query(api.sync.head, laptop.credentials);
    const asked = { ...laptop.credentials, stores: ["flows"], cursor: head, known: [first] };
    expect(await t.query(api.sync.changes, asked)).toMatchObject({ changes: [], cursor: head });
  });

  test("a known place that was not reached yet does not move the cursor", async () => {
    const { t, laptop } = await twoDevices();
    await laptop.push(await operationOn("a.json", "1"));
    const { head } = await t.query(api.sync.head, laptop.credentials);
    const asked = { ...laptop.credentials, stores: ["flows"], cursor: head };
    const later = String(BigInt(head) + 1n);
    expect((await t.query(api.sync.changes, { ...asked, known: [later] })).cursor).toBe(head);
    const tooMany = Array<string>(KNOWN + 1).fill(head);
    await expect(t.query(api.sync.changes, { ...asked, known: tooMany })).rejects.toMatchObject({
      data: { code: "invalid" },
    });
  });

  test.each(["-1", "x", "", "9223372036854775808", "1.5"])(
    "refuses the cursor %j",
    async (cursor) => {
      const { laptop } = await twoDevices();
      await expect(laptop.changes(cursor)).rejects.toMatchObject({ data: { code: "invalid" } });
    },
  );

  test("tell which tombstones the deployment does not hold", async () => {
    const { t, laptop } = await twoDevices();
    await laptop.push(await operationOn("a.json", "1"));
    const gone = { store: "flows", path: "a.json", record: "", revision: 2, digest: null };
    const deniedOf = async (witnesses: Witness[]) => {
      const asked = { ...laptop.credentials, stores: [], cursor: null, witnesses };
      return (await t.query(api.sync.changes, asked)).broken;
    };
    expect(await deniedOf([gone])).toEqual([gone]);
    await laptop.push(await operationOn("a.json", null, await at(1, "1")));
    const lost = [
      { ...gone, revision: 3 },
      { ...gone, path: "missing.json", revision: 1 },
    ];
    expect(await deniedOf([gone, ...lost])).toEqual(lost);
    await laptop.push(await operationOn("a.json", "2", await at(2, null)));
    expect(await deniedOf([gone])).toEqual([]);
  });

  test("tell which witnesses the deployment does not hold", async () => {
    const { t, laptop, server } = await twoDevices();
    await laptop.push(await operationOn("a.json", "1"));
    await laptop.push(await operationOn("a.json", "2", await at(1, "1")));
    const witness = async (path: string, revision: number, text: string) => {
      const { digest } = await at(revision, text);
      return { store: "flows", path, record: "", revision, digest: digest ?? "" };
    };
    const held = [await witness("a.json", 1, "1"), await witness("a.json", 2, "2")];
    const lost = [
      await witness("a.json", 2, "other"),
      await witness("a.json", 3, "2"),
      await witness("missing.json", 1, "1"),
    ];
    const asked = { ...laptop.credentials, stores: [], cursor: null };
    const witnesses = [...held, ...lost];
    expect((await t.query(api.sync.changes, { ...asked, witnesses })).broken).toEqual(lost);
    const mine = { ...(await witness("a.json", 2, "2")), receipt: 2 };
    const restored = { ...mine, receipt: 3 };
    expect(
      (await t.query(api.sync.changes, { ...asked, witnesses: [mine, restored] })).broken,
    ).toEqual([restored]);
    const notMine = { ...server.credentials, stores: [], cursor: null, witnesses: [mine] };
    expect((await t.query(api.sync.changes, notMine)).broken).toEqual([mine]);
    const tooMany = Array(WITNESSES + 1).fill(held[0]);
    await expect(t.query(api.sync.changes, { ...asked, witnesses: tooMany })).rejects.toMatchObject(
      { data: { code: "invalid" } },
    );
  });
});

describe("fetch", () => {
  test("answers the first keys that fit, at least one, null for what never existed", async () => {
    const { t, laptop } = await twoDevices();
    const paths = ["a.json", "b.json", "c.json"];
    for (const path of paths) await laptop.push(await operationOn(path, "x".repeat(TEXT_BYTES)));
    const keys = ["missing.json", ...paths].map((path) => ({ store: "flows", path, record: "" }));
    const { entries } = await t.query(api.sync.fetch, { ...laptop.credentials, keys });
    expect(entries.map((entry) => entry?.path)).toEqual([undefined, "a.json", "b.json"]);
    expect(entries[2]?.text).toHaveLength(TEXT_BYTES);
    const some = async (most: number) => {
      const asked = { ...laptop.credentials, keys, most };
      return (await t.query(api.sync.fetch, asked)).entries.length;
    };
    expect(await some(TEXT_BYTES)).toBe(2);
    expect(await some(TEXT_BYTES - 1)).toBe(1);
    for (const most of [0, -1]) expect(await some(most)).toBe(1);
    for (const most of [NaN, Infinity]) expect(await some(most)).toBe(3);
  });
});

describe("manifest", () => {
  test("pages a store in the order of (path, record), tombstones too", async () => {
    const { t, laptop } = await twoDevices();
    const text = "x".repeat(16_000);
    const keys = ["b", "a", "c"].flatMap((path) =>
      Array.from({ length: 130 }, (_, record) => ({ path, record: `${record}` })),
    );
    for (let start = 0; start < keys.length; start += 130) {
      const batch = keys.slice(start, start + 130);
      const operations = batch.map(({ path, record }) =>
        operationOn(path, text, undefined, { record }),
      );
      await laptop.push(...(await Promise.all(operations)));
    }
    await laptop.push(await operationOn("a", null, await at(1, text), { record: "0" }));
    // Entries may hold more text than is put into them now.
    await t.run(async (ctx) => {
      for (const entry of await ctx.db.query("entries").take(keys.length)) {
        if (!entry.deleted) await ctx.db.patch("entries", entry._id, { text, pieces: 0 });
      }
    });
    const listed: string[] = [];
    let pages = 0;
    let after: { path: string; record: string } | null = null;
    do {
      const asked: object = { ...laptop.credentials, store: "flows", after };
      const page = await t.query(api.sync.manifest, asked as never);
      listed.push(...page.entries.map((entry) => `${entry.path} ${entry.record}`));
      after = page.next;
      pages += 1;
    } while (after !== null);
    expect(pages).toBe(2);
    expect(listed).toEqual(keys.map((key) => `${key.path} ${key.record}`).sort());
  });
});

describe("hello", () => {
  async function greeter() {
    const { t, laptop, server } = await twoDevices();
    const hello = (start: number, ledger = "L", cursor: string | null = null) =>
      t.mutation(api.sync.hello, {
        ...laptop.credentials,
        protocol: 1,
        ledger,
        start,
        cursor,
        witnesses: [],
      });
    return { t, laptop, server, hello };
  }

  test("knows the deployment, the device and the starts seen before", async () => {
    const { laptop, hello } = await greeter();
    const first = await hello(1);
    expect(first).toMatchObject({
      protocol: 1,
      device: laptop.device,
      name: "laptop",
      behind: false,
      seen: 0,
      broken: [],
    });
    expect(first.deployment).toMatch(/^[0-9a-f]{32}$/);
    await laptop.push(await operationOn("a.json", "1"));
    const second = await hello(2);
    expect(second).toMatchObject({ deployment: first.deployment, seen: 1 });
    expect(await hello(1)).toMatchObject({ seen: 2 });
    expect(await hello(3)).toMatchObject({ seen: 2 });
    expect(await hello(1, "another ledger")).toMatchObject({ seen: 0 });
  });

  test("tells whether the feed ends before the cursor", async () => {
    const { t, laptop, server, hello } = await greeter();
    const told = async (cursor: string | null) => (await hello(1, "L", cursor)).behind;
    expect([await told(null), await told("0"), await told("1")]).toEqual([false, false, true]);
    await laptop.push(await operationOn("a.json", "1"));
    await server.push(await operationOn("b.json", "1"));
    const { cursor } = await laptop.changes();
    const beyond = (BigInt(cursor) + 1n).toString();
    expect([await told("1"), await told(cursor), await told(beyond)]).toEqual([false, false, true]);
    const other = await enrolled(t, "laptop", "another team");
    await other.push(await operationOn("a.json", "1"));
    expect(await told((await other.changes()).cursor)).toBe(true);
    await expect(told("x")).rejects.toMatchObject({ data: { code: "invalid" } });
  });

  test("refuses another protocol", async () => {
    const { t, laptop } = await twoDevices();
    const hello = t.mutation(api.sync.hello, {
      ...laptop.credentials,
      protocol: 2,
      ledger: "L",
      start: 1,
      cursor: null,
      witnesses: [],
    });
    await expect(hello).rejects.toMatchObject({ data: { code: "protocol" } });
  });
});
