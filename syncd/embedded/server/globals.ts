/**
 * The globals that functions see in place of the process's own, outside of functions unchanged.
 *
 * As on the platform, queries and mutations have one present, no timers and no fetch, and what they
 * print is part of the answer.
 */
import { hash, webcrypto } from "node:crypto";
import { inspect } from "node:util";
import { Refusal } from "./failure.ts";
import { frames } from "./frame.ts";
import { LIMITS } from "./limits.ts";

export function installGlobals(): void {
  globalThis.Date = frozenDate(globalThis.Date);
  for (const level of ["debug", "log", "info", "warn", "error"] as const) captureLog(level);
  for (const name of ["fetch", "setTimeout", "setInterval", "setImmediate"] as const)
    refuseInTransaction(name);
  webcrypto.subtle.digest = digestAtOnce;
}

/** `Date` whose present is the start of the query or mutation that asks. */
function frozenDate(RealDate: DateConstructor): DateConstructor {
  const present = () => frames.getStore()?.transaction?.startedAt ?? RealDate.now();
  return new Proxy(RealDate, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [present()] : args, newTarget) as Date,
    apply: () => new RealDate(present()).toString(),
    get: (target, name) => (name === "now" ? present : (Reflect.get(target, name) as unknown)),
  });
}

function captureLog(level: "debug" | "log" | "info" | "warn" | "error"): void {
  const write = console[level].bind(console);
  console[level] = (...args: unknown[]) => {
    const frame = frames.getStore();
    if (frame === undefined) return write(...args);
    if (frame.logLines.length < LIMITS.logLines)
      frame.logLines.push(`[${level.toUpperCase()}] ${args.map((arg) => inspect(arg)).join(" ")}`);
  };
}

function refuseInTransaction(name: "fetch" | "setTimeout" | "setInterval" | "setImmediate"): void {
  const allowed = globalThis[name] as (...args: unknown[]) => unknown;
  const guarded = (...args: unknown[]) => {
    if (frames.getStore()?.transaction != null)
      throw new Refusal(
        "NotAllowedInQueriesAndMutations",
        `Can't use ${name}() in queries and mutations. Please consider using an action.`,
      );
    return allowed(...args);
  };
  Object.assign(globalThis, { [name]: Object.assign(guarded, allowed) });
}

/**
 * Node digests on another thread, which takes longer to reach than a document takes to digest, and
 * a mutation that waits holds up all others.
 */
function digestAtOnce(
  algorithm: webcrypto.AlgorithmIdentifier,
  data: webcrypto.BufferSource,
): Promise<ArrayBuffer> {
  return new Promise((resolve) => {
    const name = (typeof algorithm === "string" ? algorithm : algorithm.name).toLowerCase();
    if (!DIGESTS.has(name))
      throw new DOMException(`Unrecognized algorithm name ${name}`, "NotSupportedError");
    const bytes = ArrayBuffer.isView(data)
      ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      : new Uint8Array(data);
    resolve(new Uint8Array(hash(name, bytes, "buffer")).buffer);
  });
}

const DIGESTS: ReadonlySet<string> = new Set(["sha-1", "sha-256", "sha-384", "sha-512"]);
