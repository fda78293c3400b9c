/** What a line says. Pure and total: a line that is no sample is kept as a line, and flagged. */
import type { LineColumns, SampleColumns } from "../columns";
import type { Kind, SentLine } from "../validators";
import { Fields, isObject } from "./fields";

/** A line as a row of `metrics` or of `lines`. */
export type Row =
  { table: "metrics"; columns: SampleColumns } | { table: "lines"; columns: LineColumns };

/** `arrived` stands for the time of a sample that tells none that can be read. */
export function rowOf(kind: Kind, line: SentLine, arrived: number): Row {
  const { text, flag } = typeof line === "string" ? { text: line, flag: null } : line;
  if (flag !== null) return { table: "lines", columns: { text, flags: [flag] } };
  const value = parse(text);
  if (kind === "metric" && isObject(value)) {
    const sample = sampleOf(text, value, arrived);
    if (sample !== null) return { table: "metrics", columns: sample };
  }
  return { table: "lines", columns: { text, flags: trouble(kind, value) } };
}

/** The labels of a sample, from its line; undefined where it has none. */
export function labelsOf(value: unknown): unknown {
  return isObject(value) ? value.labels : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function trouble(kind: Kind, value: unknown): string[] {
  if (value === undefined) return ["invalid"];
  if (kind !== "metric") return [];
  return [isObject(value) ? "no-value" : "not-an-object"];
}

function sampleOf(text: string, record: object, arrived: number): SampleColumns | null {
  const fields = new Fields(record);
  const value = fields.number("value");
  if (value === undefined) return null;
  const timestamp = fields.time("timestamp");
  if (timestamp === undefined) fields.flags.add("time-of-arrival");
  return {
    type: fields.text("type") ?? "",
    name: fields.text("name") ?? "",
    value,
    unit: fields.text("unit"),
    timestamp: timestamp ?? arrived,
    text,
    flags: [...fields.flags],
  };
}
