/** What comes of calling a function: its value, or an error in the platform's words. */
import { Outage, Refusal, messageOf } from "./failure.ts";
import { takeRandom } from "./ids.ts";
import { isStorageTrouble } from "./store.ts";
import type { Encoded } from "./values.ts";

/** What came of a call. The texts are JSON of encoded values; `message` is for people. */
export type Outcome =
  | { ok: true; value: string; ts: bigint; logLines: string[] }
  | { ok: false; message: string; data: string | null; logLines: string[] };

/** Turns what a function or the platform throws into an outcome. Outages and SQLite's troubles pass. */
export async function reported(run: (logLines: string[]) => Promise<Outcome>): Promise<Outcome> {
  const logLines: string[] = [];
  try {
    return await run(logLines);
  } catch (error) {
    if (error instanceof Outage || isStorageTrouble(error)) throw error;
    const requestId = takeRandom(8).toString("hex");
    const message = `[Request ID: ${requestId}] Server Error\n${describe(error)}`;
    return { ok: false, message, data: errorData(error), logLines };
  }
}

/**
 * The JSON text that npm `convex` puts into a ConvexError on its way out of a function, or null.
 */
function errorData(thrown: unknown): string | null {
  const isConvexError =
    typeof thrown === "object" &&
    thrown !== null &&
    Symbol.for("ConvexError") in thrown &&
    "data" in thrown;
  return isConvexError && typeof thrown.data === "string" ? thrown.data : null;
}

function describe(thrown: unknown): string {
  if (thrown instanceof Refusal) {
    const named = thrown.code.endsWith("ValidationError") ? `${thrown.code}: ` : "";
    return `${named}${thrown.message}`;
  }
  if (!(thrown instanceof Error)) return `Uncaught ${messageOf(thrown)}`;
  const data = errorData(thrown);
  return data === null
    ? `Uncaught ${thrown.name}: ${thrown.message}`
    : `Uncaught ConvexError: ${data}`;
}

/**
 * A rejection in the form that npm `convex` rethrows in the caller: a message, and the data of a
 * ConvexError.
 */
class CalledFunctionError extends Error {
  readonly data: Encoded | undefined;

  constructor(message: string, data: string | null) {
    super(message);
    this.data = data === null ? undefined : (JSON.parse(data) as Encoded);
  }
}

/** Runs a function called by another; what it throws takes the form the caller can rethrow. */
export async function rethrowable<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw new CalledFunctionError(describe(error), errorData(error));
  }
}

export function valueOrThrow(outcome: Outcome): string {
  if (outcome.ok) return outcome.value;
  throw new CalledFunctionError(outcome.message, outcome.data);
}
