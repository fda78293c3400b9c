import { expect, test } from "vitest";
import { api } from "./_generated/api";
import { deployment, enrolled, operationOn } from "./fixture.test";

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
