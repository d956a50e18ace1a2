/**
 * OpenTelemetry's exponential histogram (data model, "ExponentialHistogram"): bounds are powers of 2^(2^-scale), so that
 * quantiles of any range are right to some percent. Begins as fine as Prometheus's native histograms can be, and halves its
 * resolution whenever the range of values asks for it.
 */

/** The finest that Prometheus takes. */
const SCALE_MAX = 8;
/** OpenTelemetry's default: with it the values of any mix of milliseconds are told to 5 %. */
const BUCKETS_MAX = 160;

export interface ExponentialSnapshot {
  readonly scale: number;
  readonly zeroCount: number;
  /** Index of the first of `counts`: its values are above base^offset. */
  readonly offset: number;
  readonly counts: readonly number[];
}

export class ExponentialCounts {
  #scale = SCALE_MAX;
  #zeroCount = 0;
  #offset = 0;
  /** Buckets from `#offset` on that are in use. */
  #length = 0;
  readonly #counts = new Float64Array(BUCKETS_MAX);

  add(value: number): void {
    if (!(value > 0)) {
      this.#zeroCount += 1;
      return;
    }
    let index = indexOf(value, this.#scale);
    while (!this.#makeRoom(index)) {
      this.#coarsen();
      index = indexOf(value, this.#scale);
    }
    this.#counts[index - this.#offset]! += 1;
  }

  snapshot(): ExponentialSnapshot {
    return {
      scale: this.#scale,
      zeroCount: this.#zeroCount,
      offset: this.#offset,
      counts: Array.from(this.#counts.subarray(0, this.#length)),
    };
  }

  /** Returns false when the bucket is too far from the others. */
  #makeRoom(index: number): boolean {
    if (this.#length === 0) {
      this.#offset = index;
      this.#length = 1;
      return true;
    }
    const first = Math.min(index, this.#offset);
    const last = Math.max(index, this.#offset + this.#length - 1);
    const length = last - first + 1;
    if (length > BUCKETS_MAX) return false;
    const shift = this.#offset - first;
    if (shift > 0) {
      this.#counts.copyWithin(shift, 0, this.#length);
      this.#counts.fill(0, 0, shift);
      this.#offset = first;
    }
    this.#length = length;
    return true;
  }

  /** Two buckets become one. */
  #coarsen(): void {
    const { offset, counts } = coarser(this.snapshot());
    this.#scale -= 1;
    this.#offset = offset;
    this.#length = counts.length;
    this.#counts.fill(0);
    this.#counts.set(counts);
  }
}

/** Of two workers, at the coarser resolution of both, or a coarser one where their ranges lie apart. */
export function mergeExponential(
  a: ExponentialSnapshot,
  b: ExponentialSnapshot,
): ExponentialSnapshot {
  let [one, other] = [a, b];
  for (;;) {
    while (one.scale > other.scale) one = coarser(one);
    while (other.scale > one.scale) other = coarser(other);
    const parts = [one, other].filter(({ counts }) => counts.length > 0);
    const offset = Math.min(...parts.map((part) => part.offset));
    const end = Math.max(...parts.map((part) => part.offset + part.counts.length));
    const zeroCount = a.zeroCount + b.zeroCount;
    if (parts.length === 0) return { scale: one.scale, zeroCount, offset: 0, counts: [] };
    if (end - offset > BUCKETS_MAX) {
      one = coarser(one);
      continue;
    }
    const counts = new Array<number>(end - offset).fill(0);
    for (const part of parts) {
      for (const [at, count] of part.counts.entries()) counts[part.offset - offset + at]! += count;
    }
    return { scale: one.scale, zeroCount, offset, counts };
  }
}

function coarser({ scale, zeroCount, offset, counts }: ExponentialSnapshot): ExponentialSnapshot {
  const first = Math.floor(offset / 2);
  const last = Math.floor((offset + counts.length - 1) / 2);
  const merged = new Array<number>(counts.length === 0 ? 0 : last - first + 1).fill(0);
  for (const [at, count] of counts.entries())
    merged[Math.floor((offset + at) / 2) - first]! += count;
  return { scale: scale - 1, zeroCount, offset: first, counts: merged };
}

/** A bucket's upper bound belongs to it. */
function indexOf(value: number, scale: number): number {
  return Math.ceil(Math.log2(value) * 2 ** scale) - 1;
}
