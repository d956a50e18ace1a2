/**
 * Ids of requests, unpredictable: they come from the system's random source. They are written out in batches, so that
 * one request's share is a slice of a text.
 */
import { randomFillSync } from "node:crypto";
import { latin1 } from "../core/bytes.ts";

const BATCH_COUNT = 128;
const DIGITS = Buffer.from("0123456789abcdef", "latin1");
const ANY_DIGIT = 0x78;
const VARIANT_DIGIT = 0x79;

/** RFC 9562 section 5.4: each `x` is a random digit, each `y` one of 8, 9, a, b. */
const UUID = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";
const TEMPLATE = Buffer.from(UUID.repeat(BATCH_COUNT), "latin1");

class RequestIds {
  readonly #batch = Buffer.alloc(TEMPLATE.length);
  #text = "";
  #at = 0;

  next(): string {
    if (this.#at >= this.#text.length) this.#refill();
    const start = this.#at;
    this.#at += UUID.length;
    return this.#text.slice(start, this.#at);
  }

  #refill(): void {
    const batch = randomFillSync(this.#batch);
    for (let at = 0; at < batch.length; at++) {
      const kind = TEMPLATE[at]!;
      if (kind === ANY_DIGIT) batch[at] = DIGITS[batch[at]! & 0xf]!;
      else if (kind === VARIANT_DIGIT) batch[at] = DIGITS[0x8 | (batch[at]! & 0x3)]!;
      else batch[at] = kind;
    }
    this.#text = latin1(batch, 0, batch.length);
    this.#at = 0;
  }
}

const requestIds = new RequestIds();

/** A new `x-request-id` (UUID version 4). */
export function newRequestId(): string {
  return requestIds.next();
}
