/**
 * Ids for requests and traces, unpredictable: they come from the system's random source. They are
 * written out in batches, so that one request's share is a slice of a text.
 */
import { randomFillSync } from "node:crypto";
import { latin1 } from "../core/bytes.ts";

const BATCH_COUNT = 128;
const DIGITS = Buffer.from("0123456789abcdef", "latin1");
const ANY_DIGIT = 0x78;
const VARIANT_DIGIT = 0x79;

/** Texts after a template in which each `x` is a random digit, and each `y` one of 8, 9, a, b. */
class RandomTexts {
  readonly #length: number;
  readonly #template: Buffer;
  readonly #batch: Buffer;
  #text = "";
  #at = 0;

  constructor(template: string) {
    this.#length = template.length;
    this.#template = Buffer.from(template.repeat(BATCH_COUNT), "latin1");
    this.#batch = Buffer.alloc(this.#template.length);
  }

  next(): string {
    if (this.#at >= this.#text.length) this.#refill();
    const start = this.#at;
    this.#at += this.#length;
    return this.#text.slice(start, this.#at);
  }

  #refill(): void {
    const template = this.#template;
    const batch = randomFillSync(this.#batch);
    for (let at = 0; at < batch.length; at++) {
      const kind = template[at]!;
      if (kind === ANY_DIGIT) batch[at] = DIGITS[batch[at]! & 0xf]!;
      else if (kind === VARIANT_DIGIT) batch[at] = DIGITS[0x8 | (batch[at]! & 0x3)]!;
      else batch[at] = kind;
    }
    this.#text = latin1(batch, 0, batch.length);
    this.#at = 0;
  }
}

/** RFC 9562 section 5.4. */
const requestIds = new RandomTexts("xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx");
/** W3C Trace Context section 3.2, without the flags. */
const traceparents = new RandomTexts(`00-${"x".repeat(32)}-${"x".repeat(16)}-`);

/** A new `x-request-id` (UUID version 4). */
export function newRequestId(): string {
  return requestIds.next();
}

/** The same `traceparent` with another word on whether the trace is sampled. Of what is none nothing is changed. */
export function withSampling(traceparent: string, isSampled: boolean): string {
  // W3C Trace Context section 3.2.2.5: the flags are two digits behind the third dash.
  const flagsAt = 53;
  const flags = Number.parseInt(traceparent.slice(flagsAt, flagsAt + 2), 16);
  if (traceparent[flagsAt - 1] !== "-" || Number.isNaN(flags)) return traceparent;
  const changed = isSampled ? flags | 1 : flags & 0xfe;
  const digits = changed.toString(16).padStart(2, "0");
  return traceparent.slice(0, flagsAt) + digits + traceparent.slice(flagsAt + 2);
}

/** A `traceparent` that starts a trace. */
export function newTraceparent(isSampled: boolean): string {
  return traceparents.next() + (isSampled ? "01" : "00");
}
