/** What a transaction reads of its own writes, though SQLite does not have all of them yet. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { Random } from "../differential/random.ts";
import { covers } from "./catalog.ts";
import { after, encodeKey, justAfter } from "./keys.ts";
import { Stream, type RangeExpression } from "./query.ts";
import { Store } from "./store.ts";
import { Transaction } from "./transaction.ts";
import { base64OfInteger, type Encoded, type EncodedObject } from "./values.ts";

const SCHEMA = {
  tables: [
    {
      tableName: "stamps",
      indexes: [
        { indexDescriptor: "by_at", fields: ["at"] },
        { indexDescriptor: "by_name", fields: ["name"] },
        { indexDescriptor: "by_group_and_at", fields: ["group", "at"] },
      ],
      documentType: { type: "any" } as const,
    },
  ],
  schemaValidation: true,
};

const COMMIT_TS = { $commitTs: null };
const LARGEST = { $integer: base64OfInteger(2n ** 63n - 1n) };

function open(t: TestContext): Store {
  const folder = mkdtempSync(join(tmpdir(), "writes-"));
  const store = new Store(join(folder, "data.sqlite3"), SCHEMA);
  t.after(() => {
    store.close();
    rmSync(folder, { recursive: true });
  });
  return store;
}

/** One side of a comparison. `isEager` has SQLite have everything after each step. */
class Side {
  readonly store: Store;
  readonly #isEager: boolean;
  readonly #ids: string[] = [];
  #tx: Transaction | null = null;

  constructor(store: Store, isEager: boolean) {
    this.store = store;
    this.#isEager = isEager;
  }

  /** What `count` random steps answer. */
  async run(random: Random, count: number, depth = 0): Promise<unknown[]> {
    const said: unknown[] = [];
    for (let step = 0; step < count; step += 1) {
      said.push(await this.#step(random, depth));
      if (this.#isEager) this.#tx?.reveal();
    }
    return said;
  }

  commit(): void {
    this.#tx?.commit("null", null);
    this.#tx = null;
  }

  #step(random: Random, depth: number): unknown {
    const tx = (this.#tx ??= new Transaction(this.store, "mutation"));
    const id = this.#ids.length === 0 ? null : random.pick(this.#ids);
    const is = random.below(depth === 0 ? 9 : 8);
    if (is < 3 || id === null) return void this.#ids.push(tx.insert("stamps", stamp(random)));
    if (is === 3) return attempt(() => plain(tx.patch(id, stamp(random))));
    if (is === 4) return attempt(() => plain(tx.remove(id)));
    if (is === 5) return plain(tx.get(id));
    if (is < 8) return scan(tx, random);
    return this.#nested(tx, random, depth);
  }

  async #nested(tx: Transaction, random: Random, depth: number): Promise<unknown> {
    const known = this.#ids.length;
    const fails = random.below(2) === 0;
    const count = random.below(6);
    let said: unknown;
    await tx
      .nested(async () => {
        said = await this.run(random, count, depth + 1);
        if (fails) throw new Error("undone");
      })
      .catch(() => (this.#ids.length = known));
    return said;
  }
}

function stamp(random: Random): EncodedObject {
  const at = random.pick<Encoded>([COMMIT_TS, COMMIT_TS, { $integer: base64OfInteger(7n) }, 1]);
  return { name: random.pick(["a", "b", "c"]), group: random.below(2), at };
}

function attempt(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return (error as Error).name;
  }
}

/** What two sides agree on: their ids, and their times, are their own. */
function plain(json: string | null): unknown {
  if (json === null) return null;
  const { name, group, at } = JSON.parse(json) as EncodedObject;
  const isOpen = JSON.stringify(at) === JSON.stringify(COMMIT_TS);
  const isSmall = JSON.stringify(at) === JSON.stringify({ $integer: base64OfInteger(7n) });
  return { name, group, at: isOpen ? "open" : isSmall || typeof at === "number" ? at : "past" };
}

function scan(tx: Transaction, random: Random): unknown {
  const eq = (fieldPath: string, value: Encoded): RangeExpression => ({
    type: "Eq",
    fieldPath,
    value,
  });
  const range = random.pick<[string, RangeExpression[]]>([
    ["by_at", []],
    ["by_at", [{ type: "Lt", fieldPath: "at", value: LARGEST }]],
    ["by_name", [eq("name", random.pick(["a", "b", "c"]))]],
    ["by_group_and_at", [eq("group", random.below(2))]],
    ["by_creation_time", []],
  ]);
  const [indexName, expressions] = range;
  const order = random.pick(["asc", "desc"] as const);
  const source = {
    type: "IndexRange",
    indexName: `stamps.${indexName}`,
    range: expressions,
    order,
  } as const;
  const stream = new Stream(tx, { source, operators: [{ limit: 1 + random.below(4) }] });
  const found: unknown[] = [];
  for (let entry = stream.next(); entry !== null; entry = stream.next())
    found.push(plain(entry.json));
  return found;
}

/** Every index as it stands, without what differs between two sides. */
function contents(store: Store): unknown {
  const everything = { low: Buffer.of(), high: Buffer.of(0xff) };
  const { indexes } = store.tables.get("stamps")!;
  return Array.from(indexes.values(), (index) =>
    index.scan(everything, "asc", 1000).map(({ json, key }) => {
      assert.deepEqual(index.keyOf(JSON.parse(json) as EncodedObject), Buffer.from(key));
      return plain(json);
    }),
  );
}

test("reads see what waits for its timestamp, and SQLite has the same in the end", async (t) => {
  for (let seed = 1; seed <= 25; seed += 1) {
    const [waiting, eager] = [new Side(open(t), false), new Side(open(t), true)];
    const [left, right] = [new Random(seed), new Random(seed)];
    for (let transaction = 0; transaction < 3; transaction += 1) {
      assert.deepEqual(await waiting.run(left, 20), await eager.run(right, 20), `seed ${seed}`);
      waiting.commit();
      eager.commit();
      assert.deepEqual(contents(waiting.store), contents(eager.store), `seed ${seed}`);
    }
  }
});

test("the index by creation time finds what lies between any two bounds", (t) => {
  const store = open(t);
  const tx = new Transaction(store, "mutation");
  for (let count = 0; count < 30; count += 1) tx.insert("stamps", {});
  tx.commit("null", null);
  const index = store.tables.get("stamps")!.byCreationTime;
  const everything = { low: Buffer.of(), high: Buffer.of(0xff) };
  const all = index.scan(everything, "asc", 100);
  assert.equal(all.length, 30);
  const keys = all.slice(10, 20).map(({ key }) => key);
  const shorter = keys.map((key) => Buffer.from(key.subarray(0, 8)));
  const bounds = [...keys, ...keys.map(justAfter), ...keys.map(after), ...shorter];
  bounds.push(Buffer.of(), Buffer.of(0xff), encodeKey([null]), encodeKey(["text"]));
  bounds.push(encodeKey([0]), encodeKey([-1]), encodeKey([{ $float: "AAAAAAAA8H8=" }]));
  for (const low of bounds)
    for (const high of bounds) {
      const expected = all.filter(({ key }) => covers({ low, high }, key));
      assert.deepEqual(index.scan({ low, high }, "asc", 100), expected);
      assert.deepEqual(index.scan({ low, high }, "desc", 100), expected.reverse());
    }
});
