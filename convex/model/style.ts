/** How a JSON text is laid out, and how it would spell a value that it does not hold yet. */
import { itemsAt } from "./json";

/** How a text spells what is new in it; `line` null: all on one line. */
export type Style = {
  line: string | null;
  unit: string;
  colon: string;
  gap: string;
  inEscapes: boolean;
};

/** The style of the text whose root object or list is at `root`. */
export function styleOf(text: string, root: number): Style {
  const { items } = itemsAt(text, root);
  const [first, second] = items;
  const lead = first === undefined ? "" : text.slice(root + 1, first.start);
  const head = first?.key == null ? ":" : text.slice(first.start, first.value);
  const colon = /:[ \t]*$/.exec(head)?.[0] ?? ":";
  const between = second && first ? text.slice(first.end, second.start) : `,${colon.slice(1)}`;
  // Escapes are told from plain text only where there is something to escape.
  const inEscapes = !/[^\0-\x7f]/.test(text) && /\\u(?!00[0-7])/.test(text);
  return { line: lineEnd(lead), unit: margin(lead) ?? "  ", colon, gap: gapOf(between), inEscapes };
}

/** The white space that indents what follows it; null where that stands on the line of others. */
export function margin(space: string): string | null {
  return /\n([ \t]*)$/.exec(space)?.[1] ?? null;
}

/** A value as the text would spell it; `margin` indents the line it stands on, null: one line. */
export function spelled(value: unknown, style: Style, margin: string | null): string {
  const text =
    margin === null || style.line === null
      ? onOneLine(value, style)
      : stringified(value, style.unit).replaceAll("\n", style.line + margin);
  return style.inEscapes ? escaped(text) : text;
}

function stringified(value: unknown, unit: string): string {
  return JSON.stringify(value, null, unit);
}

function onOneLine(value: unknown, style: Style): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const separator = `,${style.gap}`;
  if (Array.isArray(value)) {
    return `[${value.map((element) => onOneLine(element, style)).join(separator)}]`;
  }
  const members = Object.entries(value).map(
    ([key, member]) => JSON.stringify(key) + style.colon + onOneLine(member, style),
  );
  return `{${members.join(separator)}}`;
}

function escaped(text: string): string {
  return text.replace(
    /[^\0-\x7f]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function lineEnd(lead: string): string | null {
  if (!lead.includes("\n")) return null;
  return lead.includes("\r\n") ? "\r\n" : "\n";
}

function gapOf(between: string): string {
  const space = between.replace(",", "");
  return space.includes("\n") ? "" : space;
}
