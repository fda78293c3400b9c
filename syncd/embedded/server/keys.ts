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

/**
 * The key of a row of values; an absent field is `undefined`. The commit-timestamp placeholder
 * stands for `commitTs`, which sorts above all others until it is known.
 */
export function encodeKey(
  values: readonly (Encoded | undefined)[],
  commitTs: bigint = MAX_INTEGER,
): Buffer {
  written = 0;
  for (const value of values) append(value, commitTs);
  return copyOf(scratch, written, written);
}

/**
 * The smallest byte string above every one that starts with `prefix`. `prefix` must hold a byte
 * below 0xff.
 */
export function after(prefix: Uint8Array): Buffer {
  let end = prefix.length;
  while (end > 0 && prefix[end - 1] === 0xff) end -= 1;
  const next = copyOf(prefix, end, end);
  next[end - 1]! += 1;
  return next;
}

/** The smallest byte string above `key`. */
export function justAfter(key: Uint8Array): Buffer {
  const next = copyOf(key, key.length, key.length + 1);
  next[key.length] = 0;
  return next;
}

/** The first `used` bytes of `bytes`, in a buffer of this length; what follows is yet to be set. */
function copyOf(bytes: Uint8Array, used: number, length: number): Buffer {
  const copy = Buffer.allocUnsafe(length);
  copy.set(used === bytes.length ? bytes : bytes.subarray(0, used));
  return copy;
}

/** The value at a path of field names in a document, `undefined` where there is none. */
export function fieldAt(document: EncodedObject, path: readonly string[]): Encoded | undefined {
  let value: Encoded | undefined = document;
  for (const name of path) {
    if (value === null || typeof value !== "object" || Array.isArray(value)) return undefined;
    value = Object.hasOwn(value, name) ? value[name] : undefined;
  }
  return value;
}

/** Where keys are put together: one at a time, then copied. */
let scratch = Buffer.alloc(4096);
let written = 0;

/** Makes room for so many more bytes; answers where they begin. */
function reserve(length: number): number {
  if (written + length > scratch.length) {
    const larger = Buffer.alloc(2 * (written + length));
    scratch.copy(larger, 0, 0, written);
    scratch = larger;
  }
  written += length;
  return written - length;
}

function appendTag(tag: number): void {
  const at = reserve(1);
  scratch[at] = tag;
}

function append(value: Encoded | undefined, commitTs: bigint): void {
  if (value === undefined) appendTag(TAG.undefined);
  else if (value === null) appendTag(TAG.null);
  else if (typeof value === "boolean") appendTag(value ? TAG.true : TAG.false);
  else if (typeof value === "number") appendFloat(value);
  else if (typeof value === "string") appendText(value);
  else if (Array.isArray(value)) appendAll(TAG.array, value, commitTs);
  else appendObject(value, commitTs);
}

function appendAll(tag: number, values: Encoded[], commitTs: bigint): void {
  appendTag(tag);
  for (const value of values) append(value, commitTs);
  appendTag(TAG.end);
}

function appendObject(value: EncodedObject, commitTs: bigint): void {
  switch (specialKey(value)) {
    case null:
      return appendAll(TAG.object, Object.entries(value).sort(byKey).flat(), commitTs);
    case "$undefined":
      return append(undefined, commitTs);
    case "$integer":
      return appendInteger(integerOf(value["$integer"] as string));
    case "$commitTs":
      return appendInteger(commitTs);
    case "$float":
      return appendFloat(floatOf(value["$float"] as string));
    case "$bytes":
      return appendDelimited(TAG.bytes, Buffer.from(value["$bytes"] as string, "base64"));
  }
}

/** Keys are ASCII, where the order of UTF-16 units is the order of bytes. */
function byKey(left: [string, Encoded], right: [string, Encoded]): number {
  return left[0] < right[0] ? -1 : 1;
}

function appendText(text: string): void {
  if (text.includes("\0")) return appendDelimited(TAG.string, Buffer.from(text));
  const at = reserve(3 * text.length + 3);
  scratch[at] = TAG.string;
  const end = at + 1 + scratch.write(text, at + 1);
  scratch[end] = 0;
  scratch[end + 1] = 0;
  written = end + 2;
}

/**
 * A zero byte becomes 00 ff and the end is 00 00, so that a string sorts before its own
 * continuations.
 */
function appendDelimited(tag: number, content: Buffer): void {
  let at = reserve(2 * content.length + 3);
  scratch[at++] = tag;
  for (const byte of content) {
    scratch[at++] = byte;
    if (byte === 0) scratch[at++] = 0xff;
  }
  scratch[at++] = 0;
  scratch[at++] = 0;
  written = at;
}

function appendInteger(value: bigint): void {
  const at = reserve(9);
  scratch[at] = TAG.integer;
  scratch.writeBigUInt64BE(BigInt.asUintN(64, value) ^ (1n << 63n), at + 1);
}

/** IEEE total order: a negative number has all its bits turned, any other its sign. */
function appendFloat(value: number): void {
  const start = reserve(9);
  scratch[start] = TAG.float;
  scratch.writeDoubleBE(value, start + 1);
  if (scratch[start + 1]! < 0x80) scratch[start + 1]! |= 0x80;
  else for (let at = start + 1; at < start + 9; at += 1) scratch[at] = ~scratch[at]! & 0xff;
}
