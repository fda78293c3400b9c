import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { isSame, Patch } from "./editJson";
import { editedYaml } from "./editYaml";
import { parseYaml } from "./yaml";

const edited = (text: string, fields: Record<string, unknown>) =>
  editedYaml(text, new Patch(fields));

const FLOW = `# the nightly flow
id: nightly
name: 'Nightly run'   # shown in lists
status: draft
tags: [a, b]

# what it does
steps:
  - id: fetch   # first
    agent: "reader"
  - id: store
    agent: writer
config:
  retries: 3
  # seconds
  timeout: 1_0
`;

describe("the least change", () => {
  const one = (from: string, to: string) => FLOW.replace(from, to);
  test.each<[string, Record<string, unknown>, string]>([
    ["a value, its comment stays", { name: "Daily run" }, one("'Nightly run'", "'Daily run'")],
    ["a plain value", { status: "running" }, one("draft", "running")],
    ["a value that needs quotes", { status: "yes: no" }, one("draft", '"yes: no"')],
    ["a list on one line", { tags: ["a", "c d"] }, one("[a, b]", "[a, c d]")],
    ["nothing", { id: "nightly", gone: null }, FLOW],
    [
      "a step's field",
      {
        steps: [
          { id: "fetch", agent: "r2" },
          { id: "store", agent: "writer" },
        ],
      },
      one('"reader"', '"r2"'),
    ],
    [
      "one more step",
      { steps: [{ id: "fetch", agent: "reader" }, { id: "store", agent: "writer" }, { id: "x" }] },
      one("writer\n", "writer\n  - id: x\n"),
    ],
    ["a nested field", { config: { retries: 4, timeout: "1_0" } }, one("retries: 3", "retries: 4")],
    [
      "a nested field more",
      { config: { retries: 3, timeout: "1_0", x: [1] } },
      `${FLOW}  x:\n    - 1\n`,
    ],
    ["a field removed", { status: null }, one("status: draft\n", "")],
    [
      "a block removed, the comment before it stays",
      { steps: null },
      FLOW.replace(/steps:[^]*writer\n/, ""),
    ],
    ["fields added", { a: 1, b: { c: "" } }, `${FLOW}a: 1\nb:\n  c: ""\n`],
    [
      "a block in the place of a value",
      { status: { a: 1 } },
      one("status: draft", "status:\n  a: 1"),
    ],
  ])("%s", (_, fields, expected) => {
    expect(edited(FLOW, fields)).toBe(expected);
  });

  const LIST = `a:
  # one's
  - one   # 1
  - two   # 2

  # three's
  - three   # 3
steps:
  - id: x   # the first
    prompt: |
      text
  - id: y   # the second
`;
  const step = (id: string, more = {}) => ({ id, ...more });
  const x = step("x", { prompt: "text\n" });
  test.each<[string, Record<string, unknown>, string, string]>([
    ["in the middle", { a: ["one", "n", "two", "three"] }, "# 1\n", "# 1\n  - n\n"],
    ["at the end", { a: ["one", "two", "three", "n"] }, "# 3\n", "# 3\n  - n\n"],
    ["in front", { a: ["n", "one", "two", "three"] }, "  - one", "  - n\n  - one"],
    ["gone in the middle", { a: ["one", "three"] }, "  - two   # 2\n", ""],
    ["gone in front", { a: ["two", "three"] }, "  - one   # 1\n", ""],
    ["gone at the end", { a: ["one", "two"] }, "  - three   # 3\n", ""],
    ["one for two", { a: ["n", "three"] }, "one   # 1\n  - two   # 2\n", "n   # 1\n"],
    ["two for one", { a: ["one", "n", "m", "three"] }, "two   # 2\n", "n   # 2\n  - m\n"],
    ["a step in front", { steps: [step("n"), x, step("y")] }, "  - id: x", "  - id: n\n  - id: x"],
    ["a step between", { steps: [x, step("n"), step("y")] }, "  - id: y", "  - id: n\n  - id: y"],
    [
      "a step gone",
      { steps: [step("y")] },
      LIST.slice(LIST.indexOf("  - id: x"), LIST.indexOf("  - id: y")),
      "",
    ],
    ["the last step gone", { steps: [x] }, "  - id: y   # the second\n", ""],
  ])("of a list, %s: all others keep their comments", (_, fields, from, to) => {
    expect(LIST).toContain(from);
    expect(edited(LIST, fields)).toBe(LIST.replace(from, to));
    expect(edited(LIST.trimEnd(), fields)).toBe(LIST.replace(from, to).trimEnd());
  });

  test("lines that end in CR LF still do, new ones too", () => {
    const text = 'a: 1\r\nb:\r\n  - x\r\nc: "p\r\n  q"\r\nd: 4';
    expect(edited(text, { a: { y: [1] }, b: ["x", "z"], d: null, e: "l\n" })).toBe(
      'a:\r\n  y:\r\n    - 1\r\nb:\r\n  - x\r\n  - z\r\nc: "p\r\n  q"\r\ne: "l\\n"',
    );
    expect(edited("a: 1\r\nb: 2\r\n", { c: 3 })).toBe("a: 1\r\nb: 2\r\nc: 3\r\n");
    expect(edited("a: 1\r\nb: 2", { b: null })).toBe("a: 1");
    expect(edited("a: 1\r\nb: 2\n", { a: 3 })).toBe("a: 3\r\nb: 2\n");
  });

  test("a patch in a patch makes what is not there", () => {
    const sum = new Patch({ metadata: new Patch({ downloads: 3 }) });
    expect(editedYaml("id: a\nmetadata:\n  x: 1 # y\n", sum)).toBe(
      "id: a\nmetadata:\n  x: 1 # y\n  downloads: 3\n",
    );
    expect(editedYaml("id: a", sum)).toBe("id: a\nmetadata:\n  downloads: 3");
    expect(editedYaml("{id: a}", sum)).toBe("{id: a, metadata: {downloads: 3}}");
  });
});

test.each([
  ["an anchor", "a: &x 1\nb: 2\n"],
  ["an alias", "a: &x 1\nb: *x\n"],
  ["a merge key", "a: {b: 1}\n<<: {c: 1}\n"],
  ["a tag", "a: !custom 1\n"],
  ["two documents", "a: 1\n---\nb: 1\n"],
  ["a list", "- a\n"],
  ["a value", "a"],
  ["nothing", ""],
  ["what is no YAML", "a: [1\n"],
  ["one key twice", "a: 1\na: 2\n"],
])("%s is refused", (_, text) => {
  expect(edited(text, { a: 3 })).toBeNull();
});

describe("every reader takes what is new for the same", () => {
  const words = [
    "no",
    "On",
    "=",
    "<<",
    "2026-01-01",
    "2026-01-01T00:00:00Z",
    "1_000",
    "1:30",
    "0b1",
  ];
  const odd = [
    "a\u0085b",
    "a\u2028b",
    "\u2029",
    "\ufeffa",
    "\x7f",
    "\uffff",
    "a\tb",
    "\ta\u2028\nb",
  ];
  test.each([...words, ...odd, "012", "0x1f", "1e3", ".5", "yes: no", "it's", "a\n\tb\n"])(
    "%j",
    (text) => {
      const fields = { plain: text, single: text, flow: [text], list: [text, { [text]: text }] };
      const before = "plain: p\nsingle: 's'\nflow: [f]\nlist:\n  - l\n";
      const result = edited(before, { ...fields, added: text, more: [text] }) ?? "";
      const wanted = { ...fields, added: text, more: [text] };
      expect(parse(result, { version: "1.1", merge: false })).toEqual(wanted);
      expect(parseYaml(result)).toEqual(wanted);
      expect(result).not.toMatch(/[\x7f-\x9f\u2028\u2029\ufeff\uffff]/);
      expect(result).not.toMatch(/: [^"|]*\t/);
    },
  );
  test("large and small numbers have a point", () => {
    const result = edited("id: a\n", { large: 1e21, small: -1.5e-7, list: [1e300] });
    expect(result).toBe("id: a\nlarge: 1.0e+21\nsmall: -1.5e-7\nlist:\n  - 1.0e+300\n");
    expect(parseYaml(result ?? "")).toEqual({
      id: "a",
      large: 1e21,
      small: -1.5e-7,
      list: [1e300],
    });
  });
});

const scalar = fc.oneof(
  fc.constantFrom(
    null,
    true,
    0,
    -1.5,
    1e21,
    "",
    "x",
    "true",
    "12",
    "a: b",
    "# c",
    "- d",
    "é\n",
    "~",
  ),
  fc.string({ unit: "grapheme-ascii", maxLength: 12 }),
  fc.constantFrom(
    "two\nlines",
    "trailing \n\n",
    " lead",
    "'q'",
    '"',
    "\t",
    "2024-01-01",
    "<<",
    "|",
  ),
);
const key = fc.constantFrom("a", "b", "c", "d e", "1", "true", "é", "x: y", "#z");
const value = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    scalar,
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(key, tie("value"), { maxKeys: 3, noNullPrototype: true }),
  ),
})).value;
const record = fc.dictionary(key, value, { minKeys: 1, maxKeys: 5, noNullPrototype: true });
const layout = fc.record({
  indent: fc.constantFrom(2, 4),
  indentSeq: fc.boolean(),
  collectionStyle: fc.constantFrom("any" as const, "any" as const, "flow" as const),
  lineWidth: fc.constantFrom(0, 20, 80),
});

/** YAML of a record with comments on lines of their own and behind values. */
const anyYaml = fc
  .tuple(record, layout, fc.boolean(), fc.boolean())
  .map(([made, settings, isCommented, hasEnd]) => {
    const text = stringify(made, settings);
    const lines = isCommented
      ? `# top\n${text.replace(/^([^-\s:|>#"'][^:|>#"']*: [a-z0-9]+)$/gm, "$1 # same\n# next")}`
      : text;
    return hasEnd ? lines : lines.trimEnd();
  });

test("an edit is the shallow update or it is refused; few are, and comments stay", () => {
  let [done, refused] = [0, 0];
  fc.assert(
    fc.property(anyYaml, record, (text, updates) => {
      const before = parseYaml(text) as Record<string, unknown>;
      const result = edited(text, updates);
      if (result === null) {
        refused += 1;
        return;
      }
      done += 1;
      const wanted = Object.entries({ ...before, ...updates }).filter(
        ([name, is]) => is !== null || !Object.hasOwn(updates, name),
      );
      expect(isSame(parseYaml(result), Object.fromEntries(wanted))).toBe(true);
      expect(result.endsWith("\n")).toBe(text.endsWith("\n"));
      expect(edited(result, updates)).toBe(result);
      const comments = (each: string) => each.match(/^# (top|next)$/gm)?.length ?? 0;
      expect(comments(result)).toBe(comments(text));
    }),
    { numRuns: 1000 },
  );
  expect(refused).toBeLessThan(done / 5);
});
