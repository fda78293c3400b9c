/** What one page of an aggregate hands to the next, as an opaque cursor. Pure. */
import { fromBase64, toBase64 } from "./base64";
import { isObject } from "./fields";
import { Summary } from "./rollup";
import { addEncoded, encodeSketch } from "./sketch";
import { trouble } from "./trouble";

/**
 * `next` is the time from which reading goes on, `total` sums up all before, `open` the part of
 * the bucket that the place lies in.
 */
export type Carry = {
  next: number;
  total: Summary;
  open: { start: number; summary: Summary } | null;
};

export function encodeCarry({ next, total, open }: Carry): string {
  const begun = open === null ? null : { start: open.start, summary: written(open.summary) };
  return JSON.stringify({ next, total: written(total), open: begun });
}

/** No cursor: the beginning. Throws `invalid` for a text that is no cursor. */
export function decodeCarry(cursor: string | null): Carry {
  if (cursor === null) return { next: -Infinity, total: new Summary(), open: null };
  try {
    const { next, total, open } = JSON.parse(cursor) as Record<string, unknown>;
    const begun = isObject(open)
      ? { start: number(open.start), summary: read(open.summary) }
      : null;
    return { next: number(next), total: read(total), open: begun };
  } catch {
    throw trouble("invalid", "cursor is not one that this function answered");
  }
}

/** Numbers as text: a sum may be Infinity, which JSON does not have. */
function written({ count, sum, min, max, sketch }: Summary): string[] {
  return [...[count, sum, min, max].map(String), toBase64(encodeSketch(sketch))];
}

function read(value: unknown): Summary {
  const [count, sum, min, max, sketch] = value as string[];
  const summary = new Summary();
  const numbers = { count: Number(count), sum: Number(sum), min: Number(min), max: Number(max) };
  Object.assign(summary, numbers);
  addEncoded(summary.sketch, fromBase64(sketch ?? ""));
  return summary;
}

function number(value: unknown): number {
  if (typeof value !== "number") throw new TypeError("not a number");
  return value;
}
