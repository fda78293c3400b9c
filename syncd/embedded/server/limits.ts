/**
 * The platform's limits (docs.convex.dev/production/state/limits) and the meter of one transaction.
 *
 * Sizes are in bytes of the platform's size formula, see `sizeOf` in values.ts, unless said.
 */
import { Refusal } from "./failure.ts";

const MIB = 1 << 20;

export const LIMITS = {
  documentSize: MIB,
  documentNesting: 16,
  valueSize: 32 * MIB,
  valueNesting: 64,
  arrayLength: 8192,
  objectKeys: 1024,
  keyLength: 1024,
  identifierLength: 64,
  argumentsSize: 16 * MIB,
  returnSize: 16 * MIB,
  /** Bytes of JSON text. */
  httpBody: 16 * MIB + 2000,
  bytesRead: 16 * MIB,
  bytesWritten: 16 * MIB,
  documentsRead: 32_000,
  documentsWritten: 16_000,
  indexRanges: 4096,
  functionsScheduled: 1000,
  /** Milliseconds of a query's or mutation's own code, syscalls excluded. */
  userTime: 1000,
  /** Milliseconds from first to last, after which a query or mutation is given up. */
  systemTime: 15_000,
  callDepth: 8,
  queryOperators: 256,
  logLines: 256,
} as const;

/** What one transaction has used; every count throws a `Refusal` when it passes its limit. */
export class Meter {
  bytesRead = 0;
  bytesWritten = 0;
  documentsRead = 0;
  documentsWritten = 0;
  indexRanges = 0;
  functionsScheduled = 0;
  #userTime = 0;
  #resumed = performance.now();

  countRange(): void {
    this.indexRanges += 1;
    if (this.indexRanges > LIMITS.indexRanges)
      throw tooMany("TooManyReads", "index ranges read", LIMITS.indexRanges, ADVICE);
  }

  countScheduled(): void {
    this.functionsScheduled += 1;
    const { functionsScheduled: limit } = LIMITS;
    if (this.functionsScheduled > limit)
      throw tooMany("TooManyFunctionsScheduled", "functions scheduled", limit, "");
  }

  countRead(size: number): void {
    this.documentsRead += 1;
    this.bytesRead += size;
    if (this.documentsRead > LIMITS.documentsRead)
      throw tooMany("TooManyDocumentsRead", "documents read", LIMITS.documentsRead, ADVICE);
    if (this.bytesRead > LIMITS.bytesRead)
      throw tooMany("TooManyBytesRead", "bytes read", LIMITS.bytesRead, ADVICE);
  }

  countWrite(size: number): void {
    this.documentsWritten += 1;
    this.bytesWritten += size;
    if (this.documentsWritten > LIMITS.documentsWritten)
      throw tooMany("TooManyWrites", "writes", LIMITS.documentsWritten, "");
    if (this.bytesWritten > LIMITS.bytesWritten)
      throw tooMany("TooManyBytesWritten", "bytes written", LIMITS.bytesWritten, "");
  }

  /** The function's own code starts or goes on. */
  resume(): void {
    this.#resumed = performance.now();
  }

  /**
   * The function's own code stops, for a syscall or for good; throws when it has used up its time.
   *
   * Time is measured, not interrupted: code that never stops and never calls the platform blocks
   * the backend.
   */
  pause(): void {
    const now = performance.now();
    this.#userTime += now - this.#resumed;
    this.#resumed = now;
    if (this.#userTime > LIMITS.userTime)
      throw new Refusal("FunctionTimeout", "Function execution timed out (maximum duration: 1s)");
  }
}

const ADVICE =
  " Consider using smaller limits in your queries, paginating your queries, or using indexed" +
  " queries with a selective index range expressions.";

function tooMany(code: string, what: string, limit: number, advice: string): Refusal {
  return new Refusal(
    code,
    `Too many ${what} in a single function execution (limit: ${limit}).${advice}`,
  );
}

/** `n` bytes as people read them in the platform's messages. */
export function mebibytes(n: number): string {
  return `${(n / MIB).toFixed(2)} MiB`;
}
