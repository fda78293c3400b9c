/**
 * Properties of encodings against npm `convex`: order, size and the ranges of prefixes, on random
 * values.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  compareValues,
  convexToJson,
  getConvexSize,
  getDocumentSize,
  type Value,
} from "convex/values";
import { Random } from "../differential/random.ts";
import { makeId, parseId } from "./ids.ts";
import { after, encodeKey, justAfter } from "./keys.ts";
import { sizeOf, sizeOfDocument, type Encoded, type EncodedObject } from "./values.ts";

const FLOATS = [0, -0, 1, -1, 1.5, NaN, -NaN, Infinity, -Infinity, 5e-324, -5e-324, 2 ** 53, 1e308];
const INTEGERS = [0n, 1n, -1n, 255n, 256n, -256n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 32n];
const UNITS = ["", "\u0000", "\u0001", "a", "b", "é", "\uffff", "😀", "z".repeat(300)];
const NAMES = ["", "a", "aa", "b", "_c", "z z"];

function value(random: Random, depth: number): Value {
  const nested = () => value(random, depth - 1);
  const some = <T>(make: () => T) => Array.from({ length: random.below(3) }, make);
  const makers: (() => Value)[] = [
    () => random.pick([null, true, false]),
    () => random.pick(FLOATS),
    () => (random.next() - 0.5) * 2 ** random.below(80),
    () => random.pick(INTEGERS),
    () => some(() => random.pick(UNITS)).join(""),
    () => new Uint8Array(some(() => random.pick([0, 1, 254, 255]))).buffer,
    () => some(nested),
    () => Object.fromEntries(some(() => [random.pick(NAMES), nested()])),
  ];
  return random.pick(depth === 0 ? makers.slice(0, 6) : makers)();
}

const encode = (plain: Value) => convexToJson(plain) as Encoded;
const key = (...values: (Value | undefined)[]) =>
  encodeKey(values.map((each) => (each === undefined ? undefined : encode(each))));

test("keys sort as values do", () => {
  const random = new Random(1);
  for (let round = 0; round < 20_000; round += 1) {
    const [left, right] = [value(random, 2), random.chance(0.05) ? undefined : value(random, 2)];
    const order = Buffer.compare(key(left), key(right));
    assert.equal(order, Math.sign(compareValues(left, right)), `${String(left)} ${String(right)}`);
  }
});

test("a row of values sorts by the first that differs", () => {
  const random = new Random(2);
  for (let round = 0; round < 5_000; round += 1) {
    const [shared, left, right] = [value(random, 1), value(random, 1), value(random, 1)];
    const order = Buffer.compare(key(shared, left, 1), key(shared, right, 0));
    assert.equal(order, Math.sign(compareValues(left, right)) || 1);
  }
});

test("the keys from a prefix to the one after it are those that start with it", () => {
  const random = new Random(3);
  for (let round = 0; round < 10_000; round += 1) {
    const [wanted, found, rest] = [value(random, 1), value(random, 1), value(random, 1)];
    const [low, row] = [key(wanted), key(found, rest)];
    const inRange = Buffer.compare(low, row) <= 0 && Buffer.compare(row, after(low)) < 0;
    assert.equal(inRange, compareValues(wanted, found) === 0);
    assert.equal(Buffer.compare(row, justAfter(row)), -1);
  }
});

test("sizes are those of npm convex", () => {
  const random = new Random(4);
  for (let round = 0; round < 5_000; round += 1) {
    const plain = value(random, 3);
    assert.equal(sizeOf(encode(plain)), getConvexSize(plain));
  }
  const fields = { text: "é😀", list: [1n, 2, null] };
  const document = { _id: makeId(10_001, 1), _creationTime: 1.5, ...fields };
  assert.equal(sizeOfDocument(encode(document) as EncodedObject), getDocumentSize(fields));
});

test("ids say their table and row, and one wrong letter is noticed", () => {
  const random = new Random(5);
  for (let round = 0; round < 500; round += 1) {
    const parts = { table: 1 + random.below(20_000), row: random.below(2 ** 50) };
    const id = makeId(parts.table, parts.row);
    assert.deepEqual(parseId(id), parts);
    const at = random.below(id.length);
    const other = id.charAt(at) === "0" ? "1" : "0";
    assert.equal(parseId(id.slice(0, at) + other + id.slice(at + 1)), null);
  }
  for (const text of ["", "a", "1".repeat(31), "u".repeat(32), "é".repeat(32)])
    assert.equal(parseId(text), null);
});
