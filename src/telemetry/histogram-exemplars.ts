/** For each bucket of a histogram the newest request in it that was traced, as numbers: a request costs no object. */
import { wordsText } from "./trace/hex-words.ts";
import { SPAN_AT, TRACE_WORDS } from "./trace/trace-context.ts";

/** Of the trace and of the span. */
const WORDS = SPAN_AT + 2;

/** A request that was traced, as an example of those in its bucket. */
export interface ExemplarSnapshot {
  readonly value: number;
  /** Wall clock. */
  readonly timeMs: number;
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 of them, or empty. */
  readonly spanId: string;
}

export class HistogramExemplars {
  readonly #words: Int32Array;
  readonly #values: Float64Array;
  /** Wall clock; 0 for a bucket without one. */
  readonly #timesMs: Float64Array;

  constructor(buckets: number) {
    this.#words = new Int32Array(buckets * WORDS);
    this.#values = new Float64Array(buckets);
    this.#timesMs = new Float64Array(buckets);
  }

  set(bucket: number, value: number, ids: Int32Array, wallMs: number): void {
    const at = bucket * WORDS;
    for (let i = 0; i < WORDS; i++) this.#words[at + i] = ids[i]!;
    this.#values[bucket] = value;
    this.#timesMs[bucket] = wallMs;
  }

  /** By bucket, from below. */
  snapshot(): readonly ExemplarSnapshot[] {
    const found: ExemplarSnapshot[] = [];
    for (const [bucket, timeMs] of this.#timesMs.entries()) {
      if (timeMs === 0) continue;
      const at = bucket * WORDS;
      found.push({
        value: this.#values[bucket]!,
        timeMs,
        traceId: wordsText(this.#words, at, TRACE_WORDS),
        spanId: wordsText(this.#words, at + SPAN_AT, WORDS - SPAN_AT),
      });
    }
    return found;
  }
}
