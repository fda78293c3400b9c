/** Reading YAML 1.2 (core schema), within bounds: https://eemeli.org/yaml/ */
import { parseDocument, type Document } from "yaml";
import { YAML_LENGTH } from "./limits";

/**
 * The document, null if it is none, more than one, or longer than may be read in a function's one
 * second. Keys are not compared with one another, which takes the square of their number; merge
 * keys are ordinary keys, since what they expand to is bounded by nothing.
 */
export function documentOf(text: string): Document.Parsed | null {
  if (text.length > YAML_LENGTH) return null;
  const options = { schema: "core", merge: false, resolveKnownTags: false } as const;
  const settings = { logLevel: "error", prettyErrors: false, uniqueKeys: false } as const;
  const document = parseDocument(text, { ...options, ...settings });
  return document.errors.length === 0 ? document : null;
}

/** The document's value. Throws where aliases repeat what they stand for too often. */
export function valueIn(document: Document.Parsed): unknown {
  return document.toJS({ maxAliasCount: 100 });
}

/** The text's value, undefined if it has none that can be read. */
export function parseYaml(text: string): unknown {
  try {
    const document = documentOf(text);
    return document === null ? undefined : valueIn(document);
  } catch (error) {
    // Too many aliases, or nesting that the stack does not hold.
    if (error instanceof RangeError || error instanceof ReferenceError) return undefined;
    throw error;
  }
}
