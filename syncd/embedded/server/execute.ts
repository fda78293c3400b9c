/** One execution of a function: its frame, the checks of what goes in and comes out, its time. */
import { Refusal } from "./failure.ts";
import { frames, type Caller, type Frame, type Journal } from "./frame.ts";
import { takeRandom } from "./ids.ts";
import { LIMITS, mebibytes } from "./limits.ts";
import type { TableOfId, Validator } from "./validate.ts";
import { inOrder, sizeOf, type Encoded, type EncodedObject } from "./values.ts";
import type { Fn } from "./functions.ts";
import type { Transaction } from "./transaction.ts";

/** The frame of a function at a depth of calls; `transaction` is null for an action. */
export function frameOf(
  fn: Fn,
  transaction: Transaction | null,
  caller: Caller,
  logLines: string[],
  depth: number,
  journal: Journal = { end: null },
): Frame {
  return {
    path: fn.path,
    transaction,
    caller,
    requestId: takeRandom(8).toString("hex"),
    depth,
    logLines,
    streams: [],
    paginated: false,
    journal,
    children: Promise.resolve(),
  };
}

/**
 * Checks the arguments, runs the function in its frame, checks what it returns; answers its JSON
 * text.
 */
export async function execute(
  fn: Fn,
  args: EncodedObject,
  frame: Frame,
  tableOf: TableOfId,
): Promise<string> {
  const path = fn.path;
  requireSize("arguments", path, args, LIMITS.argumentsSize);
  requireMatch("ArgumentValidationError", args, fn.args, tableOf);
  const meter = frame.transaction?.meter;
  const text = await frames.run(frame, () => {
    meter?.resume();
    const running = fn.invoke(frame.requestId, JSON.stringify([inOrder(args)]));
    return frame.transaction === null ? running : bounded(running, path);
  });
  meter?.pause();
  const value = JSON.parse(text) as Encoded;
  requireSize("return value", path, value, LIMITS.returnSize);
  if (fn.returns !== null) requireMatch("ReturnsValidationError", value, fn.returns, tableOf);
  return text;
}

function requireSize(what: string, path: string, value: Encoded, limit: number): void {
  const size = sizeOf(value);
  if (size <= limit) return;
  const sizes = `actual: ${mebibytes(size)}, limit: ${mebibytes(limit)}`;
  throw new Refusal("FunctionValueTooLarge", `The ${what} of ${path} are too large (${sizes})`);
}

function requireMatch(
  code: string,
  value: Encoded,
  validator: Validator,
  tableOf: TableOfId,
): void {
  const trouble = validator(value, tableOf);
  if (trouble !== null) throw new Refusal(code, trouble);
}

/** Gives up on a query or mutation that waits for something that never comes. */
async function bounded(running: Promise<string>, path: string): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const expiry = new Promise<never>((_, reject) => {
    const give = () =>
      reject(new Refusal("SystemTimeoutError", `${path} did not finish within 15 seconds.`));
    timer = frames.exit(() => setTimeout(give, LIMITS.systemTime));
  });
  try {
    return await Promise.race([running, expiry]);
  } finally {
    clearTimeout(timer);
  }
}
