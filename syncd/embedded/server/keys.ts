/**
 * Index keys: byte strings whose `memcmp` order is Convex's order of values,
 * undefined < null < int64 < float64 < false < true < string < bytes < array < object.
 *
 * Every encoding says itself where it ends and none is a prefix of another, so the keys that start
 * with given values are exactly those in [prefix, after(prefix)). The tags are free to choose: only
 * their order counts.
 */
import { floatOf, integerOf, specialKey, type Encoded, type EncodedObject } from "./values.ts";

const TAG = {
  end: 0x00,
  undefined: 0x01,
  null: 0x03,
  integer: 0x0a,
  float: 0x0d,
  false: 0x0e,
  true: 0x0f,
  string: 0x10,
  bytes: 0x11,
  array: 0x12,
  object: 0x15,
} as const;

const MAX_INTEGER = 2n ** 63n - 1n;

/** The key of a row of values; an absent field is `undefined`. */
export function encodeKey(values: readonly (Encoded | undefined)[]): Buffer {
  const parts: Buffer[] = [];
  for (const value of values) append(parts, value);
  return Buffer.concat(parts);
}

/**
 * The smallest byte string above every one that starts with `prefix`. `prefix` must hold a byte
 * below 0xff.
 */
export function after(prefix: Uint8Array): Buffer {
  let end = prefix.length;
  while (end > 0 && prefix[end - 1] === 0xff) end -= 1;
  const next = Buffer.from(prefix.subarray(0, end));
  next[end - 1]! += 1;
  return next;
}

/** The smallest byte string above `key`. */
export function justAfter(key: Uint8Array): Buffer {
  return Buffer.concat([key, ZERO]);
}

const ZERO = Buffer.of(0);

/** The value at a dotted path of a document, `undefined` where there is none. */
export function fieldAt(document: EncodedObject, path: string): Encoded | undefined {
  let value: Encoded | undefined = document;
  for (const name of path.split(".")) {
    if (value === null || typeof value !== "object" || Array.isArray(value)) return undefined;
    value = Object.hasOwn(value, name) ? value[name] : undefined;
  }
  return value;
}

function append(parts: Buffer[], value: Encoded | undefined): void {
  if (value === undefined) parts.push(Buffer.of(TAG.undefined));
  else if (value === null) parts.push(Buffer.of(TAG.null));
  else if (typeof value === "boolean") parts.push(Buffer.of(value ? TAG.true : TAG.false));
  else if (typeof value === "number") parts.push(floatKey(value));
  else if (typeof value === "string") parts.push(delimited(TAG.string, Buffer.from(value)));
  else if (Array.isArray(value)) appendAll(parts, TAG.array, value);
  else appendObject(parts, value);
}

function appendAll(parts: Buffer[], tag: number, values: Encoded[]): void {
  parts.push(Buffer.of(tag));
  for (const value of values) append(parts, value);
  parts.push(Buffer.of(TAG.end));
}

function appendObject(parts: Buffer[], value: EncodedObject): void {
  switch (specialKey(value)) {
    case null:
      return appendAll(parts, TAG.object, Object.entries(value).sort(byKey).flat());
    case "$undefined":
      return append(parts, undefined);
    case "$integer":
      parts.push(integerKey(integerOf(value["$integer"] as string)));
      return;
    case "$commitTs":
      parts.push(integerKey(MAX_INTEGER));
      return;
    case "$float":
      parts.push(floatKey(floatOf(value["$float"] as string)));
      return;
    case "$bytes":
      parts.push(delimited(TAG.bytes, Buffer.from(value["$bytes"] as string, "base64")));
  }
}

/** Keys are ASCII, where the order of UTF-16 units is the order of bytes. */
function byKey(left: [string, Encoded], right: [string, Encoded]): number {
  return left[0] < right[0] ? -1 : 1;
}

/**
 * A zero byte becomes 00 ff and the end is 00 00, so that a string sorts before its own
 * continuations.
 */
function delimited(tag: number, content: Buffer): Buffer {
  const zeros = content.includes(0) ? content.reduce((n, byte) => n + (byte === 0 ? 1 : 0), 0) : 0;
  const out = Buffer.alloc(content.length + zeros + 3);
  out[0] = tag;
  if (zeros === 0) {
    content.copy(out, 1);
    return out;
  }
  let at = 1;
  for (const byte of content) {
    out[at++] = byte;
    if (byte === 0) out[at++] = 0xff;
  }
  return out;
}

function integerKey(value: bigint): Buffer {
  const out = Buffer.alloc(9);
  out[0] = TAG.integer;
  out.writeBigUInt64BE(BigInt.asUintN(64, value) ^ (1n << 63n), 1);
  return out;
}

/** IEEE total order: a negative number has all its bits turned, any other its sign. */
function floatKey(value: number): Buffer {
  const out = Buffer.alloc(9);
  out[0] = TAG.float;
  out.writeDoubleBE(value, 1);
  if (out[1]! < 0x80) out[1]! |= 0x80;
  else for (let at = 1; at < 9; at += 1) out[at] = ~out[at]! & 0xff;
  return out;
}
