/**
 * Convex values in their encoded JSON form, which is the only form this backend handles.
 *
 * An int64, the floats JSON cannot write, bytes and the commit-timestamp placeholder are objects
 * with one key: `{"$integer": base64}`, `{"$float": base64}`, `{"$bytes": base64}`, `{"$commitTs":
 * null}`.
 */
import { Refusal } from "./failure.ts";
import { LIMITS } from "./limits.ts";

export type Encoded = null | boolean | number | string | Encoded[] | EncodedObject;
export type EncodedObject = { [key: string]: Encoded };

/** The one key of a special value. `$undefined` occurs only in patches and index bounds. */
export type SpecialKey = "$integer" | "$float" | "$bytes" | "$commitTs" | "$undefined";

/**
 * The placeholder as JSON text. Safe to search and replace in JSON: inside a string its quotes are
 * escaped.
 */
export const COMMIT_TS_TEXT = '{"$commitTs":null}';

/**
 * The special key of an object, or null for an ordinary object. Refuses any other key that starts
 * with `$`.
 */
export function specialKey(value: EncodedObject): SpecialKey | null {
  for (const key in value) {
    if (key.charCodeAt(0) !== 36) return null;
    const well = SPECIAL[key]?.(value[key]!) ?? false;
    if (!well || Object.keys(value).length !== 1)
      throw badKey(key, "starts with '$', which is reserved.");
    return key as SpecialKey;
  }
  return null;
}

const SPECIAL: Record<string, (inner: Encoded) => boolean> = {
  $integer: (inner) => isBase64(inner) && decodedLength(inner) === 8,
  $float: (inner) => isBase64(inner) && decodedLength(inner) === 8 && isUnwritable(floatOf(inner)),
  $bytes: isBase64,
  $commitTs: (inner) => inner === null,
  $undefined: (inner) => inner === null,
};

function isBase64(text: Encoded): text is string {
  return typeof text === "string" && text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

function decodedLength(base64: string): number {
  const padding = base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
  return (base64.length / 4) * 3 - padding;
}

function isUnwritable(float: number): boolean {
  return !Number.isFinite(float) || Object.is(float, -0);
}

/** The float64 in the base64 of its eight bytes, little endian. */
export function floatOf(base64: string): number {
  return Buffer.from(base64, "base64").readDoubleLE(0);
}

/** The int64 in the base64 of its eight bytes, little endian. */
export function integerOf(base64: string): bigint {
  return Buffer.from(base64, "base64").readBigInt64LE(0);
}

/**
 * Base64 of the eight bytes of an int64, little endian; also how the sync protocol writes
 * timestamps.
 */
export function base64OfInteger(value: bigint): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return bytes.toString("base64");
}

/** The value with the keys of objects in the order in which the platform hands them to functions. */
export function inOrder(value: Encoded): Encoded {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(inOrder);
  const keys = Object.keys(value).sort();
  return Object.fromEntries(keys.map((key) => [key, inOrder(value[key]!)]));
}

/** JSON text with every commit-timestamp placeholder replaced by `ts`. */
export function resolveCommitTs(json: string, ts: bigint): string {
  return json.replaceAll(COMMIT_TS_TEXT, `{"$integer":"${base64OfInteger(ts)}"}`);
}

/**
 * The size of a value by the platform's formula, which `getConvexSize` of npm `convex` mirrors.
 *
 * Refuses what no Convex value may be: too deep, too long an array, too many or bad keys, lone
 * surrogates.
 */
export function sizeOf(value: Encoded, nesting: number = LIMITS.valueNesting): number {
  if (value === null || typeof value === "boolean") return 1;
  if (typeof value === "number") return sizeOfFloat(value);
  if (typeof value === "string") return 2 + sizeOfText(value);
  if (nesting === 0) throw new Refusal("TooNestedError", "Value is too nested.");
  if (Array.isArray(value)) return sizeOfArray(value, nesting);
  const special = specialKey(value);
  if (special === null) return sizeOfObject(value, nesting);
  if (special === "$undefined")
    throw new Refusal("BadConvexJson", "undefined is not a valid Convex value.");
  return special === "$bytes" ? 2 + decodedLength(value["$bytes"] as string) : 9;
}

/** JSON writes no infinity: one that was read is a number too large, and would be written as null. */
function sizeOfFloat(value: number): number {
  if (!Number.isFinite(value))
    throw new Refusal("BadConvexJson", "A number is too large: it is not a float64.");
  return 9;
}

function sizeOfText(text: string): number {
  if (!text.isWellFormed())
    throw new Refusal(
      "BadConvexJson",
      "A string holds a lone surrogate, which is not valid Unicode.",
    );
  return Buffer.byteLength(text);
}

function sizeOfArray(value: Encoded[], nesting: number): number {
  if (value.length > LIMITS.arrayLength)
    throw new Refusal(
      "ArrayTooLong",
      `Array length is too long (${value.length} > maximum length ${LIMITS.arrayLength})`,
    );
  let size = 2;
  for (const element of value) size += sizeOf(element, nesting - 1);
  return size;
}

function sizeOfObject(value: EncodedObject, nesting: number): number {
  const keys = Object.keys(value);
  if (keys.length > LIMITS.objectKeys)
    throw new Refusal(
      "TooManyFieldsError",
      `Object has too many fields (${keys.length} > maximum number ${LIMITS.objectKeys})`,
    );
  let size = 2;
  for (const key of keys) {
    checkKey(key);
    size += key.length + 1 + sizeOf(value[key]!, nesting - 1);
  }
  return size;
}

function checkKey(key: string): void {
  if (key.length > LIMITS.keyLength)
    throw badKey(key.slice(0, 64), `exceeds maximum field name length ${LIMITS.keyLength}.`);
  if (key.startsWith("$")) throw badKey(key, "starts with '$', which is reserved.");
  if (!/^[\x20-\x7e]*$/.test(key))
    throw badKey(key, "can only contain non-control ASCII characters.");
}

function badKey(key: string, trouble: string): Refusal {
  return new Refusal("InvalidFieldName", `Field name ${key} ${trouble}`);
}

const IDENTIFIER = /^(?!_+$)[A-Za-z_][A-Za-z0-9_]{0,63}$/;

/**
 * Size of a whole document, `_id` and `_creationTime` included; refuses what no document may be.
 *
 * The document is the first of its 16 levels, and its own field names are identifiers.
 */
export function sizeOfDocument(document: EncodedObject): number {
  for (const field of Object.keys(document)) checkField(field);
  let size: number;
  try {
    size = sizeOf(document, LIMITS.documentNesting);
  } catch (error) {
    throw error instanceof Refusal && error.code === "TooNestedError" ? tooNested(document) : error;
  }
  if (size > LIMITS.documentSize)
    throw new Refusal(
      "ValueTooLargeError",
      `Value is too large (${(size / LIMITS.documentSize).toFixed(2)} MiB > maximum size 1 MiB)`,
    );
  return size;
}

function checkField(field: string): void {
  if (field === "_id" || field === "_creationTime") return;
  if (field.startsWith("_"))
    throw new Refusal(
      "InvalidDocumentError",
      `Field '${field}' starts with an underscore, which is only allowed for system fields` +
        " like '_id'.",
    );
  if (!IDENTIFIER.test(field))
    throw new Refusal(
      "InvalidDocumentError",
      `Field name ${JSON.stringify(field.slice(0, 80))} is not an identifier of at most` +
        ` ${LIMITS.identifierLength} ASCII letters, digits and underscores.`,
    );
}

function tooNested(document: EncodedObject): Refusal {
  return new Refusal(
    "InvalidDocumentError",
    `Document is too nested (nested ${nestingOf(document)} levels deep > maximum nesting` +
      ` ${LIMITS.documentNesting})`,
  );
}

function nestingOf(value: Encoded): number {
  if (value === null || typeof value !== "object") return 0;
  if (!Array.isArray(value) && specialKey(value) !== null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(nestingOf));
}
