/** Edits an entry's text, as its format asks; what cannot be edited safely is refused. */
import type { Format } from "../validators";
import { editedJson, type Patch } from "./editJson";
import { editedYaml } from "./editYaml";
import type { Refusal } from "./key";
import { parse } from "./project";

export type Edited = { text: string; refusal: null } | { text: null; refusal: Refusal };

/** The text after the patch. Its fields are JSON: see `refuseFields`. */
export function edit(format: Format, text: string, patch: Patch): Edited {
  // YAML takes long to read: why it cannot be edited is asked where it could not.
  const early = format === "yaml" ? yamlOrNull(text, patch) : null;
  if (early !== null) return { text: early, refusal: null };
  const { flag } = parse(format, text);
  if (flag !== null) return refused(flag, "only the JSON or YAML of an object can be edited");
  if (format === "json") return { text: editedJson(text, patch), refusal: null };
  return refused("unsupported", "this YAML has anchors, merge keys, tags or doubled keys");
}

function yamlOrNull(text: string, patch: Patch): string | null {
  try {
    return editedYaml(text, patch);
  } catch (error) {
    // It may nest too deep to be walked through.
    if (error instanceof RangeError || error instanceof ReferenceError) return null;
    throw error;
  }
}

/** Why these fields cannot be written into a file: it holds JSON, and Convex more than that. */
export function refuseFields(fields: unknown): Refusal | null {
  if (isJson(fields)) return null;
  return { reason: "not-json", detail: "int64, bytes, NaN and infinities have no JSON" };
}

function refused(reason: string, detail: string): Edited {
  return { text: null, refusal: { reason, detail } };
}

function isJson(value: unknown): boolean {
  if (value === null || typeof value === "string" || typeof value === "boolean") return true;
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value instanceof ArrayBuffer) return false;
  return Object.values(value).every(isJson);
}
