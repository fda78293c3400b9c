import fc from "fast-check";
import { expect, test } from "vitest";
import { rowOf } from "./sample";

const NOW = 1_700_000_000_000;

const read = (value: unknown) => rowOf("metric", JSON.stringify(value), NOW);

test("a sample's columns, with what nobody knows left in the text", () => {
  const line = '{"type":"cpu","name":"load","value":0.5,"unit":"%","timestamp":12,"more":[1]}';
  expect(rowOf("metric", line, NOW)).toEqual({
    table: "metrics",
    columns: {
      ...{ type: "cpu", name: "load", value: 0.5, unit: "%", timestamp: 12 },
      text: line,
      flags: [],
    },
  });
});

test.each([
  ["2026-01-02T03:04:05.678Z", Date.UTC(2026, 0, 2, 3, 4, 5, 678), []],
  ["2026-01-02T03:04:05", Date.UTC(2026, 0, 2, 3, 4, 5), []],
  ["yesterday", NOW, ["time-of-arrival"]],
  [undefined, NOW, ["time-of-arrival"]],
])("timestamp %s", (timestamp, expected, flags) => {
  const row = read({ type: "t", name: "n", value: 1, timestamp });
  expect(row.columns).toMatchObject({ timestamp: expected, flags });
});

test.each([
  ["{", ["invalid"]],
  ["", ["invalid"]],
  ["[1]", ["not-an-object"]],
  ["3", ["not-an-object"]],
  ['{"name":"n"}', ["no-value"]],
  ['{"name":"n","value":"3"}', ["no-value"]],
  ['{"name":"n","value":1e999}', ["no-value"]],
])("the line %s is kept as it is and flagged", (text, flags) => {
  expect(rowOf("metric", text, NOW)).toEqual({ table: "lines", columns: { text, flags } });
});

test("a line that the device cut is no sample, whatever it says", () => {
  const line = { text: '{"type":"t","name":"n","value":1}', flag: "cut" as const };
  expect(rowOf("metric", line, NOW).table).toBe("lines");
});

test("a document's lines are lines", () => {
  const text = '{"type":"t","name":"n","value":1}';
  expect(rowOf("document", text, NOW)).toEqual({ table: "lines", columns: { text, flags: [] } });
});

test("any text becomes a row that Convex takes", () => {
  const nearly = fc.record(
    {
      type: fc.anything(),
      name: fc.string({ maxLength: 400, unit: "binary" }),
      value: fc.oneof(fc.double(), fc.anything()),
      timestamp: fc.oneof(fc.double(), fc.string()),
    },
    { requiredKeys: [] },
  );
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.json(),
    nearly.map((value) =>
      JSON.stringify(value, (_, each) => (typeof each === "bigint" ? 0 : each)),
    ),
  );
  fc.assert(
    fc.property(text, (text) => {
      const { columns } = rowOf("metric", text, NOW);
      expect(columns.text).toBe(text);
      if (!("value" in columns)) return;
      expect(Number.isFinite(columns.value) && Number.isFinite(columns.timestamp)).toBe(true);
      for (const part of [columns.type, columns.name]) {
        expect(part.isWellFormed() && part.length <= 300).toBe(true);
      }
    }),
  );
});
