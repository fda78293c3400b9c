/** JSON text of encoded values in the forms that HTTP clients ask for. */
import { Outage } from "./failure.ts";
import { floatOf, integerOf, specialKey, type Encoded } from "./values.ts";

/** `encoded` is lossless; `clean` writes int64, bytes and unwritable floats as strings. */
export type Format = "encoded" | "clean";

/**
 * The format a request asks for by name; without a name it is the one its kind of client is used
 * to.
 */
export function formatNamed(name: unknown, fallback: Format): Format {
  switch (name) {
    case undefined:
    case null:
      return fallback;
    case "convex_encoded_json":
    case "convex_json":
      return "encoded";
    case "json":
      return "clean";
    default:
      throw new Outage(400, "BadFormat", `${JSON.stringify(name)} is not a format.`);
  }
}

/** How to write the value of an answer. */
export interface Style {
  format: Format;
  /**
   * Whether whole floats are written `1.0`: npm's and Python's JSON differ, and Python's client
   * insists.
   */
  floats: boolean;
}

/** Rewrites JSON text of an encoded value in a style. */
export function restyle(json: string, { format, floats }: Style): string {
  if (!floats && (format === "encoded" || !json.includes('{"$'))) return json;
  const value = JSON.parse(json) as Encoded;
  const styled = format === "clean" ? clean(value) : value;
  return floats ? withFloats(styled) : JSON.stringify(styled);
}

function clean(value: Encoded): Encoded {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(clean);
  switch (specialKey(value)) {
    case "$integer":
      return integerOf(value["$integer"] as string).toString();
    case "$float": {
      const float = floatOf(value["$float"] as string);
      return Object.is(float, -0) ? "-0" : String(float);
    }
    case "$bytes":
      return value["$bytes"]!;
    default:
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, clean(inner)]));
  }
}

function withFloats(value: Encoded): string {
  if (typeof value === "number")
    return Number.isInteger(value) && Math.abs(value) < 1e21 ? `${value}.0` : `${value}`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(withFloats).join(",")}]`;
  const fields = Object.entries(value).map(
    ([key, inner]) => `${JSON.stringify(key)}:${withFloats(inner)}`,
  );
  return `{${fields.join(",")}}`;
}
