/**
 * Which parsed values Convex can return. Its rules for values:
 * https://docs.convex.dev/database/types and https://docs.convex.dev/production/state/limits
 */
import { getConvexSize, type Value } from "convex/values";
import type { Format } from "../validators";
import { isObject } from "./fields";
import { VALUE_BYTES } from "./limits";
import { parse } from "./project";

/** A returned value may nest 64 deep; some of that is the answer around it. */
const DEPTH = 48;
const ELEMENTS = 8192;
const KEYS = 1024;
const KEY_LENGTH = 1024;

/**
 * The text's value for an answer: null if the text has none, or if Convex cannot return it; then
 * `flag` says `unparsed`, `invalid` or `not-representable`. Numbers are float64: above 2^53 only the
 * text is exact.
 */
export function valueOf(format: Format, text: string): { value: unknown; flag: string | null } {
  const { value, flag } = parse(format, text);
  if (value === undefined) return { value: null, flag };
  const isFit = isLegal(value, DEPTH) && getConvexSize(value as Value) <= VALUE_BYTES;
  return isFit ? { value, flag: null } : { value: null, flag: "not-representable" };
}

function isLegal(value: unknown, depth: number): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (depth === 0) return typeof value !== "object" || value === null;
  if (Array.isArray(value)) {
    return value.length <= ELEMENTS && value.every((element) => isLegal(element, depth - 1));
  }
  if (!isObject(value)) return true;
  const fields = Object.entries(value);
  return (
    fields.length <= KEYS &&
    fields.every(([name, field]) => isLegalKey(name) && isLegal(field, depth - 1))
  );
}

/** `__proto__` is refused too: assigning it, as encoders do, sets no field. */
function isLegalKey(name: string): boolean {
  return (
    /^[\x20-\x7e]*$/.test(name) &&
    !name.startsWith("$") &&
    name.length <= KEY_LENGTH &&
    name !== "__proto__"
  );
}
