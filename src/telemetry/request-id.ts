/**
 * Ids of requests, unpredictable: they come from the system's random source. They are written out in batches, so that
 * one request's share is a slice of a text.
 */
import { randomFillSync } from "node:crypto";
import { latin1 } from "../core/bytes.ts";

const BATCH_COUNT = 128;
/** Each call of the random source costs as much as its bytes for some batches. */
const RANDOM_BATCHES = 8;
const UUID_BYTES = 16;
const UUID_CHARS = 36;
const DASH = 0x2d;
/** RFC 9562 section 4: groups of 4, 2, 2, 2 and 6 bytes; a dash stands in front of these. */
const DASHED_BYTES = (1 << 4) | (1 << 6) | (1 << 8) | (1 << 10);
/** Where the version and the variant stand (section 5.4). */
const VERSION_AT = 6;
const VARIANT_AT = 8;

/** The two digits of each byte. */
const HIGH_DIGITS = new Uint8Array(256);
const LOW_DIGITS = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) {
  const digits = byte.toString(16).padStart(2, "0");
  HIGH_DIGITS[byte] = digits.charCodeAt(0);
  LOW_DIGITS[byte] = digits.charCodeAt(1);
}

class RequestIds {
  readonly #random = Buffer.alloc(RANDOM_BATCHES * BATCH_COUNT * UUID_BYTES);
  #randomAt = this.#random.length;
  readonly #batch = Buffer.alloc(BATCH_COUNT * UUID_CHARS);
  #text = "";
  #at = 0;

  next(): string {
    if (this.#at >= this.#text.length) this.#refill();
    const start = this.#at;
    this.#at += UUID_CHARS;
    return this.#text.slice(start, this.#at);
  }

  #refill(): void {
    if (this.#randomAt === this.#random.length) {
      randomFillSync(this.#random);
      this.#randomAt = 0;
    }
    for (let at = 0; at < this.#batch.length; at += UUID_CHARS) {
      this.#write(at);
      this.#randomAt += UUID_BYTES;
    }
    this.#text = latin1(this.#batch, 0, this.#batch.length);
    this.#at = 0;
  }

  #write(start: number): void {
    const random = this.#random;
    const from = this.#randomAt;
    random[from + VERSION_AT] = 0x40 | (random[from + VERSION_AT]! & 0x0f);
    random[from + VARIANT_AT] = 0x80 | (random[from + VARIANT_AT]! & 0x3f);
    const batch = this.#batch;
    let at = start;
    for (let i = 0; i < UUID_BYTES; i++) {
      if (((DASHED_BYTES >>> i) & 1) === 1) {
        batch[at] = DASH;
        at += 1;
      }
      const byte = random[from + i]!;
      batch[at] = HIGH_DIGITS[byte]!;
      batch[at + 1] = LOW_DIGITS[byte]!;
      at += 2;
    }
  }
}

const requestIds = new RequestIds();

/** A new `x-request-id` (UUID version 4). */
export function newRequestId(): string {
  return requestIds.next();
}
