/** An application's own mutation that writes files' texts beside documents of its own. */
import { makeFunctionReference, mutationGeneric } from "convex/server";
import { convexTest } from "convex-test";
import { v } from "convex/values";
import { expect, test } from "vitest";
import type { MutationCtx } from "./_generated/server";
import { at, enrolled, modules } from "./fixture.test";
import schema from "./schema";
import { editEntry, removeEntry, writeEntry } from "./writer";

/** As an application would have it in a module of its own. */
const application = {
  save: mutationGeneric({
    args: {
      text: v.string(),
      expectedRevision: v.optional(v.number()),
      path: v.optional(v.string()),
    },
    returns: v.any(),
    handler: (ctx: MutationCtx, args) =>
      writeEntry(ctx, {
        workspace: "team",
        store: "notes",
        path: "a.json",
        kind: "document",
        ...args,
      }),
  }),
  finish: mutationGeneric({
    args: { fails: v.boolean() },
    returns: v.any(),
    handler: async (ctx: MutationCtx, { fails }) => {
      const place = { workspace: "team", store: "notes", path: "a.json" };
      const edited = await editEntry(ctx, { ...place, updates: { done: true } });
      if (fails) throw new Error("the application changed its mind");
      return edited;
    },
  }),
  drop: mutationGeneric({
    args: {},
    returns: v.any(),
    handler: (ctx: MutationCtx) =>
      removeEntry(ctx, { workspace: "team", store: "notes", path: "a.json", expectedRevision: 2 }),
  }),
};

async function world() {
  const t = convexTest(schema, { ...modules, "./application.ts": async () => application });
  const laptop = await enrolled(t);
  const call = (name: keyof typeof application, args: object) =>
    t.mutation(makeFunctionReference<"mutation">(`application:${name}`), args as never);
  const heard = async () => (await laptop.changes(null, ["notes"])).changes;
  return { t, laptop, call, heard };
}

test("writes, edits and deletes are heard as anybody's, and make rows", async () => {
  const { t, call, heard } = await world();
  const text = '{ "title": "T" }';
  expect(await call("save", { text })).toMatchObject({ outcome: "applied", revision: 1 });
  expect(await heard()).toMatchObject([{ text, kind: "document", format: "json", origin: null }]);
  expect(await t.run((ctx) => ctx.db.query("documents").first())).toMatchObject({ title: "T" });
  expect(await call("finish", { fails: false })).toMatchObject({ outcome: "applied", revision: 2 });
  const edited = '{ "title": "T", "done": true }';
  expect(await heard()).toMatchObject([{ ...(await at(2, edited)), text: edited }]);
  expect(await call("drop", {})).toMatchObject({ outcome: "applied", revision: 3 });
  expect(await heard()).toMatchObject([{ deleted: true, revision: 3 }]);
  expect(await call("finish", { fails: false })).toMatchObject({ outcome: "missing" });
});

test("nothing is left of a mutation that fails", async () => {
  const { call, heard } = await world();
  await call("save", { text: "{}" });
  await expect(call("finish", { fails: true })).rejects.toThrow("changed its mind");
  expect(await heard()).toMatchObject([{ revision: 1, text: "{}" }]);
});

test("an expected revision is compared, 0 with what was never there", async () => {
  const { call } = await world();
  expect(await call("save", { text: "1", expectedRevision: 1 })).toMatchObject({
    outcome: "stale",
    revision: 0,
  });
  await call("save", { text: "1", expectedRevision: 0 });
  expect(await call("save", { text: "2", expectedRevision: 0 })).toMatchObject({
    outcome: "stale",
    revision: 1,
  });
  expect(await call("drop", {})).toMatchObject({ outcome: "stale", revision: 1 });
});

test("what no push could write is refused", async () => {
  const { t, call } = await world();
  expect(await call("save", { text: "1", path: "../a" })).toMatchObject({ reason: "bad-path" });
  const unknown = await t.run((ctx) => writeEntry(ctx, { store: "x", path: "a", text: "" }));
  expect(unknown).toMatchObject({ outcome: "refused", reason: "no-store" });
});

test("a record among others has the id under which it is kept", async () => {
  const { t } = await world();
  const place = { workspace: "team", store: "sites", path: "d.json", record: "a" };
  const write = (text: string) =>
    t.run((ctx) => writeEntry(ctx, { ...place, kind: "deployment", text }));
  for (const text of ['{"id":"b"}', "{}", '{"id":1}', "1", "{"]) {
    expect(await write(text)).toMatchObject({ outcome: "refused", reason: "bad-id" });
  }
  expect(await write('{"id":"a"}')).toMatchObject({ outcome: "applied" });
  const renamed = await t.run((ctx) => editEntry(ctx, { ...place, updates: { id: "b" } }));
  expect(renamed).toMatchObject({ outcome: "refused", reason: "bad-id" });
});

test("what no file can hold or be called is refused in words, and nothing is written", async () => {
  const { call, heard } = await world();
  const half = "\ud83d";
  const save = (path: string, text = "{}") => call("save", { text, path });
  expect(await save("a.json", `{"a": "${half}"}`)).toMatchObject({ reason: "not-text" });
  expect(await save(`${half}.json`)).toMatchObject({ outcome: "refused", reason: "bad-path" });
  expect(await save(`a/${"é".repeat(128)}/b.json`)).toMatchObject({
    outcome: "refused",
    reason: "bad-path",
    detail: expect.stringContaining("255 bytes") as string,
  });
  expect(await heard()).toEqual([]);
  expect(await save(`a/${"é".repeat(127)}/b.json`)).toMatchObject({ outcome: "applied" });
});
