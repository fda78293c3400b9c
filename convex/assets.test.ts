import { convexTest } from "convex-test";
import { afterEach, expect, test, vi } from "vitest";
import { api } from "./_generated/api";
import { deployment, enrolled, modules, operationOn } from "./fixture.test";
import * as limits from "./model/limits";
import schema from "./schema";

vi.mock("./model/limits", async (load) => ({ ...(await load<typeof limits>()) }));

const { SEARCHED_LENGTH } = limits;

afterEach(() => Object.assign(limits, { SEARCHED_LENGTH }));

test("assets are found by words, with all of the tags, in a category", async () => {
  const t = deployment();
  const laptop = await enrolled(t);
  const files: [string, object][] = [
    [
      "ui/button.json",
      { id: "b", name: "Round button", tags: ["ui", "new"], content: "<b> click </b>" },
    ],
    ["ui/bar.json", { id: "r", name: "Tool bar", tags: ["ui"], description: "of buttons" }],
    [
      "mail/hello.json",
      { id: "h", name: "Hello", tags: ["new"], content: { body: "press the button now" } },
    ],
  ];
  for (const [path, value] of files) {
    const asset = { store: "library", kind: "asset" } as const;
    await laptop.push(await operationOn(path, JSON.stringify(value), undefined, asset));
  }
  const ids = async (args: object) => {
    const { rows } = await t.query(api.assets.search, { ...laptop.credentials, ...args });
    return rows
      .map((row) => row.id)
      .sort()
      .join("");
  };
  expect(await ids({ query: "button" })).toBe("bhr");
  expect(await ids({ query: "click" })).toBe("b");
  expect(await ids({ query: "button", category: "ui" })).toBe("br");
  expect(await ids({ query: "button", tags: ["ui", "new"] })).toBe("b");
  expect(await ids({ query: "hello nothing" })).toBe("h");
  expect(await ids({ query: "button", limit: 2 })).toHaveLength(2);
  expect(await ids({ tags: ["new"] })).toBe("bh");
  expect(await ids({ category: "ui", query: "  " })).toBe("br");
  expect(await ids({ query: Array(40).fill("button").join(" ") })).toBe("bhr");
  const found = await t.query(api.assets.search, { ...laptop.credentials, query: "click" });
  expect(found.rows[0]).not.toHaveProperty("searchText");
  await expect(ids({ limit: 0 })).rejects.toMatchObject({ data: { code: "invalid" } });
});

test.each([{ query: "button" }, { tags: ["ui"] }])(
  "a search looks at fewer assets where they are long: %j",
  async (asked) => {
    const t = deployment();
    const laptop = await enrolled(t);
    const asset = { store: "library", kind: "asset" } as const;
    for (const path of ["a.json", "b.json", "c.json"]) {
      const text = JSON.stringify({ name: "button", content: "x".repeat(500), tags: ["ui"] });
      await laptop.push(await operationOn(path, text, undefined, asset));
    }
    const search = async () =>
      (await t.query(api.assets.search, { ...laptop.credentials, ...asked })).rows.length;
    expect(await search()).toBe(3);
    Object.assign(limits, { SEARCHED_LENGTH: 1000 });
    expect(await search()).toBe(2);
  },
);

test("a search stays within what one call may read, whatever is long in the assets", async () => {
  const t = convexTest({ schema, modules, transactionLimits: true });
  const { credentials, push } = await enrolled(t);
  await push(await operationOn("a.json", "{}"));
  const [entry] = await t.run(({ db }) => db.query("entries").take(1));
  if (entry === undefined) throw new Error("what was pushed is there");
  const long = "字".repeat(300);
  const named = { recordId: long, name: long, type: long, author: long, version: long, status: long };
  const source = { entry: entry._id, store: "library", record: "", revision: 1, digest: "", flags: [] };
  for (let path = 0; path < 1000; path += 250) {
    await t.run(async ({ db }) => {
      for (let at = path; at < path + 250; at += 1) {
        const row = { ...source, ...named, workspace: "team", path: String(at), tags: [] };
        await db.insert("assets", { ...row, category: long, searchText: "字".repeat(4000) });
      }
    });
  }
  const { rows } = await t.query(api.assets.search, { ...credentials, status: "none" });
  expect(rows).toEqual([]);
});

test("assets are listed by path, by category and by type, and found by id", async () => {
  const t = deployment();
  const laptop = await enrolled(t);
  const files: [string, string][] = [
    ["ui/button.json", '{"id":"b","type":"component"}'],
    ["ui/blue.json", '{"id":"t","type":"theme","category":"other"}'],
    ["mail/welcome.json", '{"id":"w","type":"component"}'],
  ];
  for (const [path, text] of files) {
    const asset = { store: "library", kind: "asset" } as const;
    await laptop.push(await operationOn(path, text, undefined, asset));
  }
  const ids = async (args: object) => {
    const { rows } = await t.query(api.assets.list, { ...laptop.credentials, ...args });
    return rows.map((row) => row.recordId).join("");
  };
  expect(await ids({})).toBe("wtb");
  expect(await ids({ category: "ui" })).toBe("tb");
  expect(await ids({ category: "other" })).toBe("");
  expect(await ids({ type: "component" })).toBe("wb");
  expect(await ids({ category: "ui", type: "component" })).toBe("b");
  const found = await t.query(api.assets.get, { ...laptop.credentials, id: "t" });
  expect(found).toMatchObject({ category: "ui", value: { category: "other" } });
});
