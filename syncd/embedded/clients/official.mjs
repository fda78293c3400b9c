/**
 * The official npm clients call the probe functions of tests/embedded: `official.mjs URL ADMIN_KEY
 * TAG`. Exits 0 when everything is as it must be.
 */
import assert from "node:assert/strict";
import { ConvexClient, ConvexHttpClient } from "convex/browser";
import { anyApi } from "convex/server";
import { ConvexError } from "convex/values";
import WebSocket from "ws";

const [url, adminKey, tag] = process.argv.slice(2);
const { things, platform, files } = anyApi;

const VALUES = [
  1.5,
  -0,
  NaN,
  Infinity,
  2n ** 63n - 1n,
  new Uint8Array([0, 255]).buffer,
  null,
  "é😀\u0000",
  { a: [] },
];

async function callEverything(client, tag) {
  assert.deepEqual(await client.query(things.echo, { value: VALUES }), VALUES);
  const thing = await client.mutation(things.insert, { tag, value: 7n });
  assert.equal((await client.query(things.get, { id: thing })).value, 7n);
  assert.deepEqual(await client.action(platform.act, { tag }), { secret: "told", count: 2 });
  const failing = client.mutation(things.failAfterWriting, { tag, data: { code: "no", n: 1n } });
  await assert.rejects(failing, (error) => {
    assert.ok(error instanceof ConvexError);
    assert.deepEqual(error.data, { code: "no", n: 1n });
    return true;
  });
  await assert.rejects(client.mutation(things.throwPlain, {}), /plain trouble/);
  await assert.rejects(client.query(platform.secret, {}), /Could not find public function/);
}

async function followChanges(client, tag) {
  const heard = [];
  let told = () => {};
  const stop = client.onUpdate(things.count, { tag }, (count) => {
    heard.push(count);
    told();
  });
  for (let wanted = 0; wanted < 3; wanted += 1) {
    while (!heard.includes(wanted)) await new Promise((resolve) => (told = resolve));
    await client.mutation(things.insert, { tag, value: wanted });
  }
  stop();
  assert.deepEqual(heard.slice(0, 3), [0, 1, 2]);
}

async function moveFiles(client) {
  const address = await client.mutation(files.uploadUrl, {});
  const body = new Blob(["é😀".repeat(50_000)], { type: "text/plain" });
  const answer = await fetch(address, { method: "POST", body });
  const { storageId } = await answer.json();
  const read = await fetch(await client.query(files.url, { file: storageId }));
  assert.equal(read.headers.get("content-type"), "text/plain");
  assert.equal(await read.text(), await body.text());
  await client.mutation(files.remove, { file: storageId });
  assert.equal(await client.query(files.url, { file: storageId }), null);
}

const http = new ConvexHttpClient(url, { logger: false });
await callEverything(http, `${tag} http`);
await moveFiles(http);
assert.equal(await http.consistentQuery(things.count, { tag: `${tag} http` }), 2);
http.setAdminAuth(adminKey);
assert.equal(await http.query(platform.secret, {}), "told");

const socket = new ConvexClient(url, { webSocketConstructor: WebSocket, logger: false });
await callEverything(socket, `${tag} socket`);
await followChanges(socket, `${tag} followed`);
await socket.close();
