/**
 * Edits a YAML text with the least change: nodes are replaced where they stand, so comments,
 * order, quotes and layout of everything else stay. Each result is parsed again and is only
 * believed if it says what was asked for.
 */
import {
  Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  Scalar,
  stringify,
  visit,
  type Node,
  type Pair,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { isSame, pairing, Patch, plainOf } from "./editJson";
import { isObject } from "./fields";
import { spelling } from "./spellYaml";
import { documentOf, valueIn } from "./yaml";

type Splice = { start: number; end: number; text: string };

/**
 * `text`, the YAML of a mapping, after the patch; null where that cannot be done safely. Lines that
 * all end in CR LF still do: a text whose lines end in two ways is never merged.
 */
export function editedYaml(text: string, patch: Patch): string | null {
  const isCrLf = text.includes("\r\n") && !/\r(?!\n)|(?<!\r)\n/.test(text);
  return isCrLf ? edited(text.replaceAll("\r\n", "\n"), patch, "\r\n") : edited(text, patch, "\n");
}

function edited(text: string, patch: Patch, line: string): string | null {
  const document = documentOf(text);
  if (document === null || !isMap(document.contents) || !isPlain(document)) return null;
  const root: YAMLMap = document.contents;
  const wanted = patchedValue(valueIn(document), patch);
  // First the finest splices; where layout defeats them, whole fields of the root.
  for (const isFine of [true, false]) {
    const lines = applied(text, new Edit(text, isFine).map(root, patch));
    const result = lines?.replaceAll("\n", line);
    if (result !== undefined && says(result, wanted)) return result;
  }
  return null;
}

/** Whether no node means more than it says: no anchor, alias, tag or merge key. */
function isPlain(document: Document.Parsed): boolean {
  let plain = true;
  visit(document, {
    Node: (_, node) => {
      if (isAlias(node) || node.tag !== undefined || node.anchor !== undefined) plain = false;
    },
    Pair: (_, { key }) => {
      if (!isScalar(key) || key.value === "<<") plain = false;
    },
  });
  return plain;
}

/** What the whole value has to be; undefined where it cannot be told, as with doubled keys. */
function patchedValue(known: unknown, patch: Patch): unknown {
  if (!isObject(known)) return plainOf(patch);
  const kept = Object.entries(known).filter(([key]) => !patch.fields.has(key));
  const set = [...patch.fields].flatMap(([key, wanted]) => {
    const inner = Object.hasOwn(known, key) ? known[key] : undefined;
    if (wanted === null) return [];
    return [[key, wanted instanceof Patch ? patchedValue(inner, wanted) : wanted] as const];
  });
  return Object.fromEntries([...kept, ...set]);
}

function says(text: string, wanted: unknown): boolean {
  const document = documentOf(text);
  return document !== null && isSame(valueIn(document), wanted);
}

/** The text after the splices; null if they cross. */
function applied(text: string, splices: Splice[] | null): string | null {
  if (splices === null) return null;
  let result = "";
  let place = 0;
  for (const { start, end, text: body } of [...splices].sort(inOrder)) {
    if (start < place) return null;
    result += text.slice(place, start) + body;
    place = end;
  }
  return result + text.slice(place);
}

function inOrder(a: Splice, b: Splice): number {
  return a.start - b.start || a.end - b.end;
}

class Edit {
  readonly #text: string;
  readonly #isFine: boolean;
  readonly #unit: string;

  constructor(text: string, isFine: boolean) {
    this.#text = text;
    this.#isFine = isFine;
    this.#unit = /^( +)[^\s#]/m.exec(text)?.[1] ?? "  ";
  }

  /** Splices that make the mapping what the patch says. */
  map(map: YAMLMap, patch: Patch): Splice[] | null {
    if (map.flow === true) return this.#whole(map, patchedValue(map.toJSON(), patch));
    const pairs = map.items as Pair<Scalar, Node | null>[];
    const nameOf = ({ key }: Pair<Scalar, Node | null>) => String(key.value);
    const last = pairs.findLast((pair) => patch.fields.get(nameOf(pair)) !== null);
    const splices: Splice[] = [];
    for (const [key, wanted] of patch.fields) {
      const pair = pairs.find((each) => nameOf(each) === key);
      const some = pair ? this.#field(pair, wanted) : this.#added(last, key, wanted);
      if (last === undefined || some === null) return null;
      splices.push(...some);
    }
    return splices;
  }

  #field(pair: Pair<Scalar, Node | null>, wanted: unknown): Splice[] | null {
    const value = pair.value;
    if (wanted === null) return this.#removed(pair);
    if (isMap(value) && wanted instanceof Patch) return this.map(value, wanted);
    const plain = plainOf(wanted);
    const known = value?.toJSON() as unknown;
    if (isSame(known, plain)) return [];
    if (this.#isFine && isMap(value) && isObject(plain) && isObject(known)) {
      const gone = Object.keys(known).filter((key) => !Object.hasOwn(plain, key));
      if (gone.length < Object.keys(known).length && !Object.values(plain).includes(null)) {
        const nulls = Object.fromEntries(gone.map((key) => [key, null]));
        return this.map(value, new Patch({ ...plain, ...nulls }));
      }
    }
    if (this.#isFine && isSeq(value) && Array.isArray(plain) && value.flow !== true) {
      const some = this.#elements(value, plain);
      if (some !== null) return some;
    }
    return this.#replaced(pair, plain);
  }

  /** Splices for a list of which elements stay; null for any other. */
  #elements(list: YAMLSeq, wanted: unknown[]): Splice[] | null {
    const items = list.items as Node[];
    if (wanted.length === 0 || !items.every(isNode)) return null;
    const known = items.map((item) => item.toJSON() as unknown);
    const from = pairing(known, wanted);
    const kept = new Set(from);
    const gone = items.filter((_, at) => !kept.has(at));
    const some = gone.map((item) => this.#withoutElement(item));
    let before: Node | null = null;
    for (const [at, plain] of wanted.entries()) {
      const item: Node | null = items[from[at] ?? -1] ?? null;
      some.push(item ? this.#element(item, plain) : this.#newElement(before, items[0], plain));
      before = item ?? before;
    }
    return some.includes(null) ? null : some.flatMap((each) => each ?? []);
  }

  #element(item: Node, plain: unknown): Splice[] | null {
    if (isSame(item.toJSON(), plain)) return [];
    return isMap(item) && isObject(plain) && item.flow !== true
      ? this.#field({ value: item } as Pair<Scalar, Node>, plain)
      : this.#whole(item, plain);
  }

  /** Behind an element, or before the first. */
  #newElement(before: Node | null, first: Node | undefined, plain: unknown): Splice[] | null {
    const start = (before ?? first)?.range?.[0];
    const dash = start === undefined ? null : this.#dashOf(start);
    if (start === undefined || dash === null) return null;
    const body = this.#block([plain], " ".repeat(dash));
    const place = before ? this.#endOfLine(this.#endOf(before)) : this.#startOfLine(start);
    return [{ start: place, end: place, text: before ? `\n${body}` : `${body}\n` }];
  }

  /** Its lines go; those of comments before it stay. */
  #withoutElement(item: Node): Splice[] | null {
    const start = item.range?.[0];
    if (start === undefined || this.#dashOf(start) === null) return null;
    return [this.#withoutLines(this.#startOfLine(start), this.#endOf(item))];
  }

  /** In one piece and, but at the end of a line of its own, on one line. */
  #whole(node: Node, wanted: unknown): Splice[] | null {
    if (node.range == null || isMultiline(node)) return null;
    const old = isScalar(node) ? node : undefined;
    return [{ start: node.range[0], end: this.#endOf(node), text: inline(wanted, old) }];
  }

  /** The value behind the key's colon is written anew, in a block where it was or would be one. */
  #replaced(pair: Pair<Scalar, Node | null>, wanted: unknown): Splice[] | null {
    const { key, value } = pair;
    if (key?.range == null) return null;
    const colon = this.#text.indexOf(":", key.range[1]) + 1;
    const end = value?.range == null ? colon : Math.max(colon, this.#endOf(value));
    if (value?.range != null && this.#text.slice(colon, value.range[0]).includes("#")) return null;
    const isFlow = value != null && !isScalar(value) && !isMultiline(value);
    const old = isScalar(value) ? value : undefined;
    const text = isFlow ? ` ${inline(wanted)}` : this.#valueText(wanted, this.#columnOf(key), old);
    return [{ start: colon, end, text }];
  }

  /** Below the last field that stays. */
  #added(last: Pair<Scalar, Node | null> | undefined, key: string, wanted: unknown) {
    if (wanted === null) return [];
    if (last?.key.range == null) return null;
    const column = this.#columnOf(last.key);
    const end = this.#endOfLine(this.#endOf(last.value ?? last.key));
    const name = inline(key);
    const text = `\n${" ".repeat(column)}${name}:${this.#valueText(plainOf(wanted), column)}`;
    return [{ start: end, end, text }];
  }

  /** The lines of the field; those of comments before it stay. */
  #removed({ key, value }: Pair<Scalar, Node | null>): Splice[] | null {
    if (key?.range == null) return null;
    const line = this.#startOfLine(key.range[0]);
    if (this.#text.slice(line, key.range[0]).trim() !== "") return null;
    return [this.#withoutLines(line, this.#endOf(value ?? key))];
  }

  #withoutLines(line: number, place: number): Splice {
    const end = this.#endOfLine(place);
    // Without a final newline the one before the lines goes.
    const isLast = end === this.#text.length;
    return { start: isLast ? line - 1 : line, end: isLast ? end : end + 1, text: "" };
  }

  /** What follows a key's colon. */
  #valueText(value: unknown, column: number, old?: Scalar): string {
    const isBlock = typeof value === "object" && value !== null && Object.keys(value).length > 0;
    if (!isBlock) return ` ${inline(value, old)}`;
    return `\n${this.#block(value, " ".repeat(column) + this.#unit)}`;
  }

  #block(value: unknown, indent: string): string {
    const settings = { lineWidth: 0, indent: this.#unit.length, blockQuote: false } as const;
    const text = stringify(value, { ...spelling, ...settings });
    return text.trimEnd().replace(/^/gm, indent);
  }

  #columnOf(node: Scalar): number {
    const start = node.range?.[0] ?? 0;
    return start - this.#startOfLine(start);
  }

  /** The column of the dash before an element that has it on its own line. */
  #dashOf(start: number): number | null {
    const line = this.#startOfLine(start);
    const space = /^( *)-[ ]+$/.exec(this.#text.slice(line, start))?.[1];
    return space === undefined ? null : space.length;
  }

  #startOfLine(place: number): number {
    return this.#text.lastIndexOf("\n", place - 1) + 1;
  }

  #endOfLine(place: number): number {
    const end = this.#text.indexOf("\n", place);
    return end === -1 ? this.#text.length : end;
  }

  /** Behind the last token of a node, before comments and line ends. */
  #endOf(node: Node): number {
    if ((isMap(node) || isSeq(node)) && node.flow !== true) {
      const last = node.items.at(-1);
      if (isPair(last)) return this.#endOf((last.value ?? last.key) as Node);
      if (isNode(last)) return this.#endOf(last);
    }
    const end = node.range?.[1] ?? 0;
    const start = node.range?.[0] ?? end;
    return start + this.#text.slice(start, end).trimEnd().length;
  }
}

function isMultiline(node: Node): boolean {
  return (isMap(node) || isSeq(node)) && node.flow !== true;
}

/** A value on one line; a string in the quotes of the one before it. */
function inline(value: unknown, old?: Scalar): string {
  const document = new Document(value, spelling);
  const node = document.contents;
  if (isScalar(node) && typeof value === "string" && old !== undefined) {
    const quoted = old.type === Scalar.QUOTE_DOUBLE || old.type === Scalar.QUOTE_SINGLE;
    if (quoted) node.type = old.type;
  }
  const settings = { lineWidth: 0, blockQuote: false, collectionStyle: "flow" } as const;
  return document.toString({ ...settings, flowCollectionPadding: false }).trimEnd();
}
