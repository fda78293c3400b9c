import { expect, test } from "vitest";
import { api } from "./_generated/api";
import { deployment, enrolled, operationOn } from "./fixture.test";

test("documents are found by their path and listed by store", async () => {
  const t = deployment();
  const laptop = await enrolled(t);
  const notes = { store: "notes", kind: "document" } as const;
  await laptop.push(
    await operationOn("b.json", '{"title":"B"}', undefined, notes),
    await operationOn("a.yaml", "title: A\n", undefined, { ...notes, format: "yaml" }),
    await operationOn("c.txt", "C", undefined, { store: "files", kind: "file", format: "text" }),
  );
  const paths = async (args: object) => {
    const { rows } = await t.query(api.documents.list, { ...laptop.credentials, ...args });
    return rows.map((row) => row.path);
  };
  expect(await paths({})).toEqual(["a.yaml", "b.json", "c.txt"]);
  expect(await paths({ store: "notes" })).toEqual(["a.yaml", "b.json"]);
  const get = (path: string) =>
    t.query(api.documents.get, { ...laptop.credentials, store: "notes", path });
  expect(await get("b.json")).toMatchObject({ title: "B", value: { title: "B" } });
  expect(await get("a.yaml")).toMatchObject({
    title: "A",
    valueType: "object",
    flags: [],
    text: "title: A\n",
    value: { title: "A" },
    valueFlag: null,
  });
  expect(await get("c.txt")).toBeNull();
});

test("of a records file the envelope is the document", async () => {
  const t = deployment();
  const laptop = await enrolled(t);
  const record = { store: "deploys", kind: "deployment", record: "1" } as const;
  const envelope = { store: "deploys", kind: "document" } as const;
  await laptop.push(
    await operationOn("d.json", '{"id":"1"}', undefined, record),
    await operationOn("d.json", '{"deployments":[]}', undefined, envelope),
  );
  const asked = { ...laptop.credentials, store: "deploys", path: "d.json" };
  expect(await t.query(api.documents.get, asked)).toMatchObject({ record: "" });
  expect((await t.query(api.documents.list, laptop.credentials)).rows).toHaveLength(1);
});
