import { afterEach, describe, expect, test, vi } from "vitest";
import { api, internal } from "./_generated/api";
import type { Id } from "./_generated/dataModel";
import { deployment, enrolled, type Deployment, type Enrolled } from "./fixture.test";
import { sha256, utf8 } from "./model/digest";
import { EXPIRED_LENGTH, RESOLVED_DAYS } from "./model/limits";
import type { Conflict } from "./validators";

async function conflictOn(path: string, text: string | null, rest: Partial<Conflict> = {}) {
  const told: Conflict = {
    store: "flows",
    path,
    record: "",
    base: "b".repeat(64),
    local: "c".repeat(64),
    revision: 4,
    digest: await sha256(utf8(text ?? "")),
    author: null,
    text,
    since: 1000,
    resolution: null,
    ...rest,
  };
  return told;
}

function tell(t: Deployment, { credentials }: Enrolled, ...conflicts: Conflict[]) {
  return t.mutation(api.sync.conflict, { ...credentials, conflicts });
}

/** The texts of these conflicts as the device gets them; undefined for one it may not see. */
function textsOf(t: Deployment, { credentials }: Enrolled, rows: { _id: Id<"conflicts"> }[]) {
  const asked = rows.map(({ _id }) =>
    t.query(api.conflicts.get, { ...credentials, conflict: _id }).then((found) => found?.text),
  );
  return Promise.all(asked);
}

test("the author finds what lost, whole, and who won over it", async () => {
  const t = deployment();
  const [winner, author] = [await enrolled(t, "laptop"), await enrolled(t, "desk")];
  const text = "ä".repeat(400_000); // 800,000 bytes: two parts, cut inside a code point
  const told = await conflictOn("a.json", text, { author: author.device });
  expect(await tell(t, winner, told)).toEqual({ authors: ["desk"] });

  const { rows } = await t.query(api.conflicts.list, { ...author.credentials, mine: true });
  expect(rows).toMatchObject([
    { path: "a.json", revision: 4, deviceName: "laptop", authorName: "desk", resolution: null },
  ]);
  expect(await textsOf(t, author, rows)).toEqual([text]);
  const mine = await t.query(api.conflicts.list, { ...winner.credentials, mine: true });
  expect(mine.rows).toEqual([]);
});

test("told again it is one conflict, with the newest resolution", async () => {
  const t = deployment();
  const [winner, other] = [await enrolled(t, "laptop"), await enrolled(t, "desk")];
  const told = await conflictOn("a.json", "lost");
  await tell(t, winner, told, told);
  await tell(t, winner, { ...told, resolution: "theirs" });
  await tell(t, winner, { ...told, revision: 5 });
  await tell(t, other, told);
  const { rows } = await t.query(api.conflicts.list, winner.credentials);
  expect(rows.map((row) => [row.deviceName, row.revision, row.resolution])).toEqual([
    ["desk", 4, null],
    ["laptop", 5, null],
    ["laptop", 4, "theirs"],
  ]);
  const losers = await t.run((ctx) => ctx.db.query("losers").take(10));
  expect(losers.length).toBe(3);
});

test("an empty text is not the same as none", async () => {
  const t = deployment();
  const winner = await enrolled(t);
  await tell(t, winner, await conflictOn("a", null), await conflictOn("b", ""));
  const { rows } = await t.query(api.conflicts.list, winner.credentials);
  expect(await textsOf(t, winner, rows)).toEqual(["", null]);
});

test("another workspace sees nothing, and its devices are nobody's authors", async () => {
  const t = deployment();
  const [ours, theirs] = [await enrolled(t, "a", "ours"), await enrolled(t, "a", "theirs")];
  const told = await conflictOn("a.json", "lost", { author: theirs.device });
  expect(await tell(t, ours, told)).toEqual({ authors: [null] });
  const { rows } = await t.query(api.conflicts.list, ours.credentials);
  for (const mine of [true, false]) {
    const seen = await t.query(api.conflicts.list, { ...theirs.credentials, mine });
    expect(seen.rows).toEqual([]);
  }
  expect(await textsOf(t, theirs, rows)).toEqual([undefined]);
  expect(await textsOf(t, ours, rows)).toEqual(["lost"]);
});

test("an author that is no device at all is nobody", async () => {
  const t = deployment();
  const told = await conflictOn("a.json", "lost", { author: "not an id" });
  expect(await tell(t, await enrolled(t), told)).toEqual({ authors: [null] });
});

test("out of range is refused whole", async () => {
  const t = deployment();
  const winner = await enrolled(t);
  const bad = [
    [await conflictOn("../a.json", "x")],
    [await conflictOn("a.json", "x", { digest: "d".repeat(64) })],
    [await conflictOn("a.json", "x", { revision: 0 })],
    [await conflictOn("a.json", "x".repeat(2 * 1024 * 1024 + 1))],
    Array.from({ length: 51 }, (_, revision) => ({ ...bare, revision: revision + 1 })),
  ];
  for (const conflicts of bad) {
    const refused = { data: { code: "invalid" } };
    await expect(tell(t, winner, ...conflicts)).rejects.toMatchObject(refused);
  }
  expect((await t.query(api.conflicts.list, winner.credentials)).rows).toEqual([]);
});

test("recording needs the scope `write`", async () => {
  const t = deployment();
  const { credentials } = await enrolled(t);
  await expect(
    t.mutation(api.sync.conflict, { ...credentials, token: "syncd_guess", conflicts: [] }),
  ).rejects.toMatchObject({ data: { code: "unauthorized" } });
});

const bare = await conflictOn("a.json", null);

describe("what was resolved", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  async function resolved() {
    vi.useFakeTimers();
    const t = deployment();
    const winner = await enrolled(t, "laptop");
    const open = await conflictOn("open.json", "lost, and nobody looked");
    const done = await conflictOn("done.json", "lost", { resolution: "mine" });
    await tell(t, winner, open, done);
    const forget = async () => {
      await t.mutation(internal.conflicts.forget, { after: 0 });
      await t.finishAllScheduledFunctions(vi.runAllTimers);
    };
    const paths = async () =>
      (await t.query(api.conflicts.list, winner.credentials)).rows.map(({ path }) => path);
    const losers = () => t.run(async ({ db }) => (await db.query("losers").take(99)).length);
    return { t, winner, open, done, forget, paths, losers };
  }

  const pass = (days: number) => vi.advanceTimersByTime(days * 24 * 3600 * 1000 + 1);

  test("goes after its time with what lost in it, and what is open stays", async () => {
    const { forget, paths, losers } = await resolved();
    pass(RESOLVED_DAYS - 1);
    await forget();
    expect(await paths()).toEqual(["done.json", "open.json"]);
    pass(1);
    await forget();
    expect([await paths(), await losers()]).toEqual([["open.json"], 1]);
    pass(1000);
    await forget();
    expect(await paths()).toEqual(["open.json"]);
  });

  test("counts from its resolution, told once or again, and not where that was undone", async () => {
    const { t, winner, open, done, forget, paths } = await resolved();
    pass(RESOLVED_DAYS - 1);
    await tell(t, winner, { ...open, resolution: "theirs" }, done);
    pass(1);
    await forget();
    expect(await paths()).toEqual(["open.json"]);
    await tell(t, winner, open);
    pass(RESOLVED_DAYS);
    await forget();
    expect(await paths()).toEqual(["open.json"]);
  });

  test("under earlier functions counts from the first look, however many they are", async () => {
    const { t, winner, done, forget, paths } = await resolved();
    const many = Array.from({ length: 3 * 49 }, (_, n) => ({ ...done, revision: 10 + n }));
    for (let n = 0; n < many.length; n += 49) await tell(t, winner, ...many.slice(n, n + 49));
    await t.run(async ({ db }) => {
      for (const { _id } of await db.query("conflicts").take(999)) {
        await db.patch("conflicts", _id, { resolvedAt: undefined });
      }
    });
    pass(1000);
    await forget();
    expect(await paths()).toHaveLength(50);
    expect((await t.run(({ db }) => db.query("conflicts").take(999))).length).toBe(3 * 49 + 2);
    pass(RESOLVED_DAYS);
    await forget();
    expect(await paths()).toEqual(["open.json"]);
  });

  test("goes in steps that a transaction can take", async () => {
    const { t, winner, forget, paths } = await resolved();
    const text = "x".repeat(EXPIRED_LENGTH);
    for (const path of ["a", "b", "c"]) {
      await tell(t, winner, await conflictOn(path, text, { resolution: "mine" }));
    }
    pass(RESOLVED_DAYS);
    await t.mutation(internal.conflicts.forget, { after: 0 });
    expect((await paths()).length).toBeGreaterThan(1);
    await forget();
    expect(await paths()).toEqual(["open.json"]);
  });
});
