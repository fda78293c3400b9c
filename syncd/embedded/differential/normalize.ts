/**
 * Replaces what two worlds must differ in (ids, tokens, times) by the order in which it first
 * appeared.
 */
import type { Value } from "convex/values";

const NAMES = new Set(["_id", "device", "entry", "origin", "deployment", "token", "log", "blob"]);
const TIMES = new Set(["seenAt", "waitedSince"]);
const PLACES = new Set(["cursor", "head", "before"]);
/** URLs of file storage: that there is one is all that can be compared. */
const ADDRESSES = new Set(["url"]);

export class Labels {
  readonly #known = new Map<string, string>();

  /** The same value with labels; one `Labels` for all answers of one world, in their order. */
  normalize(value: Value | undefined, name = ""): unknown {
    if (typeof value === "bigint") return this.#label("time", value);
    if (typeof value === "string" && ADDRESSES.has(name)) return "an address";
    if (typeof value === "string" && NAMES.has(name)) return this.#label("name", value);
    if (typeof value === "string" && PLACES.has(name)) return this.#place(value);
    if (typeof value === "number" && name === "_creationTime")
      return this.#label("creation", value);
    if (typeof value === "number" && TIMES.has(name)) return "a time of day";
    if (Array.isArray(value)) return value.map((each) => this.normalize(each, name));
    if (value === null || typeof value !== "object" || value instanceof ArrayBuffer) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, this.normalize(inner as Value, key)]),
    );
  }

  /** A place in the feed is the time of a commit, or the start. */
  #place(cursor: string): string {
    return cursor === "0" ? cursor : this.#label("time", BigInt(cursor));
  }

  #label(kind: string, value: unknown): string {
    const key = `${kind} ${String(value)}`;
    const label = this.#known.get(key) ?? `${kind}#${this.#known.size}`;
    this.#known.set(key, label);
    return label;
  }
}
