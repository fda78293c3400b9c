/**
 * Reading a record of unknown content field by field. Every reader is total: a field that is
 * absent or of another type reads as undefined, and what comes out is legal in a Convex document
 * (well-formed strings of bounded length, finite numbers).
 */

/** Strings in columns are for finding and listing; the whole text is a `get` away. */
const NAME_LENGTH = 300;
/** Every id that a record of a file of many may have is whole: see ID_BYTES in `model/key.ts`. */
const ID_LENGTH = 512;
const PROSE_LENGTH = 2000;
const TAGS = 100;
/** The largest time that a Date can hold, in ms. */
const MAX_TIME = 8.64e15;

/** The fields of one object, and the flags of what was lost in reading them. */
export class Fields {
  readonly flags: Set<string>;
  readonly #fields: Record<string, unknown>;

  constructor(value: unknown, flags = new Set<string>()) {
    this.flags = flags;
    this.#fields = isObject(value) ? value : {};
  }

  /** The first of these fields that is present and not null. */
  raw(...names: string[]): unknown {
    for (const name of names) {
      const value = Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined;
      if (value !== undefined && value !== null) return value;
    }
    return undefined;
  }

  object(name: string): Fields {
    return new Fields(this.raw(name), this.flags);
  }

  /** A short string; a number reads as its decimal digits (ids and versions come as either). */
  text(...names: string[]): string | undefined {
    return this.#short(names, NAME_LENGTH);
  }

  /** What records are found by; a number reads as its digits too. */
  id(name: string): string | undefined {
    return this.#short([name], ID_LENGTH);
  }

  prose(...names: string[]): string | undefined {
    return this.#cut(this.raw(...names), PROSE_LENGTH);
  }

  number(...names: string[]): number | undefined {
    return plain(this.raw(...names));
  }

  boolean(name: string): boolean | undefined {
    const value = this.raw(name);
    return typeof value === "boolean" ? value : undefined;
  }

  /** Milliseconds since the epoch. */
  time(...names: string[]): number | undefined {
    return milliseconds(this.raw(...names));
  }

  /** How many elements the list has, or keys the object. */
  count(...names: string[]): number | undefined {
    const value = this.raw(...names);
    if (Array.isArray(value)) return value.length;
    return isObject(value) ? Object.keys(value).length : undefined;
  }

  /** A list of strings, or of objects that have a name. */
  tags(name: string): string[] {
    const value = this.raw(name);
    if (!Array.isArray(value)) return [];
    if (value.length > TAGS) this.flags.add("cut");
    return value.slice(0, TAGS).flatMap((element: unknown) => {
      const tag = isObject(element) ? new Fields(element).raw("name") : element;
      return this.#cut(tag, NAME_LENGTH) ?? [];
    });
  }

  #short(names: string[], length: number): string | undefined {
    const value = this.raw(...names);
    return this.#cut(typeof value === "number" ? String(value) : value, length);
  }

  #cut(value: unknown, length: number): string | undefined {
    if (typeof value !== "string") return undefined;
    if (value.length > length) this.flags.add("cut");
    return value.slice(0, length).toWellFormed();
  }
}

/** An ISO 8601 string (without a zone: UTC) or milliseconds; anything else is undefined. */
export function milliseconds(value: unknown): number | undefined {
  const time = plain(typeof value === "string" ? parseTime(value) : value);
  return time !== undefined && Math.abs(time) <= MAX_TIME ? time : undefined;
}

/** A finite number; -0 becomes 0, which an index holds to be another value. */
function plain(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value + 0 : undefined;
}

/** As `syncd/stores/times.py` reads it too. */
const ISO =
  /^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(?: ?([Zz]|[+-]\d\d(?::?\d\d)?))?)?$/;

function parseTime(value: string): number {
  const [, date = "", time, zone = "Z"] = ISO.exec(value) ?? [];
  if (time === undefined) return Date.parse(date);
  // Date.parse reads a time without a zone in the host's zone, which is not the same everywhere,
  // and one whose zone has no minutes as none, or in UTC.
  const whole = zone.length === "+01".length ? `${zone}:00` : zone.toUpperCase();
  return Date.parse(`${date}T${time}${whole}`);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
