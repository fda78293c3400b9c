/**
 * How new values are spelled in YAML: so that every reader takes them for the same. YAML 1.1 and 1.2
 * disagree about `no`, `1:30`, dates and line ends, and nobody knows which of them the programs go
 * by that read a file. `syncd/stores/yaml_scalar.py` spells alike.
 */
import { Scalar, type ScalarTag, type Tags } from "yaml";

const DISPUTED = new RegExp(
  [
    "yes|no|on|off", // booleans of 1.1
    "[-+]?(?:[0-9][0-9_]*(?:\\.[0-9_]*)?|\\.[0-9_]+)(?:e[-+]?[0-9]+)?",
    "[-+]?0(?:b[01_]+|o[0-7_]+|x[0-9a-f_]+)",
    "[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\\.[0-9_]*)?", // base 60 of 1.1
    "[-+]?\\.inf|\\.nan",
    "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:t|[ \\t]+)[-+0-9:. \\tz]+)?", // times of 1.1
    "<<|=",
  ]
    .map((each) => `^(?:${each})$`)
    .join("|"),
  "i",
);
/** What YAML does not print, or 1.1 takes for the end of a line. */
const UNPRINTABLE = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/;

function isOdd(value: string): boolean {
  return UNPRINTABLE.test(value) || (value.includes("\t") && !value.includes("\n"));
}

// Where several tags take a value for theirs, one that has a `test` is asked first.
const text: ScalarTag = {
  tag: "tag:yaml.org,2002:str",
  default: true,
  test: /^$/,
  identify: (value) => typeof value === "string" && (DISPUTED.test(value) || isOdd(value)),
  resolve: (value) => value,
  stringify: ({ value, type }) => quoted(String(value), type === Scalar.QUOTE_SINGLE),
};

/** A number that JavaScript spells with an exponent: 1.1 asks for a point and a sign. */
const power: ScalarTag = {
  tag: "tag:yaml.org,2002:float",
  default: true,
  test: /^$/,
  identify: (value) => typeof value === "number" && /^-?\d[\d.]*e/.test(String(value)),
  resolve: Number,
  stringify: ({ value }) => String(value).replace(/^(-?\d)e/, "$1.0e"),
};

/** For `stringify` and `Document`. */
export const spelling = {
  version: "1.2",
  customTags: (tags: Tags) => [text, power, ...tags],
} as const;

function quoted(value: string, inSingle: boolean): string {
  if (inSingle && !isOdd(value)) return `'${value}'`;
  // A JSON string is YAML, but for what YAML does not print.
  return JSON.stringify(value).replace(
    new RegExp(UNPRINTABLE, "g"),
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
