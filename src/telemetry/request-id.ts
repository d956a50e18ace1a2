/** Ids for requests and traces. Unpredictable where it matters: they come from the system's random source. */
import { randomFillSync, randomUUID } from "node:crypto";

/** A new `x-request-id` (UUID version 4). The runtime draws its random bytes in batches. */
export function newRequestId(): string {
  return randomUUID({ disableEntropyCache: false });
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Draws ids from a pool of random bytes that is refilled in one call. */
export class TraceIdSource {
  readonly #pool = new Uint8Array(24 * 128);
  #at = this.#pool.length;

  /** A `traceparent` that starts a trace (W3C Trace Context section 3.2). */
  newTraceparent(isSampled: boolean): string {
    if (this.#at + 24 > this.#pool.length) {
      randomFillSync(this.#pool);
      this.#at = 0;
    }
    let ids = "";
    for (let i = 0; i < 24; i++) ids += HEX[this.#pool[this.#at + i]!]!;
    this.#at += 24;
    return `00-${ids.slice(0, 32)}-${ids.slice(32)}-${isSampled ? "01" : "00"}`;
  }
}
