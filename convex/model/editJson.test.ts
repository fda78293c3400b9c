import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { itemsAt, pastSpace } from "./json";
import { editedJson, isSame, Patch, plainOf } from "./editJson";

const edited = (text: string, fields: Record<string, unknown>) =>
  editedJson(text, new Patch(fields));

describe("the least change", () => {
  test.each<[string, string, Record<string, unknown>, string]>([
    ["a value", '{\n  "a": 1,\n  "b": [1, 2]\n}\n', { a: 2 }, '{\n  "a": 2,\n  "b": [1, 2]\n}\n'],
    [
      "a new field",
      '{\n  "a": 1\n}',
      { b: { c: [1] } },
      '{\n  "a": 1,\n  "b": {\n    "c": [\n      1\n    ]\n  }\n}',
    ],
    ["a new field on one line", '{"a":1}', { b: [1, { c: 2 }] }, '{"a":1,"b":[1,{"c":2}]}'],
    ["the spaces of Python", '{"a": 1, "b": 2}', { c: [1, 2] }, '{"a": 1, "b": 2, "c": [1, 2]}'],
    [
      "tabs and CRLF",
      '{\r\n\t"a": {}\r\n}',
      { a: { b: 1 } },
      '{\r\n\t"a": {\r\n\t\t"b": 1\r\n\t}\r\n}',
    ],
    ["the first removed", '{\n  "a": 1,\n  "b": 2\n}', { a: null }, '{\n  "b": 2\n}'],
    ["the last removed", '{ "a": 1, "b": 2 }', { b: null }, '{ "a": 1 }'],
    ["all removed", '{\n  "a": 1\n}\n', { a: null }, "{}\n"],
    ["nothing", ' { "a" : 1e2, "b":[ ] } ', { a: 100, b: [], c: null }, ' { "a" : 1e2, "b":[ ] } '],
    [
      "a step in a list",
      '{"s": [ {"id": "x", "n": 1.0}, {"id": "y"} ]}',
      { s: [{ id: "x", n: 1 }, { id: "z" }] },
      '{"s": [ {"id": "x", "n": 1.0}, {"id": "z"} ]}',
    ],
    [
      "one more at the front of a list",
      '{"s": [1.0, 2.0]}',
      { s: [0, 1, 2] },
      '{"s": [0, 1.0, 2.0]}',
    ],
    [
      "escapes where the text has them",
      '{"a":"\\u00e9"}',
      { b: "ü" },
      '{"a":"\\u00e9","b":"\\u00fc"}',
    ],
    [
      "letters where the text has them",
      '{"a":"\\u00e9 é"}',
      { b: "ü" },
      '{"a":"\\u00e9 é","b":"ü"}',
    ],
    ["a byte order mark", '\ufeff{"a":1}', { a: 2 }, '\ufeff{"a":2}'],
    ["the last of two with one key", '{"a":1,"a":2}', { a: 3 }, '{"a":1,"a":3}'],
    ["both of two with one key", '{"a":1,"b":0,"a":2}', { a: null }, '{"b":0}'],
    [
      "numbers as they are spelled",
      '{"n":12345678901234567890,"a":1}',
      { a: 2 },
      '{"n":12345678901234567890,"a":2}',
    ],
  ])("%s", (_, text, fields, expected) => {
    expect(edited(text, fields)).toBe(expected);
  });

  test("a patch in a patch leaves the neighbours, and makes what is not there", () => {
    const sum = new Patch({ metadata: new Patch({ downloads: 3 }) });
    expect(editedJson('{"metadata":{"x":1.0,"downloads":2}}', sum)).toBe(
      '{"metadata":{"x":1.0,"downloads":3}}',
    );
    expect(editedJson("{}", sum)).toBe('{"metadata":{"downloads":3}}');
  });
});

/** No backslash beside a quote: JSON.parse of Node 24 takes the one for the other (V8). */
const key = fc.oneof(
  fc.constantFrom("a", "b", "c", "", "é", "__proto__", "x y", '"', "1"),
  fc.string({ unit: "binary" }).filter((name) => !name.includes("\\")),
);
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(null, true, 0, -1.5, 1e21, "", "é\u2028", "\\\"'", "{[,:]}"),
    fc.string({ unit: "binary" }),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(key, tie("value"), { maxKeys: 4 }),
  ),
})).value;
const object = fc.dictionary(key, json, { maxKeys: 5 });
const space = fc.constantFrom<string | number | undefined>(undefined, 2, 4, "\t");

/** JSON with random white space wherever it may be. */
const spread = fc
  .tuple(object, space, fc.array(fc.constantFrom("", " ", "\n", "\r\n\t", "  "), { minLength: 1 }))
  .map(([value, indent, spaces]) => {
    let at = 0;
    const some = () => spaces[(at += 1) % spaces.length] ?? "";
    const tokens = JSON.stringify(value, null, indent).match(
      /"(?:[^"\\]|\\.)*"|[^\s"{}[\],:]+|\S|\s+/g,
    );
    return (tokens ?? []).map((token) => some() + token).join("");
  });
const anyText = fc.oneof(
  spread,
  fc.tuple(object, space).map(([value, indent]) => JSON.stringify(value, null, indent)),
);

test("what is parsed is the shallow update, in the same order, new fields last", () => {
  fc.assert(
    fc.property(anyText, object, (text, updates) => {
      const before = JSON.parse(text) as Record<string, unknown>;
      const after = JSON.parse(edited(text, updates)) as Record<string, unknown>;
      const wanted = { ...before, ...updates };
      const removed = (name: string) => Object.hasOwn(updates, name) && updates[name] === null;
      const expected = Object.entries(wanted).filter(([name]) => !removed(name));
      expect(isSame(after, Object.fromEntries(expected))).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

test("fields that are not named keep their bytes and their order, and a second edit changes nothing", () => {
  fc.assert(
    fc.property(anyText, object, (text, updates) => {
      const once = edited(text, updates);
      expect(edited(once, updates)).toBe(once);
      expect(bytesOf(once, updates)).toEqual(bytesOf(text, updates));
    }),
  );
});

/** The members that are not named in `updates`, as they are written. */
function bytesOf(text: string, updates: object): string[] {
  const { items } = itemsAt(text, pastSpace(text, 0));
  const others = items.filter(({ key }) => !Object.hasOwn(updates, key ?? ""));
  return others.map(({ start, end }) => text.slice(start, end));
}

test("setting a field back gives the text back, where it was written as its neighbours are", () => {
  fc.assert(
    fc.property(object, space, fc.nat(), json, (value, indent, pick, other) => {
      const names = Object.keys(value).filter((name) => value[name] !== null);
      const name = names[pick % names.length];
      if (name === undefined || other === null) return;
      const text = JSON.stringify(value, null, indent);
      const there = edited(text, { [name]: other });
      const inside = typeof value[name] === "object" && typeof other === "object";
      const back = edited(there, { [name]: value[name] });
      if (!inside) expect(back).toBe(text);
    }),
  );
});

test("nesting that no stack holds is passed over", () => {
  const deep = "[".repeat(100_000) + "]".repeat(100_000);
  expect(edited(`{"a":${deep},"b":1}`, { b: 2 })).toBe(`{"a":${deep},"b":2}`);
  expect(edited(`{"a":${deep}}`, { a: [[2]] })).toBe('{"a":[[2]]}');
});

test("a patch is plain where nothing is there to edit", () => {
  expect(plainOf(new Patch({ a: new Patch({ b: 1, c: null }), d: null }))).toEqual({ a: { b: 1 } });
});
