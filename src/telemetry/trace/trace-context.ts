/**
 * Who a request belongs to: the ids of its trace, its span and the span before, as numbers, so that nothing is made of
 * strings per request. Used again for each request of its exchange.
 */

/** W3C Trace Context Level 2, section 3.2.2.5. */
export const FLAG_SAMPLED = 1;
export const FLAG_RANDOM = 2;

/** What the caller has decided. `defer`: it leaves the decision to whoever comes next (B3). */
export type SamplingDecision = "sampled" | "not-sampled" | "defer";

/** Where the eight words stand: four of the trace, two of the span, two of its parent. */
export const TRACE_WORDS = 4;
export const SPAN_AT = 4;
export const PARENT_AT = 6;
const WORDS = 8;

export class TraceContext {
  /** Big endian words. All zero: none. */
  readonly ids = new Int32Array(WORDS);
  flags = 0;
  /** B3's `d`: recorded, whatever anybody's sampling says. */
  isDebug = false;

  /** Nothing of the request before stays. */
  clear(): void {
    const { ids } = this;
    // Word by word: the built-in way costs more than so few words do.
    for (let i = 0; i < WORDS; i++) ids[i] = 0;
    this.flags = 0;
    this.isDebug = false;
  }

  get isSampled(): boolean {
    return (this.flags & FLAG_SAMPLED) !== 0;
  }

  set isSampled(isSampled: boolean) {
    this.flags = isSampled ? this.flags | FLAG_SAMPLED : this.flags & ~FLAG_SAMPLED;
  }

  get hasTrace(): boolean {
    const { ids } = this;
    return (ids[0]! | ids[1]! | ids[2]! | ids[3]!) !== 0;
  }

  get hasSpan(): boolean {
    return (this.ids[SPAN_AT]! | this.ids[SPAN_AT + 1]!) !== 0;
  }

  get hasParent(): boolean {
    return (this.ids[PARENT_AT]! | this.ids[PARENT_AT + 1]!) !== 0;
  }

  /** The span that came becomes the parent of one with these words. */
  descend(high: number, low: number): void {
    const { ids } = this;
    ids[PARENT_AT] = ids[SPAN_AT]!;
    ids[PARENT_AT + 1] = ids[SPAN_AT + 1]!;
    ids[SPAN_AT] = high;
    ids[SPAN_AT + 1] = low;
  }
}
