/** A large text that changed a little travels as what changed, and is verified whole. */
import { describe, expect, test } from "vitest";
import { at, deployment, enrolled, operationOn } from "./fixture.test";
import { sha256, utf8 } from "./model/digest";
import {
  DELTA_BYTES,
  DELTA_LEAST,
  INLINE_BYTES,
  PIECE_BYTES,
  SPLICES,
  TEXT_BYTES,
} from "./model/limits";
import type { Splice } from "./model/splice";
import type { Expectation } from "./validators";

async function change(path: string, text: string, expected: Expectation, ...splices: Splice[]) {
  const bytes = utf8(text);
  const write = { digest: await sha256(bytes), size: bytes.length, splices };
  return operationOn(path, null, expected, { write });
}

const end = (former: string, text: string) => ({ at: utf8(former).length, drop: 0, text });

describe("a push of splices", () => {
  test.each([
    ["in the entry", "a €uro: ", 1],
    ["in one piece", "a €uro: ".repeat(INLINE_BYTES / 8), 1],
    ["in pieces", "é".repeat(PIECE_BYTES), 3],
  ])("changes a text that lies %s", async (_, former, grown) => {
    const t = deployment();
    const laptop = await enrolled(t, "laptop");
    await laptop.push(await operationOn("a.json", former));
    const before = await t.run((ctx) => ctx.db.query("pieces").take(10));
    const next = former + "more";
    const told = await change("a.json", next, await at(1, former), end(former, "more"));
    expect(await laptop.push(told)).toMatchObject([{ outcome: "applied", revision: 2 }]);
    expect(await laptop.fetch("a.json")).toMatchObject({ revision: 2, text: next });
    const after = await t.run((ctx) => ctx.db.query("pieces").take(10));
    expect(after.slice(0, -1)).toEqual(before.slice(0, after.length - 1));
    expect(after.length).toBeLessThanOrEqual(grown);
    expect(await laptop.push(told)).toMatchObject([{ outcome: "replayed", revision: 2 }]);
    expect(await laptop.fetch("a.json")).toMatchObject({ revision: 2, text: next });
  });

  test("is stale where others wrote, as any push is", async () => {
    const t = deployment();
    const [laptop, server] = [await enrolled(t, "laptop"), await enrolled(t, "server")];
    await laptop.push(await operationOn("a.json", "one"));
    await server.push(await operationOn("a.json", "two", await at(1, "one")));
    const told = await change("a.json", "one more", await at(1, "one"), end("one", " more"));
    expect(await laptop.push(told)).toMatchObject([{ outcome: "stale", current: { revision: 2 } }]);
  });

  test.each([
    ["lead to another text", "one more", end("one", " else")],
    ["do not fit", "one more", { at: 4, drop: 0, text: " more" }],
    ["lead to another size", "one more", end("one", "")],
  ])("is asked for whole where splices %s, and nothing was changed", async (_, text, splice) => {
    const laptop = await enrolled(deployment(), "laptop");
    await laptop.push(await operationOn("a.json", "oneé"));
    const told = await change("a.json", text, await at(1, "oneé"), splice);
    const good = await operationOn("b.json", "b");
    expect(await laptop.push(told, good)).toMatchObject([
      { outcome: "refused", reason: "send-whole" },
      { outcome: "applied", revision: 1 },
    ]);
    expect(await laptop.fetch("a.json")).toMatchObject({ revision: 1, text: "oneé" });
    const whole = await operationOn("a.json", text, await at(1, "oneé"), {
      operation: told.operation,
    });
    expect(await laptop.push(whole)).toMatchObject([{ outcome: "applied", revision: 2 }]);
  });

  test("is asked for whole where splices leave half a code point", async () => {
    const laptop = await enrolled(deployment(), "laptop");
    await laptop.push(await operationOn("a.json", "é"));
    const write = {
      digest: await sha256(new Uint8Array([0xc3])),
      size: 1,
      splices: [{ at: 1, drop: 1, text: "" }],
    };
    const told = await operationOn("a.json", null, await at(1, "é"), { write });
    expect(await laptop.push(told)).toMatchObject([{ reason: "send-whole" }]);
  });

  test("is asked for whole where there is no text", async () => {
    const laptop = await enrolled(deployment(), "laptop");
    const never = await change("a.json", "x", { revision: 0, digest: null }, end("", "x"));
    expect(await laptop.push(never)).toMatchObject([{ reason: "send-whole" }]);
    await laptop.push(await operationOn("a.json", "one"));
    await laptop.push(await operationOn("a.json", null, await at(1, "one")));
    const dead = await change("a.json", "x", await at(2, null), end("", "x"));
    expect(await laptop.push(dead)).toMatchObject([{ reason: "send-whole" }]);
  });

  test("is bounded in the text it leads to, and in its splices", async () => {
    const laptop = await enrolled(deployment(), "laptop");
    const former = "x".repeat(TEXT_BYTES);
    await laptop.push(await operationOn("a.json", former));
    const longer = await change("a.json", former + "y", await at(1, former), end(former, "y"));
    const many = Array.from({ length: SPLICES + 1 }, () => ({ at: 0, drop: 0, text: "" }));
    const more = await change("a.json", former, await at(1, former), ...many);
    expect(await laptop.push(longer, more)).toMatchObject([
      { outcome: "refused", reason: "too-large" },
      { outcome: "refused", reason: "send-whole" },
    ]);
  });
});

describe("what others are told of it", () => {
  const long = "x".repeat(100_000);

  async function changed(added: string, former = long) {
    const t = deployment();
    const [laptop, server] = [await enrolled(t, "laptop"), await enrolled(t, "server")];
    await laptop.push(await operationOn("a.json", former));
    const { cursor } = await server.changes();
    const next = former + added;
    await laptop.push(await change("a.json", next, await at(1, former), end(former, added)));
    const told = async () => (await server.changes(cursor)).changes;
    return { t, laptop, server, next, told, cursor };
  }

  test("is the change, and whoever asks for the text gets it", async () => {
    const { laptop, server, next, told, cursor } = await changed("more");
    const { digest } = await at(1, long);
    const delta = { base: digest, splices: [end(long, "more")] };
    expect(await told()).toMatchObject([{ revision: 2, text: null, delta }]);
    expect(await server.fetch("a.json")).toMatchObject({ text: next });
    expect((await laptop.changes(cursor)).changes[0]).not.toHaveProperty("delta");
  });

  test("is the text where the change is long", async () => {
    const { next, told } = await changed("y".repeat(DELTA_BYTES));
    const [news] = await told();
    expect(news).toMatchObject({ text: next });
    expect(news).not.toHaveProperty("delta");
  });

  test("is the text where that is short", async () => {
    const { next, told } = await changed("more", "x".repeat(DELTA_LEAST - 5));
    const [news] = await told();
    expect(news).toMatchObject({ text: next });
    expect(news).not.toHaveProperty("delta");
    const longer = await changed("more", "x".repeat(DELTA_LEAST - 4));
    expect((await longer.told())[0]).toHaveProperty("delta");
  });

  test("is only ever the change that led to this text", async () => {
    const { laptop, next, told } = await changed("more");
    const whole = await operationOn("a.json", long, await at(2, next));
    await laptop.push(whole);
    expect((await told())[0]).toMatchObject({ revision: 3, text: long });
    expect((await told())[0]).not.toHaveProperty("delta");
  });

  test("is nothing of a change that was made before a move or a deletion", async () => {
    const { t, laptop, told, next } = await changed("more");
    const target = { operation: "f".repeat(32), expect: { revision: 0, digest: null } };
    const moved = { movedTo: "b.json", target };
    await laptop.push(await operationOn("a.json", null, await at(2, next), moved));
    for (const news of await told()) expect(news).not.toHaveProperty("delta");
    expect(await told()).toMatchObject([{ path: "a.json" }, { path: "b.json", deleted: false }]);
    await laptop.push(await operationOn("b.json", null, await at(1, next)));
    for (const news of await told()) expect(news).not.toHaveProperty("delta");
    const kept = await t.run(({ db }) => db.query("entries").take(9));
    for (const tombstone of kept) expect(tombstone).not.toHaveProperty("delta");
  });
});
