/**
 * How long a connection that carries messages of many others waits for more of them before it writes. A write costs
 * both ends system calls, a TLS record and a wake-up, whether it carries one message or ten; a look at the sockets,
 * which does not block, costs a tenth of that. So it pays to go on looking until as much has been spent since the
 * last message that came as a write costs. Where messages come too seldom for that, waits are short, and a long one
 * is tried from time to time.
 */

/** So many looks one after the other that bring nothing end the wait. */
const VAIN_LOOKS_MAX = 8;
/**
 * When the first message has waited for this long, or this much is gathered, as some ten messages are, a wait ends with
 * its second look: looks between which there is much else to do gather most, and a large batch gains little more.
 */
const WAIT_MS_MAX = 0.1;
const BYTES_ENOUGH = 1_024;
const LOOKS_MIN = 2;
/** Behind so many waits one after the other that brought nothing, waits are short. */
const VAIN_WAITS_MAX = 3;
const VAIN_LOOKS_SHORT = 2;
/** One of so many is long all the same. */
const LONG_EVERY = 16;

export class Patience {
  /** Of this wait; those since something came. */
  #looks = 0;
  #vainLooks = 0;
  #vainLooksMax = VAIN_LOOKS_MAX;
  #bytes = 0;
  #untilMs = 0;
  /** One after the other. */
  #vainWaits = 0;

  /** The first message begins to wait. */
  begin(): void {
    this.#looks = -1;
    this.#vainLooks = 0;
    const isShort = this.#vainWaits >= VAIN_WAITS_MAX && this.#vainWaits % LONG_EVERY !== 0;
    this.#vainLooksMax = isShort ? VAIN_LOOKS_SHORT : VAIN_LOOKS_MAX;
  }

  /**
   * At the end of the turn that `begin` was called in, and behind each look. `bytes` wait; `nowMs` is of a clock that
   * knows fractions. Returns whether the wait is over.
   */
  isOver(bytes: number, nowMs: number): boolean {
    this.#looks += 1;
    if (this.#looks === 0) {
      this.#bytes = bytes;
      this.#untilMs = nowMs + WAIT_MS_MAX;
      return false;
    }
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#vainLooks = 0;
      this.#vainWaits = 0;
    } else {
      this.#vainLooks += 1;
      if (this.#vainLooks >= this.#vainLooksMax) {
        if (this.#looks === this.#vainLooks) this.#vainWaits += 1;
        return true;
      }
    }
    return this.#looks >= LOOKS_MIN && (bytes >= BYTES_ENOUGH || nowMs >= this.#untilMs);
  }
}
