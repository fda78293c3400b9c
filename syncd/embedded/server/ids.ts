/**
 * Document ids: Crockford base32 of (table number as a varint, eight bytes of row number, eight
 * random bytes, two bytes of Fletcher-16), the shape and alphabet of the platform's ids.
 *
 * To applications an id is opaque. Inside, the row number finds the document without another index.
 */
import { randomFillSync } from "node:crypto";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const NO_DIGIT = 0xff;
/** From the code of an ASCII character to its value. */
const DIGITS = new Uint8Array(128).fill(NO_DIGIT);
for (const [value, digit] of [...ALPHABET].entries()) DIGITS[digit.charCodeAt(0)] = value;

/** What an id says: the number of its table and the row within it. */
export interface IdParts {
  table: number;
  row: number;
}

export function makeId(table: number, row: number): string {
  let length = putVarint(table);
  scratchView.setBigUint64(length, BigInt(row));
  takeRandom(8).copy(scratch, length + 8);
  length += 16;
  scratchView.setUint16(length, fletcher16(length));
  return base32(length + 2);
}

const pool = Buffer.alloc(4096);
let poolUsed = pool.length;

/** Random bytes, from a pool: the system is asked once for many. */
export function takeRandom(length: number): Buffer {
  if (poolUsed + length > pool.length) {
    randomFillSync(pool);
    poolUsed = 0;
  }
  poolUsed += length;
  return Buffer.from(pool.subarray(poolUsed - length, poolUsed));
}

/** The parts of a well-formed id, or null. That there is such a document is another question. */
export function parseId(id: string): IdParts | null {
  const length = id.length < 31 || id.length > 37 ? 0 : unbase32(id);
  if (length < 19 || fletcher16(length - 2) !== scratchView.getUint16(length - 2)) return null;
  const table = varint(length - 18);
  const high = scratchView.getUint32(length - 18);
  // A row number is a safe integer: below 2 ** 53.
  if (table === null || high >= 2 ** 21) return null;
  return { table, row: high * 2 ** 32 + scratchView.getUint32(length - 14) };
}

/** A function from an id to the name of its table, given the names by table number. */
export function makeTableOfId(names: ReadonlyMap<number, string>): (id: string) => string | null {
  return (id) => {
    const parts = parseId(id);
    return parts === null ? null : (names.get(parts.table) ?? null);
  };
}

/** Where the bytes of an id lie while it is made or parsed: ids are met with every document. */
const scratch = Buffer.alloc(32);
const scratchView = new DataView(scratch.buffer, scratch.byteOffset, scratch.length);

/** Writes a number to the beginning of `scratch`; answers its length. */
function putVarint(value: number): number {
  let length = 0;
  for (; value > 0x7f; value >>>= 7) scratch[length++] = (value & 0x7f) | 0x80;
  scratch[length++] = value;
  return length;
}

/** The number that is the first `length` bytes of `scratch`, or null where they are none. */
function varint(length: number): number | null {
  let value = 0;
  for (let at = 0; at < length; at += 1) {
    const byte = scratch[at]!;
    if (byte > 0x7f === (at === length - 1)) return null;
    value += (byte & 0x7f) * 2 ** (7 * at);
  }
  return value;
}

/** Of the first `length` bytes of `scratch`. */
function fletcher16(length: number): number {
  let low = 0;
  let high = 0;
  for (let at = 0; at < length; at += 1) {
    low = (low + scratch[at]!) % 255;
    high = (high + low) % 255;
  }
  return (low << 8) | high;
}

const letters = Buffer.alloc(52);

/** The text of the first `length` bytes of `scratch`. */
function base32(length: number): string {
  let end = 0;
  let held = 0;
  let bits = 0;
  for (let at = 0; at < length; at += 1) {
    held = ((held << 8) | scratch[at]!) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5)
      letters[end++] = ALPHABET.charCodeAt((held >> (bits - 5)) & 31);
  }
  if (bits > 0) letters[end++] = ALPHABET.charCodeAt((held << (5 - bits)) & 31);
  return letters.toString("latin1", 0, end);
}

/** Writes the bytes of a text of at most 37 digits to `scratch`; their number, 0 for none. */
function unbase32(text: string): number {
  let length = 0;
  let held = 0;
  let bits = 0;
  for (let at = 0; at < text.length; at += 1) {
    const value = DIGITS[text.charCodeAt(at)] ?? NO_DIGIT;
    if (value === NO_DIGIT) return 0;
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      scratch[length++] = (held >> bits) & 0xff;
    }
  }
  // Bits that belong to no byte are zero, or one id would have many spellings.
  return bits < 5 && (held & ((1 << bits) - 1)) === 0 ? length : 0;
}
