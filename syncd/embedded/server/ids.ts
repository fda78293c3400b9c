/**
 * Document ids: Crockford base32 of (table number as a varint, eight bytes of row number, eight
 * random bytes, two bytes of Fletcher-16), the shape and alphabet of the platform's ids.
 *
 * To applications an id is opaque. Inside, the row number finds the document without another index.
 */
import { randomFillSync } from "node:crypto";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const DIGITS = new Map([...ALPHABET].map((digit, value) => [digit, value]));

/** What an id says: the number of its table and the row within it. */
export interface IdParts {
  table: number;
  row: number;
}

export function makeId(table: number, row: number): string {
  const body = Buffer.alloc(16);
  body.writeBigUInt64BE(BigInt(row), 0);
  takeRandom(8).copy(body, 8);
  const content = Buffer.concat([varint(table), body]);
  return base32(Buffer.concat([content, fletcher16(content)]));
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
  const bytes = id.length < 31 || id.length > 37 ? null : unbase32(id);
  if (bytes === null || bytes.length < 19) return null;
  const content = bytes.subarray(0, -2);
  if (!fletcher16(content).equals(bytes.subarray(-2))) return null;
  const table = unvarint(content.subarray(0, -16));
  const row = Number(content.readBigUInt64BE(content.length - 16));
  return table === null || !Number.isSafeInteger(row) ? null : { table, row };
}

/** Ids whose tables are remembered: those of a call's devices are met again and again. */
const REMEMBERED = 1000;

/** A function from an id to the name of its table, given the names by table number. */
export function makeTableOfId(names: ReadonlyMap<number, string>): (id: string) => string | null {
  const known = new Map<string, string>();
  return (id) => {
    const found = known.get(id);
    if (found !== undefined) return found;
    const name = names.get(parseId(id)?.table ?? -1) ?? null;
    if (known.size >= REMEMBERED) known.clear();
    if (name !== null) known.set(id, name);
    return name;
  };
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (; value > 0x7f; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
  return Buffer.from([...bytes, value]);
}

function unvarint(bytes: Buffer): number | null {
  let value = 0;
  for (const [at, byte] of bytes.entries()) {
    if (byte > 0x7f === (at === bytes.length - 1)) return null;
    value += (byte & 0x7f) * 2 ** (7 * at);
  }
  return value;
}

function fletcher16(bytes: Buffer): Buffer {
  let low = 0;
  let high = 0;
  for (const byte of bytes) {
    low = (low + byte) % 255;
    high = (high + low) % 255;
  }
  return Buffer.of(low, high);
}

function base32(bytes: Buffer): string {
  let text = "";
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET[(held >> (bits - 5)) & 31];
  }
  return bits === 0 ? text : text + ALPHABET[(held << (5 - bits)) & 31];
}

function unbase32(text: string): Buffer | null {
  const bytes: number[] = [];
  let held = 0;
  let bits = 0;
  for (const digit of text) {
    const value = DIGITS.get(digit);
    if (value === undefined) return null;
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((held >> bits) & 0xff);
    }
  }
  // Bits that belong to no byte are zero, or one id would have many spellings.
  const isWhole = bits < 5 && (held & ((1 << bits) - 1)) === 0;
  return isWhole ? Buffer.from(bytes) : null;
}
