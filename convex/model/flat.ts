/**
 * Records as `create` takes them: whole in one field, or field by field. A record with fields that
 * no argument is named after has to be given whole, since validators refuse unknown arguments.
 */
import { v, type VAny } from "convex/values";
import { isObject } from "./fields";
import { trouble } from "./trouble";

type AnyFields<Fields> = { [Name in keyof Fields]: VAny<unknown, "optional"> };

/** Fields that records often have beyond those of `records.ts`. */
const COMMON = { author: 0, createdAt: 0, description: 0, metadata: 0, updatedAt: 0, version: 0 };

/** Arguments named as these fields and the common ones, each of any value or left out. */
export function flat<Fields extends object>(fields: Fields): AnyFields<Fields & typeof COMMON> {
  const names = Object.keys({ ...COMMON, ...fields }).map((name) => [name, v.optional(v.any())]);
  return Object.fromEntries(names) as AnyFields<Fields & typeof COMMON>;
}

/** The record's fields: those of the first of `whole` that is given, and over them the flat ones. */
export function fieldsOf(
  whole: unknown[],
  fields: Record<string, unknown>,
): Record<string, unknown> {
  const given = whole.filter((each) => each != null);
  if (given.every(isObject)) return { ...given[0], ...fields };
  throw trouble("invalid", "a record is an object of fields, no text or list; nothing was created");
}

/** The id inside a record; a number is one too. */
export function idIn({ id }: Record<string, unknown>): string | null {
  return typeof id === "string" || typeof id === "number" ? String(id) : null;
}

/** `fields` in the order in which files have them: Convex hands over arguments sorted by name. */
export function inOrder(names: object, fields: Record<string, unknown>): Record<string, unknown> {
  const known = Object.keys(names).filter((name) => Object.hasOwn(fields, name));
  return { ...Object.fromEntries(known.map((name) => [name, fields[name]])), ...fields };
}
