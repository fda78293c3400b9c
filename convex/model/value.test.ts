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

test("does not parse YAML yet", () => {
  expect(valueOf("yaml", "a: 1")).toEqual({ value: null, flag: "unparsed" });
});

test("whatever it gives can be encoded", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 8, stringUnit: "binary" }), (text) => {
      expect(() => convexToJson(valueOf("json", text).value as Value)).not.toThrow();
    }),
  );
});
