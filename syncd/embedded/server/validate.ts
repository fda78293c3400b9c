/** Validators of arguments, return values and documents, over encoded values. */
import type { ValidatorJSON } from "convex/values";
import { specialKey, type Encoded, type EncodedObject } from "./values.ts";

export type { ValidatorJSON };

/** The name of the table that an id belongs to, or null for what is no id of this deployment. */
export type TableOfId = (id: string) => string | null;

type ObjectValidator = Extract<ValidatorJSON, { type: "object" }>;
type RecordValidator = Extract<ValidatorJSON, { type: "record" }>;

/**
 * Says where and why a value does not match, or null when it does.
 *
 * The text names paths and validators and never quotes the value, which may hold a secret.
 */
export function mismatch(
  validator: ValidatorJSON,
  value: Encoded,
  tableOf: TableOfId,
  path = "",
): string | null {
  switch (validator.type) {
    case "any":
      return null;
    case "array":
      return Array.isArray(value)
        ? first(value, (element, at) =>
            mismatch(validator.value, element, tableOf, `${path}[${at}]`),
          )
        : wrong("an array", path);
    case "object":
      return mismatchOfObject(validator, value, tableOf, path);
    case "record":
      return mismatchOfRecord(validator, value, tableOf, path);
    case "union":
      return validator.value.some((member) => mismatch(member, value, tableOf) === null)
        ? null
        : wrong("one of the members of its union", path);
    case "id":
      return typeof value === "string" && tableOf(value) === validator.tableName
        ? null
        : wrong(`an id of table \`${validator.tableName}\``, path);
    case "literal":
      return value === validator.value ||
        (typeof value === "object" && JSON.stringify(value) === JSON.stringify(validator.value))
        ? null
        : wrong(`the literal \`${JSON.stringify(validator.value)}\``, path);
    default:
      return kindOf(value).includes(validator.type)
        ? null
        : wrong(`\`v.${validator.type}()\``, path);
  }
}

/** The simple validators that a value satisfies; an ordinary object or an array satisfies none. */
function kindOf(value: Encoded): readonly ValidatorJSON["type"][] {
  if (value === null) return ["null"];
  if (typeof value !== "object") return [typeof value as "boolean" | "number" | "string"];
  switch (Array.isArray(value) ? null : specialKey(value)) {
    case "$integer":
      return ["bigint", "commitTs"];
    case "$commitTs":
      return ["commitTs"];
    case "$float":
      return ["number"];
    case "$bytes":
      return ["bytes"];
    default:
      return [];
  }
}

function mismatchOfObject(
  validator: ObjectValidator,
  value: Encoded,
  tableOf: TableOfId,
  path: string,
): string | null {
  if (!isOrdinaryObject(value)) return wrong("an object", path);
  for (const field in validator.value) {
    const { fieldType, optional } = validator.value[field]!;
    const found = Object.hasOwn(value, field) ? value[field] : undefined;
    if (found === undefined) {
      if (!optional) return `Object is missing the required field \`${field}\`.${at(path)}`;
      continue;
    }
    const trouble = mismatch(fieldType, found, tableOf, `${path}.${field}`);
    if (trouble !== null) return trouble;
  }
  const extra = Object.keys(value).find((field) => !Object.hasOwn(validator.value, field));
  return extra === undefined
    ? null
    : `Object contains extra field \`${extra}\` that is not in the validator.${at(path)}`;
}

function mismatchOfRecord(
  validator: RecordValidator,
  value: Encoded,
  tableOf: TableOfId,
  path: string,
): string | null {
  if (!isOrdinaryObject(value)) return wrong("an object", path);
  return first(
    Object.entries(value),
    ([key, inner]) =>
      mismatch(validator.keys, key, tableOf, `${path} (key)`) ??
      mismatch(validator.values.fieldType, inner, tableOf, `${path}.${key}`),
  );
}

function isOrdinaryObject(value: Encoded): value is EncodedObject {
  return (
    value !== null &&
    typeof value === "object" &&
    !Array.isArray(value) &&
    specialKey(value) === null
  );
}

function first<T>(items: T[], trouble: (item: T, at: number) => string | null): string | null {
  for (const [at, item] of items.entries()) {
    const found = trouble(item, at);
    if (found !== null) return found;
  }
  return null;
}

function wrong(expected: string, path: string): string {
  return `Value is not ${expected}.${at(path)}`;
}

function at(path: string): string {
  return path === "" ? "" : ` Path: ${path}`;
}
