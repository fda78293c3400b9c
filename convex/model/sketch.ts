/**
 * How the values of many samples are spread, in little room: counts in buckets whose bounds grow
 * by a constant factor. A percentile is off by at most RELATIVE_ERROR of the value. Sketches of
 * parts are merged by adding counts, in any order, without further loss.
 *
 * Masson, Rim, Lee: DDSketch, VLDB 2019, https://arxiv.org/abs/1908.10693
 */

export const RELATIVE_ERROR = 0.01;

/**
 * Seven decades fit in half of them. Beyond, the smallest magnitudes share a bucket, and only
 * percentiles that fall there are off by more.
 */
export const MOST_BUCKETS = 2048;

const GROWTH = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR);
const LOG_GROWTH = Math.log(GROWTH);
/** Above the exponent of any float64, so that the order of buckets is that of their values. */
const OFFSET = 40_000;

/** Bucket to count. 0 holds zeros; the bucket of -x is minus that of x. */
export type Sketch = Map<number, number>;

/** The bucket of a finite value. */
export function bucketOf(value: number): number {
  if (value === 0) return 0;
  const bucket = Math.ceil(Math.log(Math.abs(value)) / LOG_GROWTH) + OFFSET;
  return value < 0 ? -bucket : bucket;
}

/** Adds `count` values to a bucket. */
export function tally(sketch: Sketch, bucket: number, count = 1): void {
  sketch.set(bucket, (sketch.get(bucket) ?? 0) + count);
}

/**
 * For each fraction of `qs`, ascending, the value below which lies that part of all, as the value of
 * rank floor(q * (n - 1)), within RELATIVE_ERROR; none for an empty sketch.
 */
export function quantiles(sketch: Sketch, qs: readonly number[]): number[] {
  const buckets = ascending(sketch);
  const total = buckets.reduce((sum, [, count]) => sum + count, 0);
  const found: number[] = [];
  let below = 0;
  for (const [bucket, count] of buckets) {
    below += count;
    for (const q of qs.slice(found.length)) {
      if (below <= Math.floor(q * (total - 1))) break;
      found.push(valueOf(bucket));
    }
  }
  return found;
}

/** Varints: for each bucket, ascending, its distance from the one before (the first in zigzag)
 * and its count. At most MOST_BUCKETS are kept apart. */
export function encodeSketch(sketch: Sketch): ArrayBuffer {
  const bytes: number[] = [];
  let before: number | undefined;
  for (const [bucket, count] of ascending(collapsed(sketch))) {
    const zigzag = bucket < 0 ? -2 * bucket - 1 : 2 * bucket;
    writeVarint(bytes, before === undefined ? zigzag : bucket - before);
    writeVarint(bytes, count);
    before = bucket;
  }
  return Uint8Array.from(bytes).buffer;
}

/** Adds what `encodeSketch` wrote to `sketch`. Throws RangeError where it wrote no such bytes. */
export function addEncoded(sketch: Sketch, encoded: ArrayBuffer): void {
  const reader = new VarintReader(new Uint8Array(encoded));
  let bucket: number | undefined;
  while (!reader.done) {
    const step = reader.next();
    if (bucket === undefined) bucket = step % 2 === 1 ? -(step + 1) / 2 : step / 2;
    else bucket += step;
    tally(sketch, bucket, reader.next());
  }
}

function ascending(sketch: Sketch): [number, number][] {
  return [...sketch].sort(([one], [other]) => one - other);
}

function collapsed(sketch: Sketch): Sketch {
  if (sketch.size <= MOST_BUCKETS) return sketch;
  const bySize = [...sketch].sort(([one], [other]) => Math.abs(other) - Math.abs(one));
  const kept = new Map(bySize.slice(0, MOST_BUCKETS - 1));
  const [smallest] = bySize[MOST_BUCKETS - 1] ?? [0];
  for (const [, count] of bySize.slice(MOST_BUCKETS - 1)) tally(kept, smallest, count);
  return kept;
}

/** The value that is within RELATIVE_ERROR of every value of the bucket. */
function valueOf(bucket: number): number {
  if (bucket === 0) return 0;
  // The bounds' harmonic mean; in the exponent, since the largest bucket's upper bound overflows.
  const exponent = (Math.abs(bucket) - OFFSET) * LOG_GROWTH - Math.log((GROWTH + 1) / 2);
  return Math.sign(bucket) * Math.exp(exponent);
}

/** Counts may exceed 2^32, so no bit operators. */
function writeVarint(bytes: number[], value: number): void {
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
}

class VarintReader {
  readonly #bytes: Uint8Array;
  #place = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#place >= this.#bytes.length;
  }

  next(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes[this.#place];
      if (byte === undefined || scale > 2 ** 49) throw new RangeError("not a sketch");
      this.#place += 1;
      value += (byte % 128) * scale;
      if (byte < 128) return value;
    }
  }
}
