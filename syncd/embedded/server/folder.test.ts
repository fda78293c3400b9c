/** What is kept of a deployment beside its rows. */
import assert from "node:assert/strict";
import { linkSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { openFolder } from "./folder.ts";
import { Store } from "./store.ts";

const DAY_NS = 24n * 3600n * 1_000_000_000n;

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "folder-"));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

test("a key gets its name when it is whole, and stays", (t) => {
  const path = folder(t);
  // What a power cut left of an earlier start.
  writeFileSync(join(path, "admin_key"), "");
  linkSync(join(path, "admin_key"), join(path, "as it was"));
  const { adminKey } = openFolder(path);
  assert.equal(readFileSync(join(path, "as it was"), "utf8"), "");
  assert.equal(readFileSync(join(path, "admin_key"), "utf8"), `${adminKey}\n`);
  assert.equal(openFolder(path).adminKey, adminKey);
  assert.deepEqual(readdirSync(path).sort(), ["admin_key", "as it was", "instance_name"]);
});

test("answers that nobody asks for any more are forgotten while it runs", (t) => {
  const store = new Store(join(folder(t), "data.sqlite3"), { tables: [] } as never);
  t.after(() => store.close());
  const [first, second] = [0, 1].map((request) => ({ session: "s", request }));
  const commit = (ts: bigint, name: typeof first | null) => {
    store.begin();
    store.commit({ result: "null", ts }, name!);
  };
  const began = store.nextTs();
  commit(began, first!);
  commit(began + 13n * DAY_NS, second!);
  assert.notEqual(store.recall(first!), null);
  commit(began + 15n * DAY_NS, { session: "t", request: 0 });
  assert.equal(store.recall(first!), null);
  assert.notEqual(store.recall(second!), null);
});
