import fc from "fast-check";
import { expect, test } from "vitest";
import type { Format } from "../validators";
import { edit, refuseFields } from "./edit";
import { isSame, Patch } from "./editJson";
import { isObject } from "./fields";
import { parse } from "./project";

const deep = [
  "[".repeat(9000),
  "- ".repeat(3000),
  `${"{a: ".repeat(3000)}1${"}".repeat(3000)}`,
  `${'{"a":'.repeat(9000)}1${"}".repeat(9000)}`,
];
const odd = ["", "\ufeff{}", "{", "a: 1", "%YAML 1.1\n---\na: 1", "a: |\n b\n", "? a", "- a"];
const anyText = fc.oneof(
  { weight: 9, arbitrary: fc.json({ maxDepth: 5, stringUnit: "binary" }) },
  { weight: 3, arbitrary: fc.string({ unit: "binary" }) },
  { weight: 9, arbitrary: fc.stringMatching(/^([a-c\n:?&*!|>#'"{}[\], -]){0,30}$/) },
  { weight: 3, arbitrary: fc.constantFrom(...odd) },
  { weight: 1, arbitrary: fc.constantFrom(...deep) },
);
const anyFormat = fc.constantFrom<Format>("json", "yaml", "text", "bytes");
const anyUpdates = fc.dictionary(
  fc.constantFrom("a", "b", "c", "", "x y"),
  fc.oneof(fc.jsonValue({ stringUnit: "binary" }), fc.constant({ a: { a: [1] } })),
  { noNullPrototype: true },
);

test("whatever the text is, it is edited as asked or refused, and never anything else", () => {
  fc.assert(
    fc.property(anyFormat, anyText, anyUpdates, (format, text, updates) => {
      const { text: edited, refusal } = edit(format, text, new Patch(updates));
      const before = parse(format, text).value;
      if (edited === null) {
        expect(refusal.reason).toMatch(/^(unparsed|invalid|not-an-object|unsupported)$/);
        if (format === "json") expect(isObject(before)).toBe(false);
        return;
      }
      const after = parse(format, edited).value as Record<string, unknown>;
      for (const [name, wanted] of Object.entries(updates)) {
        if (wanted === null) expect(Object.hasOwn(after, name)).toBe(false);
        else expect(isSame(after[name], wanted)).toBe(true);
      }
    }),
    { numRuns: 1000 },
  );
});

test.each([1n, NaN, Infinity, new ArrayBuffer(1), [{ a: -Infinity }], { a: [1n] }])(
  "%s has no JSON",
  (value) => {
    expect(refuseFields({ value })).toMatchObject({ reason: "not-json" });
  },
);

test("all that JSON has may be written", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => refuseFields({ value }) === null));
});
