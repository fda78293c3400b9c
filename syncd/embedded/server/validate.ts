/**
 * Validators of arguments, return values and documents, over encoded values.
 *
 * Every value that a call brings, writes and answers is checked, so a validator is turned into
 * functions once, and a path is put together only where something is wrong.
 */
import type { ValidatorJSON } from "convex/values";
import { specialKey, type Encoded, type EncodedObject, type SpecialKey } from "./values.ts";

export type { ValidatorJSON };

/** The name of the table that an id belongs to, or null for what is no id of this deployment. */
export type TableOfId = (id: string) => string | null;

/**
 * Says where and why a value does not match, or null when it does.
 *
 * The text names paths and validators and never quotes the value, which may hold a secret.
 */
export type Validator = (value: Encoded, tableOf: TableOfId) => string | null;

/** What is wrong, and the path to it from the value that was checked. */
interface Trouble {
  what: string;
  path: string;
}

type Check = (value: Encoded, tableOf: TableOfId) => Trouble | null;

type Of<Type extends ValidatorJSON["type"]> = Extract<ValidatorJSON, { type: Type }>;

export function validatorOf(validator: ValidatorJSON): Validator {
  const check = checkOf(validator);
  return (value, tableOf) => {
    const trouble = check(value, tableOf);
    if (trouble === null) return null;
    return trouble.path === "" ? trouble.what : `${trouble.what} Path: ${trouble.path}`;
  };
}

function checkOf(validator: ValidatorJSON): Check {
  switch (validator.type) {
    case "any":
      return () => null;
    case "array":
      return checkOfArray(validator);
    case "object":
      return checkOfObject(validator);
    case "record":
      return checkOfRecord(validator);
    case "union":
      return checkOfUnion(validator);
    case "id":
      return checkOfId(validator);
    case "literal":
      return checkOfLiteral(validator);
    default:
      return checkOfSimple(validator.type);
  }
}

function checkOfArray(validator: Of<"array">): Check {
  const check = checkOf(validator.value);
  const wrong = troubleOf("an array");
  return (value, tableOf) => {
    if (!Array.isArray(value)) return wrong;
    for (let at = 0; at < value.length; at += 1) {
      const trouble = check(value[at]!, tableOf);
      if (trouble !== null) return below(`[${at}]`, trouble);
    }
    return null;
  };
}

function checkOfObject(validator: Of<"object">): Check {
  const fields = Object.entries(validator.value).map(([name, { fieldType, optional }]) => ({
    name,
    check: checkOf(fieldType),
    missing: optional ? null : told(`Object is missing the required field \`${name}\`.`),
  }));
  const names = new Set(Object.keys(validator.value));
  const wrong = troubleOf("an object");
  return (value, tableOf) => {
    if (!isOrdinaryObject(value)) return wrong;
    let known = 0;
    for (const { name, check, missing } of fields) {
      if (!Object.hasOwn(value, name)) {
        if (missing !== null) return missing;
        continue;
      }
      known += 1;
      const trouble = check(value[name]!, tableOf);
      if (trouble !== null) return below(`.${name}`, trouble);
    }
    const found = Object.keys(value);
    if (found.length === known) return null;
    const extra = found.find((name) => !names.has(name));
    return told(`Object contains extra field \`${extra}\` that is not in the validator.`);
  };
}

function checkOfRecord(validator: Of<"record">): Check {
  const [ofKey, ofValue] = [checkOf(validator.keys), checkOf(validator.values.fieldType)];
  const wrong = troubleOf("an object");
  return (value, tableOf) => {
    if (!isOrdinaryObject(value)) return wrong;
    for (const [key, inner] of Object.entries(value)) {
      const wrongKey = ofKey(key, tableOf);
      if (wrongKey !== null) return below(" (key)", wrongKey);
      const trouble = ofValue(inner, tableOf);
      if (trouble !== null) return below(`.${key}`, trouble);
    }
    return null;
  };
}

function checkOfUnion(validator: Of<"union">): Check {
  const members = validator.value.map(checkOf);
  const wrong = troubleOf("one of the members of its union");
  return (value, tableOf) => {
    for (const member of members) if (member(value, tableOf) === null) return null;
    return wrong;
  };
}

function checkOfId({ tableName }: Of<"id">): Check {
  const wrong = troubleOf(`an id of table \`${tableName}\``);
  return (value, tableOf) =>
    typeof value === "string" && tableOf(value) === tableName ? null : wrong;
}

function checkOfLiteral(validator: Of<"literal">): Check {
  const text = JSON.stringify(validator.value);
  const wrong = troubleOf(`the literal \`${text}\``);
  return (value) =>
    value === validator.value || (typeof value === "object" && JSON.stringify(value) === text)
      ? null
      : wrong;
}

/** The special values that satisfy a simple validator; only `commitTs` has more than one. */
const SPECIAL: Partial<Record<ValidatorJSON["type"], readonly SpecialKey[]>> = {
  bigint: ["$integer"],
  number: ["$float"],
  bytes: ["$bytes"],
  commitTs: ["$integer", "$commitTs"],
};

function checkOfSimple(type: ValidatorJSON["type"]): Check {
  const wrong = troubleOf(`\`v.${type}()\``);
  const special = SPECIAL[type] ?? [];
  return (value) => {
    if (value === null) return type === "null" ? null : wrong;
    if (typeof value !== "object") return typeof value === type ? null : wrong;
    if (Array.isArray(value)) return wrong;
    const key = specialKey(value);
    return key !== null && special.includes(key) ? null : wrong;
  };
}

function isOrdinaryObject(value: Encoded): value is EncodedObject {
  return (
    value !== null &&
    typeof value === "object" &&
    !Array.isArray(value) &&
    specialKey(value) === null
  );
}

function troubleOf(expected: string): Trouble {
  return told(`Value is not ${expected}.`);
}

function told(what: string): Trouble {
  return { what, path: "" };
}

/** The trouble of a part as one of the whole. */
function below(step: string, { what, path }: Trouble): Trouble {
  return { what, path: `${step}${path}` };
}
