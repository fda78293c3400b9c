import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { api, internal } from "./_generated/api";
import type { Id } from "./_generated/dataModel";
import {
  deployment,
  enrolled,
  never,
  operationOn,
  type Deployment,
  type Enrolled,
} from "./fixture.test";
import { sha256 } from "./model/digest";
import type { Expectation, Operation } from "./validators";

const DAY = 24 * 3600 * 1000;
const OURS = "application/octet-stream; syncd=payload";

let t: Deployment;
let laptop: Enrolled;

beforeEach(async () => {
  vi.useFakeTimers();
  t = deployment();
  laptop = await enrolled(t);
});

afterEach(() => {
  vi.useRealTimers();
});

function bytes(...values: number[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(values);
}

/** As an upload does; convex-test itself keeps no content type. */
async function upload(content: Uint8Array<ArrayBuffer>, contentType?: string) {
  return t.run(async (ctx) => {
    const id = await ctx.storage.store(new Blob([content]));
    await ctx.db.patch(
      "_storage" as never,
      id as never,
      { contentType: contentType ?? OURS } as never,
    );
    return id;
  });
}

async function commit(content: Uint8Array<ArrayBuffer>, storageId: Id<"_storage">, as = laptop) {
  const claim = { digest: await sha256(content), size: content.length, storageId };
  return (await t.mutation(api.blobs.commit, { ...as.credentials, ...claim })).refusal;
}

async function stored(
  path: string,
  content: Uint8Array<ArrayBuffer>,
  expected: Expectation = never,
): Promise<Operation> {
  const write = { digest: await sha256(content), size: content.length, stored: true } as const;
  const rest = { kind: "file", format: "bytes", write } as const;
  return operationOn(path, null, expected, rest);
}

/** Uploads, commits and pushes. */
async function put(path: string, content: Uint8Array<ArrayBuffer>, expected = never) {
  expect(await commit(content, await upload(content))).toBeNull();
  return (await laptop.push(await stored(path, content, expected)))[0];
}

async function files() {
  return t.run((ctx) => ctx.db.system.query("_storage").take(1000));
}

async function blobs() {
  return t.run((ctx) => ctx.db.query("blobs").take(1000));
}

/** Lets days pass with their crons. */
async function live(days: number) {
  for (let day = 0; day < days; day += 1) {
    vi.setSystemTime(Date.now() + DAY);
    await t.mutation(internal.blobs.collect, { after: 0 });
    await t.mutation(internal.blobs.sweep, {});
    await t.finishAllScheduledFunctions(vi.runAllTimers);
  }
}

async function hello() {
  const args = { protocol: 1, ledger: "l", start: 1, cursor: null, witnesses: [] };
  await t.mutation(api.sync.hello, { ...laptop.credentials, ...args });
}

describe("an upload", () => {
  test("is asked for while its content is not here, and kept once for each workspace", async () => {
    const content = bytes(1, 2, 3);
    const digest = await sha256(content);
    const asked = { ...laptop.credentials, digests: [digest, digest] };
    expect(await t.query(api.blobs.missing, asked)).toEqual({ missing: [digest] });
    const { url } = await t.mutation(api.blobs.begin, { ...laptop.credentials, digest });
    expect(url).toMatch(/^https:.*\/api\/storage\/upload\?token=/);
    const storageId = await upload(content);
    expect(await commit(content, storageId)).toBeNull();
    expect(await commit(content, storageId)).toBeNull();
    expect(await t.query(api.blobs.missing, asked)).toEqual({ missing: [] });
    expect(await t.mutation(api.blobs.begin, { ...laptop.credentials, digest })).toEqual({
      url: null,
    });
    const other = await enrolled(t, "desk", "another");
    const there = { ...other.credentials, digests: [digest] };
    expect(await t.query(api.blobs.missing, there)).toEqual({ missing: [digest] });
  });

  test("of what is here already is deleted", async () => {
    const content = bytes(9);
    const first = await upload(content);
    expect(await commit(content, first)).toBeNull();
    const second = await upload(content);
    expect(await commit(content, second)).toBeNull();
    expect(await commit(content, second), "told again").toBeNull();
    expect((await files()).map((file) => file._id)).toEqual([first]);
    expect(await blobs()).toHaveLength(1);
  });

  test("is asked for again where file storage lost it, and heals what names it", async () => {
    const content = bytes(8);
    expect(await put("logo.png", content)).toMatchObject({ outcome: "applied" });
    await t.run(async (ctx) => {
      for (const { _id } of await ctx.db.system.query("_storage").take(9)) await ctx.storage.delete(_id);
    });
    const digest = await sha256(content);
    const asked = { ...laptop.credentials, digests: [digest] };
    expect(await t.query(api.blobs.missing, asked)).toEqual({ missing: [digest] });
    const again = await stored("again.png", content);
    expect(await laptop.push(again)).toMatchObject([{ reason: "missing-blob" }]);
    const begun = await t.mutation(api.blobs.begin, { ...laptop.credentials, digest });
    expect(begun.url).not.toBeNull();
    expect(await laptop.fetch("logo.png")).toMatchObject({ url: null });
    expect(await commit(content, await upload(content))).toBeNull();
    expect(await laptop.push(again)).toMatchObject([{ outcome: "applied" }]);
    expect(await laptop.fetch("logo.png")).toMatchObject({ url: expect.any(String) as string });
    expect(await blobs()).toHaveLength(1);
  });

  test("that is not what is claimed is refused and deleted", async () => {
    const storageId = await upload(bytes(1, 2));
    expect(await commit(bytes(1, 3), storageId)).toMatchObject({ reason: "digest-mismatch" });
    expect(await files()).toEqual([]);
    expect(await commit(bytes(1, 2), storageId)).toMatchObject({ reason: "no-such-upload" });
    const digest = await sha256(bytes(7));
    const short = { digest, size: 2, storageId: await upload(bytes(7)) };
    const answer = await t.mutation(api.blobs.commit, { ...laptop.credentials, ...short });
    expect(answer.refusal).toMatchObject({ reason: "digest-mismatch" });
    expect(await blobs()).toEqual([]);
  });

  test("of somebody else is neither taken nor deleted", async () => {
    const photo = await upload(bytes(1), "image/png");
    expect(await commit(bytes(1), photo)).toMatchObject({ reason: "not-an-upload" });
    expect(await commit(bytes(2), photo)).toMatchObject({ reason: "not-an-upload" });
    const ours = await upload(bytes(3));
    expect(await commit(bytes(3), ours)).toBeNull();
    const other = await enrolled(t, "desk", "another");
    expect(await commit(bytes(3), ours, other)).toMatchObject({ reason: "not-an-upload" });
    expect(await files()).toHaveLength(2);
  });

  test("takes a digest in hex, as older platforms tell it", async () => {
    const storageId = await upload(bytes(5));
    const sha = await sha256(bytes(5));
    await t.run((ctx) =>
      ctx.db.patch("_storage" as never, storageId as never, { sha256: sha } as never),
    );
    expect(await commit(bytes(5), storageId)).toBeNull();
  });
});

describe("a stored entry", () => {
  test("is pushed once its content is here, and heard without it", async () => {
    const content = bytes(0, 255, 254);
    const digest = await sha256(content);
    const operation = await stored("logo.png", content);
    expect((await laptop.push(operation))[0]).toMatchObject({
      outcome: "refused",
      reason: "missing-blob",
    });
    expect(await put("logo.png", content)).toMatchObject({ outcome: "applied", revision: 1 });
    const { changes } = await laptop.changes();
    expect(changes[0]).toMatchObject({
      digest,
      size: 3,
      stored: true,
      text: null,
      format: "bytes",
    });
    const fetched = await laptop.fetch("logo.png");
    expect(fetched).toMatchObject({ digest, stored: true, text: null });
    expect(fetched?.url).toMatch(/^https:.*\/api\/storage\//);
    const url = await t.query(api.blobs.url, { ...laptop.credentials, digest });
    expect(url).toEqual({ url: fetched?.url });
  });

  test("is refused with another size than its content has", async () => {
    await put("a.bin", bytes(1));
    const operation = await stored("b.bin", bytes(1));
    const wrong = { ...operation, write: { ...operation.write, size: 2 } } as Operation;
    expect((await laptop.push(wrong))[0]).toMatchObject({ reason: "size-mismatch" });
  });

  test("has a row without columns of its content, and turns into text and back", async () => {
    await put("big.json", bytes(1));
    const digest = await sha256(bytes(1));
    const get = { ...laptop.credentials, store: "flows", path: "big.json" };
    const row = await t.query(api.documents.get, get);
    expect(row).toMatchObject({ flags: ["stored"], digest, text: null, valueFlag: "stored" });
    expect(row?.url).toMatch(/^https:/);
    const text = await operationOn("big.json", "{}", { revision: 1, digest }, { kind: "document" });
    await laptop.push(text);
    expect(await t.query(api.documents.get, get)).toMatchObject({
      flags: [],
      text: "{}",
      url: null,
    });
    expect((await laptop.fetch("big.json"))?.stored).toBe(false);
    const back = { revision: 2, digest: await sha256(new TextEncoder().encode("{}")) };
    expect(await put("big.json", bytes(2), back)).toMatchObject({ outcome: "applied" });
    expect(await laptop.fetch("big.json")).toMatchObject({ stored: true, text: null });
    const gone = { revision: 3, digest: await sha256(bytes(2)) };
    await laptop.push(await operationOn("big.json", null, gone));
    expect(await laptop.fetch("big.json")).toMatchObject({
      stored: false,
      deleted: true,
      url: null,
    });
  });

  test("of a workflow is listed by its file's name", async () => {
    await put("flow.json", bytes(4));
    const operation = await stored("flow.json", bytes(4), {
      revision: 1,
      digest: await sha256(bytes(4)),
    });
    await laptop.push({ ...operation, kind: "workflow", format: "json" });
    const { rows } = await t.query(api.workflows.list, laptop.credentials);
    expect(rows[0]).toMatchObject({ recordId: "flow", flags: ["id-from-name", "stored"] });
  });
});

test("a move takes a stored entry's content and row with it", async () => {
  const content = bytes(0, 255);
  await put("a.png", content);
  const rows = () => t.run((ctx) => ctx.db.query("documents").take(10));
  const [before] = await rows();
  const digest = await sha256(content);
  const move = await operationOn("a.png", null, { revision: 1, digest }, {
    kind: "file",
    format: "bytes",
    movedTo: "b.png",
    target: { operation: "1".repeat(32), expect: never },
  });
  expect(await laptop.push(move)).toMatchObject([{ outcome: "applied" }, { outcome: "applied" }]);
  expect(await laptop.fetch("b.png")).toMatchObject({ digest, text: null, stored: true });
  expect(await laptop.fetch("a.png")).toMatchObject({ deleted: true });
  expect(await rows()).toMatchObject([{ _id: before?._id, path: "b.png" }]);
  const entries = await t.run((ctx) => ctx.db.query("entries").take(10));
  expect(entries.map((entry) => entry.blob !== undefined)).toEqual([false, true]);
});

describe("what nothing needs", () => {
  test("goes after a grace, and not while an entry or a conflict names it", async () => {
    await hello();
    await put("a.bin", bytes(1));
    await put("b.bin", bytes(1));
    await put("a.bin", bytes(2), { revision: 1, digest: await sha256(bytes(1)) });
    await commit(bytes(3), await upload(bytes(3)));
    const lost = await sha256(bytes(3));
    await t.mutation(api.sync.conflict, {
      ...laptop.credentials,
      conflicts: [
        {
          ...{ store: "flows", path: "a.bin", record: "", base: null, local: null, revision: 1 },
          ...{ digest: lost, author: null, text: null, since: 0, resolution: null },
        },
      ],
    });
    await live(40);
    expect(await blobs()).toHaveLength(3);
    const listed = await t.query(api.conflicts.list, laptop.credentials);
    const conflict = listed.rows[0]?._id as Id<"conflicts">;
    const told = await t.query(api.conflicts.get, { ...laptop.credentials, conflict });
    expect(told).toMatchObject({ text: null, url: expect.stringMatching(/^https:/) as string });
    await put("b.bin", bytes(2), { revision: 1, digest: await sha256(bytes(1)) });
    await live(7);
    expect(await blobs()).toHaveLength(3);
    await live(10);
    expect((await blobs()).map((blob) => blob.digest)).not.toContain(await sha256(bytes(1)));
    expect(await blobs()).toHaveLength(2);
    expect(await files()).toHaveLength(2);
  });

  test("goes in bounded steps, however much it is", async () => {
    await hello();
    for (let at = 0; at < 230; at += 1) {
      const content = bytes(at, 1);
      await commit(content, await upload(content));
      vi.setSystemTime(Date.now() + 1);
    }
    await live(14);
    expect(await blobs()).toHaveLength(230);
    vi.setSystemTime(Date.now() + 2 * DAY);
    await t.mutation(internal.blobs.collect, { after: 0 });
    expect(await blobs()).toHaveLength(130);
    await t.finishAllScheduledFunctions(vi.runAllTimers);
    expect(await blobs()).toEqual([]);
    expect(await files()).toEqual([]);
  });

  test("is each of the uploads of one instant, wherever a step ends among them", async () => {
    await hello();
    // So late the milliseconds of a float64 are too coarse to tell two inserts apart.
    vi.setSystemTime(2 ** 45);
    for (let at = 0; at < 70; at += 1) await upload(bytes(at));
    vi.setSystemTime(Date.now() + 1);
    for (let at = 0; at < 70; at += 1) await upload(bytes(at, 1));
    expect(new Set((await files()).map((file) => file._creationTime)).size).toBe(2);
    vi.setSystemTime(Date.now() + 1);
    await live(1);
    expect(await files()).toEqual([]);
  });

  test("is an upload that was never committed, and no file of others", async () => {
    await hello();
    const photo = await upload(bytes(1), "image/png");
    await upload(bytes(2));
    await put("a.bin", bytes(3));
    await live(1);
    expect(await files()).toHaveLength(3);
    await live(1);
    expect((await files()).map((file) => file._id)).toContain(photo);
    expect(await files()).toHaveLength(2);
  });
});
