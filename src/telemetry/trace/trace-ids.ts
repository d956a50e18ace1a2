/** New ids of traces and spans, from random bytes drawn in batches: a system call a span would cost more than the span. */
import { randomFillSync } from "node:crypto";
import { FLAG_RANDOM, SPAN_AT, TRACE_WORDS, type TraceContext } from "./trace-context.ts";

/** Words of a batch: 512 spans. */
const BATCH_WORDS = 1024;

export class TraceIds {
  readonly #batch = new Int32Array(BATCH_WORDS);
  #at = BATCH_WORDS;

  /** The context becomes that of a new trace, without a span. */
  beginTrace(context: TraceContext): void {
    const { ids } = context;
    ids.fill(0);
    for (let i = 0; i < TRACE_WORDS; i++) ids[i] = this.#next();
    // All zero is no id (W3C Trace Context section 3.2.2.3).
    if (ids[3] === 0) ids[3] = 1;
    context.flags = FLAG_RANDOM;
  }

  /** A new span below the one that the context names, if it names one. */
  beginSpan(context: TraceContext): void {
    const high = this.#next();
    const low = this.#next();
    context.descend(high, low === 0 ? 1 : low);
  }

  /** The words of a span id, for spans beside the context's own. */
  writeSpan(words: Int32Array): void {
    words[SPAN_AT] = this.#next();
    const low = this.#next();
    words[SPAN_AT + 1] = low === 0 ? 1 : low;
  }

  #next(): number {
    if (this.#at === BATCH_WORDS) {
      randomFillSync(this.#batch);
      this.#at = 0;
    }
    const word = this.#batch[this.#at]!;
    this.#at += 1;
    return word;
  }
}
