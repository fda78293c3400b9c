/** Where things stand in a JSON text that is known to parse. */

/**
 * A member of an object or an element of a list (`key` null), from `start` to its value's `end`;
 * `after` is the end of the one before it, null of the first.
 */
export type Item = {
  key: string | null;
  after: number | null;
  start: number;
  value: number;
  end: number;
};

/** A container's items, and where its closing bracket is. */
export type Items = { items: Item[]; close: number };

/** The items of the object or list whose bracket is at `open`. */
export function itemsAt(text: string, open: number): Items {
  const inObject = text[open] === "{";
  const items: Item[] = [];
  let place = pastSpace(text, open + 1);
  let after: number | null = null;
  while (text[place] !== "}" && text[place] !== "]") {
    const start = place;
    const keyEnd = inObject ? pastString(text, start) : start;
    const value = inObject ? pastSpace(text, pastSpace(text, keyEnd) + 1) : start;
    const end = pastValue(text, value);
    const key = inObject ? (JSON.parse(text.slice(start, keyEnd)) as string) : null;
    items.push({ key, after, start, value, end });
    after = end;
    place = pastSpace(text, end);
    if (text[place] === ",") place = pastSpace(text, place + 1);
  }
  return { items, close: place };
}

/** How many levels the text nests. */
export function levelsOf(text: string): number {
  let [level, most] = [0, 0];
  for (let place = 0; place < text.length;) {
    const token = text[place];
    if (token === "{" || token === "[") most = Math.max(most, ++level);
    else if (token === "}" || token === "]") level -= 1;
    place = token === '"' ? pastString(text, place) : place + 1;
  }
  return most;
}

export function pastSpace(text: string, place: number): number {
  while (isSpace(text.charCodeAt(place))) place += 1;
  return place;
}

/** Without recursion: files may nest deeper than the stack is. */
function pastValue(text: string, place: number): number {
  let depth = 0;
  do {
    const token = text[place];
    if (token === '"') place = pastString(text, place);
    else if (token === "{" || token === "[") [depth, place] = [depth + 1, place + 1];
    else if (token === "}" || token === "]") [depth, place] = [depth - 1, place + 1];
    else place = pastPlain(text, place);
    if (depth > 0) while (isBetween(text.charCodeAt(place))) place += 1;
  } while (depth > 0);
  return place;
}

function pastPlain(text: string, place: number): number {
  for (let code = text.charCodeAt(place); !isEnd(code); code = text.charCodeAt(place)) place += 1;
  return place;
}

/** From one quote to the next: most of a long text lies in its strings. */
function pastString(text: string, place: number): number {
  let end = text.indexOf('"', place + 1);
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end + 1;
}

/** Whether an odd number of backslashes stands before the quote. */
function isEscaped(text: string, quote: number): boolean {
  let start = quote;
  while (text.charCodeAt(start - 1) === BACKSLASH) start -= 1;
  return (quote - start) % 2 === 1;
}

const BACKSLASH = 0x5c;
const [COMMA, COLON, BRACE, BRACKET] = [0x2c, 0x3a, 0x7d, 0x5d];

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

function isBetween(code: number): boolean {
  return isSpace(code) || code === COMMA || code === COLON;
}

/** Behind the text there is no code, but NaN. */
function isEnd(code: number): boolean {
  return isBetween(code) || code === BRACE || code === BRACKET || Number.isNaN(code);
}
