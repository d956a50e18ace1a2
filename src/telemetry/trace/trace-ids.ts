/**
 * New ids of traces and spans, from random bytes drawn in batches: a system call a span would cost more than the span. Their
 * texts are written out in batches as well, so that the `traceparent` of a trace that begins is a slice of a text.
 */
import { randomFillSync } from "node:crypto";
import { latin1 } from "../../core/bytes.ts";
import { writeWords } from "./hex-words.ts";
import {
  FLAG_RANDOM,
  FLAG_SAMPLED,
  SPAN_AT,
  TRACE_WORDS,
  type TraceContext,
} from "./trace-context.ts";

/** Entries of a batch: each has a trace and a span, of which a trace that goes on uses the span alone. */
const BATCH_COUNT = 128;
const ENTRY_WORDS = TRACE_WORDS + 2;
/** `00-` trace `-` span `-02`: what most traces that begin have, those that are random and not sampled. */
const TEMPLATE = `00-${"0".repeat(32)}-${"0".repeat(16)}-02`;
const LENGTH = TEMPLATE.length;
const TRACE_START = 3;
const SPAN_START = 36;
const FLAGS_START = 53;
/** By what is in TraceContext.flags. */
const FLAGS = ["00", "01", "02", "03"] as const;

export class TraceIds {
  readonly #words = new Int32Array(BATCH_COUNT * ENTRY_WORDS);
  readonly #bytes = Buffer.from(TEMPLATE.repeat(BATCH_COUNT), "latin1");
  #text = "";
  #next = BATCH_COUNT;

  /** The context becomes that of a new trace with its first span, not sampled. Its text: `startText`. */
  beginTrace(context: TraceContext): void {
    const { ids } = context;
    const words = this.#words;
    const at = this.#take() * ENTRY_WORDS;
    for (let i = 0; i < ENTRY_WORDS; i++) ids[i] = words[at + i]!;
    for (let i = ENTRY_WORDS; i < ids.length; i++) ids[i] = 0;
    context.flags = FLAG_RANDOM;
  }

  /** The `traceparent` of the context that `beginTrace` was called with last. */
  startText({ flags }: TraceContext): string {
    const start = (this.#next - 1) * LENGTH;
    if (flags === FLAG_RANDOM) return this.#text.slice(start, start + LENGTH);
    return this.#text.slice(start, start + FLAGS_START) + FLAGS[flags];
  }

  /** A new span below the one that the context names, if it names one. */
  beginSpan(context: TraceContext): void {
    const at = this.#take() * ENTRY_WORDS + TRACE_WORDS;
    context.descend(this.#words[at]!, this.#words[at + 1]!);
  }

  /** The `traceparent` of the context that `beginSpan` was called with last, of version 00, which came with `arrived`. */
  nextText({ flags }: TraceContext, arrived: string): string {
    const start = (this.#next - 1) * LENGTH;
    const span = this.#text.slice(start + SPAN_START, start + FLAGS_START);
    return arrived.slice(0, SPAN_START) + span + FLAGS[flags & (FLAG_SAMPLED | FLAG_RANDOM)];
  }

  /** The words of a span id, for spans beside the context's own. */
  writeSpan(words: Int32Array): void {
    const at = this.#take() * ENTRY_WORDS + TRACE_WORDS;
    words[SPAN_AT] = this.#words[at]!;
    words[SPAN_AT + 1] = this.#words[at + 1]!;
  }

  #take(): number {
    if (this.#next === BATCH_COUNT) this.#refill();
    const entry = this.#next;
    this.#next = entry + 1;
    return entry;
  }

  #refill(): void {
    const words = randomFillSync(this.#words);
    const bytes = this.#bytes;
    for (let entry = 0; entry < BATCH_COUNT; entry++) {
      const at = entry * ENTRY_WORDS;
      // All zero is no id (W3C Trace Context sections 3.2.2.3 and 3.2.2.4).
      for (let i = TRACE_WORDS - 1; i < ENTRY_WORDS; i += 2)
        if (words[at + i] === 0) words[at + i] = 1;
      const start = entry * LENGTH;
      writeWords(bytes, start + TRACE_START, words, at, TRACE_WORDS);
      writeWords(bytes, start + SPAN_START, words, at + TRACE_WORDS, 2);
    }
    this.#text = latin1(bytes, 0, bytes.length);
    this.#next = 0;
  }
}
