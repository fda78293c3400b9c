import { convexToJson, type Value } from "convex/values";
import fc from "fast-check";
import { expect, test } from "vitest";
import { valueOf } from "./value";

test("gives the parsed value of JSON that Convex can return", () => {
  const text = '{"id":1,"_meta":{"":[null,true,"é"]}}';
  expect(valueOf("json", text)).toEqual({ value: JSON.parse(text) as unknown, flag: null });
});

test.each([
  ['{"$schema":"x"}', "not-representable"],
  ['{"clé":1}', "not-representable"],
  ['{"__proto__":1}', "not-representable"],
  ['"\\ud800"', "not-representable"],
  [`${"[".repeat(60)}${"]".repeat(60)}`, "not-representable"],
  [JSON.stringify(Array(8193).fill(0)), "not-representable"],
  ["{", "invalid"],
])("gives null and a flag for %.20s", (text, flag) => {
  expect(valueOf("json", text)).toEqual({ value: null, flag });
});

test.each([
  ["a: [1, x] # y", { a: [1, "x"] }, null],
  ["%YAML 1.1\n---\na: yes\nb: 2024-01-01\n", { a: "yes", b: "2024-01-01" }, null],
  ["a: .nan", { a: NaN }, null],
  ["a: &x [1]\nb: *x", { a: [1], b: [1] }, null],
  ["<<: {a: 1}", { "<<": { a: 1 } }, null],
  ["? [a]\n: 1\n2: b", { "[ a ]": 1, 2: "b" }, null],
  ["__proto__: 1", null, "not-representable"],
  ["a: [1", null, "invalid"],
  ["a: 1\n---\nb: 2", null, "invalid"],
  ["[".repeat(60_000), null, "invalid"],
  [`x: ${"y".repeat(70_000)}`, null, "unparsed"],
])("reads YAML within bounds: %.20s", (text, value, flag) => {
  expect(valueOf("yaml", text)).toEqual({ value, flag });
});

test("an alias bomb is not expanded", () => {
  const lines = Array.from({ length: 30 }, (_, n) => `x${n + 1}: &x${n + 1} [*x${n}, *x${n}]`);
  const bomb = ["x0: &x0 [1]", ...lines].join("\n");
  expect(valueOf("yaml", bomb)).toEqual({ value: null, flag: "invalid" });
});

test("what takes more than an answer has room for twice is left to the text", () => {
  const rows = (count: number) => JSON.stringify(Array(count).fill(Array(8000).fill(1)));
  expect(valueOf("json", rows(50)).flag).toBeNull();
  expect(valueOf("json", rows(120))).toEqual({ value: null, flag: "not-representable" });
  const row = `[${Array(8000).fill(1).join(",")}]`;
  const repeated = `a: &x ${row}\n${Array.from({ length: 90 }, (_, n) => `b${n}: *x`).join("\n")}`;
  expect(valueOf("yaml", repeated)).toEqual({ value: null, flag: "not-representable" });
});

test("whatever it gives can be encoded", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 8, stringUnit: "binary" }), (text) => {
      expect(() => convexToJson(valueOf("json", text).value as Value)).not.toThrow();
    }),
  );
});
