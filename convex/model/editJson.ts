/**
 * Edits a JSON text with the least change: what has its value already keeps its bytes, members
 * keep their order, and new ones come last, laid out as their neighbours are.
 */
import { isObject } from "./fields";
import { itemsAt, pastSpace, type Item } from "./json";
import { margin, spelled, styleOf, type Style } from "./style";

/** Fields of an object to set, to remove (null) or to edit in turn (a Patch); all others stay. */
export class Patch {
  readonly fields: ReadonlyMap<string, unknown>;

  constructor(fields: Record<string, unknown>) {
    this.fields = new Map(Object.entries(fields));
  }
}

/** `text`, the JSON of an object, after the patch. */
export function editedJson(text: string, patch: Patch): string {
  const root = pastSpace(text, text.startsWith("\ufeff") ? 1 : 0);
  const end = itemsAt(text, root).close + 1;
  const body = new Edit(text, styleOf(text, root)).value(patch, root, end, "");
  return text.slice(0, root) + body + text.slice(end);
}

/** What a Patch makes where there is no object to edit. */
export function plainOf(wanted: unknown): unknown {
  if (!(wanted instanceof Patch)) return wanted;
  const set = [...wanted.fields].filter(([, field]) => field !== null);
  return Object.fromEntries(set.map(([key, field]) => [key, plainOf(field)]));
}

/** Whether two values of JSON are the same; the keys of objects in any order. */
export function isSame(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((element, at) => isSame(element, b[at]));
  }
  if (!isObject(a) || !isObject(b)) return a === b;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && isSame(a[key], b[key]))
  );
}

/** Stands for whatever is there. */
const KEPT = Symbol("kept");

/** An item of the edited container: one that is there (`item`), or a new one. */
type Part = { item: Item | null; key: string | null; wanted: unknown };

/** White space, and commas, around and between items. */
type Spaces = { lead: string; separator: string; tail: string };

class Edit {
  readonly #text: string;
  readonly #style: Style;

  constructor(text: string, style: Style) {
    this.#text = text;
    this.#style = style;
  }

  /** The text of `wanted` in the place of what lies between `start` and `end`. */
  value(wanted: unknown, start: number, end: number, indent: string | null): string {
    const text = this.#text.slice(start, end);
    if (wanted === KEPT) return text;
    if (wanted instanceof Patch && text.startsWith("{")) {
      return this.#container(start, indent, (items) => patched(items, wanted.fields));
    }
    const plain = plainOf(wanted);
    const known: unknown = JSON.parse(text);
    if (isSame(known, plain)) return text;
    if (isObject(known) && isObject(plain)) {
      return this.#container(start, indent, (items) => members(items, plain));
    }
    if (Array.isArray(known) && Array.isArray(plain)) {
      return this.#container(start, indent, (items) => elements(items, known, plain));
    }
    return spelled(plain, this.#style, indent);
  }

  #container(open: number, indent: string | null, choose: (items: Item[]) => Part[]): string {
    const { items, close } = itemsAt(this.#text, open);
    const [opening, closing] = [this.#text[open] ?? "", this.#text[close] ?? ""];
    const spaces = this.#spaces(open, items, close, indent);
    const parts = choose(items).map((part, at) => {
      const space = at === 0 ? spaces.lead : this.#spaceBefore(part, spaces);
      return space + this.#part(part, margin(space));
    });
    return opening + parts.join("") + (parts.length === 0 ? "" : spaces.tail) + closing;
  }

  #spaces(open: number, items: Item[], close: number, indent: string | null): Spaces {
    const [first, last, before] = [items[0], items.at(-1), items.at(-2)];
    if (first === undefined || last === undefined) return this.#newSpaces(indent);
    const lead = this.#text.slice(open + 1, first.start);
    const alone = lead.includes("\n") ? `,${lead}` : `,${this.#style.gap}`;
    const separator = before === undefined ? alone : this.#text.slice(before.end, last.start);
    return { lead, separator, tail: this.#text.slice(last.end, close) };
  }

  #newSpaces(indent: string | null): Spaces {
    const { line, unit, gap } = this.#style;
    if (line === null || indent === null) return { lead: "", separator: `,${gap}`, tail: "" };
    const lead = line + indent + unit;
    return { lead, separator: `,${lead}`, tail: line + indent };
  }

  #spaceBefore({ item }: Part, { separator }: Spaces): string {
    return item === null || item.after === null
      ? separator
      : this.#text.slice(item.after, item.start);
  }

  #part({ item, key, wanted }: Part, indent: string | null): string {
    if (item !== null) {
      const head = this.#text.slice(item.start, item.value);
      return head + this.value(wanted, item.value, item.end, indent);
    }
    const head = key === null ? "" : spelled(key, this.#style, null) + this.#style.colon;
    return head + spelled(plainOf(wanted), this.#style, indent);
  }
}

function patched(items: Item[], fields: ReadonlyMap<string, unknown>): Part[] {
  const set = new Map([...fields].filter(([, wanted]) => wanted !== null));
  return merged(items, set, (key) => !fields.has(key));
}

function members(items: Item[], wanted: Record<string, unknown>): Part[] {
  return merged(items, new Map(Object.entries(wanted)), () => false);
}

/** Of several members with one key the last counts, as it does for whoever parses the text. */
function merged(
  items: Item[],
  set: ReadonlyMap<string, unknown>,
  stays: (key: string) => boolean,
): Part[] {
  const last = new Map(items.map((item) => [item.key ?? "", item]));
  const old = items.flatMap((item): Part[] => {
    const key = item.key ?? "";
    if (!set.has(key)) return stays(key) ? [{ item, key, wanted: KEPT }] : [];
    return [{ item, key, wanted: last.get(key) === item ? set.get(key) : KEPT }];
  });
  const added = [...set].filter(([key]) => !last.has(key));
  return [...old, ...added.map(([key, wanted]): Part => ({ item: null, key, wanted }))];
}

function elements(items: Item[], known: unknown[], wanted: unknown[]): Part[] {
  const from = pairing(known, wanted);
  return wanted.map((value, at): Part => {
    return { item: items[from[at] ?? -1] ?? null, key: null, wanted: value };
  });
}

/**
 * For each element that is wanted, which of the known ones it is or replaces; null: it is new.
 * Equal elements at both ends stay; what is between them is paired from its beginning.
 */
export function pairing(known: unknown[], wanted: unknown[]): (number | null)[] {
  const shorter = Math.min(known.length, wanted.length);
  let [head, tail] = [0, 0];
  while (head < shorter && isSame(known[head], wanted[head])) head += 1;
  while (tail < shorter - head && isSame(known.at(-1 - tail), wanted.at(-1 - tail))) tail += 1;
  const inTail = wanted.length - tail;
  return wanted.map((_, at) => {
    if (at >= inTail) return at - wanted.length + known.length;
    return at < known.length - tail ? at : null;
  });
}
