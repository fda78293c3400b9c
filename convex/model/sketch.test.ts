import fc from "fast-check";
import { expect, test } from "vitest";
import {
  addEncoded,
  bucketOf,
  encodeSketch,
  MOST_BUCKETS,
  quantiles,
  RELATIVE_ERROR,
  tally,
  type Sketch,
} from "./sketch";

const value = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer({ min: -50, max: 50 }),
);
const values = fc.array(value, { minLength: 1, maxLength: 60 });

function sketchOf(values: number[]): Sketch {
  const sketch: Sketch = new Map();
  for (const value of values) tally(sketch, bucketOf(value));
  return sketch;
}

test("a percentile is within the error of the value of its rank", () => {
  fc.assert(
    fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
      const sorted = [...values].sort((one, other) => one - other);
      const exact = sorted[Math.floor(q * (sorted.length - 1))] ?? NaN;
      const [found = NaN] = quantiles(sketchOf(values), [q]);
      // The smallest float64 have no relative precision of their own.
      const slack = Math.abs(exact) * (RELATIVE_ERROR + 1e-9) + 1e-307;
      expect(Math.abs(found - exact)).toBeLessThanOrEqual(slack);
    }),
  );
});

test("several percentiles are those that each is by itself", () => {
  const qs = [0, 0.5, 0.5, 0.9, 0.99, 1];
  fc.assert(
    fc.property(values, (values) => {
      const sketch = sketchOf(values);
      expect(quantiles(sketch, qs)).toEqual(qs.flatMap((q) => quantiles(sketch, [q])));
    }),
  );
  expect(quantiles(new Map(), qs)).toEqual([]);
});

test("merging encoded parts, in any order, equals the sketch of the whole", () => {
  fc.assert(
    fc.property(values, values, (some, others) => {
      const merged: Sketch = new Map();
      for (const part of [others, some]) addEncoded(merged, encodeSketch(sketchOf(part)));
      const whole = sketchOf([...some, ...others]);
      expect(new Uint8Array(encodeSketch(merged))).toEqual(new Uint8Array(encodeSketch(whole)));
    }),
  );
});

test("beyond the most buckets the smallest magnitudes share one, and no count is lost", () => {
  const values = Array.from({ length: 3 * MOST_BUCKETS }, (_, at) => 1.05 ** (at - MOST_BUCKETS));
  const kept: Sketch = new Map();
  addEncoded(kept, encodeSketch(sketchOf(values)));
  expect(kept.size).toBe(MOST_BUCKETS);
  expect([...kept.values()].reduce((sum, count) => sum + count)).toBe(values.length);
  const exact = values[Math.floor(0.9 * (values.length - 1))] ?? NaN;
  const [found] = quantiles(kept, [0.9]);
  expect(found).toBeGreaterThan(exact * (1 - RELATIVE_ERROR) * 0.999);
  expect(found).toBeLessThan(exact * (1 + RELATIVE_ERROR) * 1.001);
});

test("counts above 2^32 survive", () => {
  const sketch: Sketch = new Map([[bucketOf(5), 2 ** 45]]);
  const read: Sketch = new Map();
  addEncoded(read, encodeSketch(sketch));
  expect(read).toEqual(sketch);
});

test("what is no sketch is told", () => {
  expect(() => addEncoded(new Map(), Uint8Array.of(200).buffer)).toThrow(RangeError);
});
