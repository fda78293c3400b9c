/**
 * The built-in index by creation time. It needs no table of its own: the row number of a document,
 * by which its table is ordered, is its creation time in microseconds.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { encodeKey } from "./keys.ts";
import { BY_CREATION_TIME, type Entry, type Index, type KeyRange, type Order } from "./catalog.ts";
import type { Row } from "./catalog.ts";
import type { EncodedObject } from "./values.ts";

/** Above every row number that has a creation time of its own. */
const END = 2 ** 52;

/** Milliseconds, with the microseconds as their fraction. */
export function creationTime(rid: number): number {
  return rid / 1000;
}

export class CreationIndex implements Index {
  readonly name = BY_CREATION_TIME;
  readonly fields = ["_creationTime"];
  readonly #scan: Record<Order, StatementSync>;

  constructor(db: DatabaseSync, table: number) {
    const scan = (order: Order) =>
      db.prepare(
        `SELECT rid, size, json FROM documents_${table}
         WHERE rid >= ? AND rid < ? ORDER BY rid ${order} LIMIT ? + 0`,
      );
    this.#scan = { asc: scan("asc"), desc: scan("desc") };
  }

  keyOf(document: EncodedObject): Buffer {
    return encodeKey([document["_creationTime"]]);
  }

  isOpen(): boolean {
    return false;
  }

  insert(): void {}

  remove(): void {}

  scan({ low, high }: KeyRange, order: Order, limit: number): Entry[] {
    const rows = this.#scan[order].all(firstFrom(low), firstFrom(high), limit);
    return (rows as unknown as Row[]).map((row) => ({ ...row, key: keyOfRow(row.rid) }));
  }
}

function keyOfRow(rid: number): Buffer {
  return encodeKey([creationTime(rid)]);
}

/** The first row number whose key is not below a bound, which may be no whole key. */
function firstFrom(bound: Uint8Array): number {
  let [low, high] = [0, END];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (Buffer.compare(keyOfRow(middle), bound) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
