/**
 * Whether turns of the event loop bring a single read each, as they do with little to do. What a read gathers can then
 * leave as soon as the read is done: nothing else will come that could share its writes, and the runtime's callback at
 * the end of a turn is dear where its code is cold.
 */

/** So many turns one after the other with a single read say that the next ones have one, too. */
const SINGLE_TURNS_MIN = 64;
/** One of so many lone reads waits for the end of its turn to see whether it still is one. */
const PROBE_EVERY = 16;

export class LoneReads {
  /** One after the other. */
  #singleTurns = 0;
  /** Of the turn, where its end is waited for. */
  #reads = 0;
  #isProbing = false;
  #readsToProbe = 0;

  /** A read begins. Returns whether it is taken for the turn's only one. */
  isNextAlone(): boolean {
    if (this.#singleTurns >= SINGLE_TURNS_MIN && !this.#isProbing) {
      this.#readsToProbe -= 1;
      if (this.#readsToProbe > 0) return true;
      this.#readsToProbe = PROBE_EVERY;
      this.#isProbing = true;
    }
    this.#reads += 1;
    return false;
  }

  /** A turn ends whose reads, one at least, waited for it. */
  onTurnEnd(): void {
    this.#isProbing = false;
    if (this.#reads > 1) this.#singleTurns = 0;
    else if (this.#reads === 1 && this.#singleTurns < SINGLE_TURNS_MIN) {
      this.#singleTurns += 1;
      this.#readsToProbe = PROBE_EVERY;
    }
    this.#reads = 0;
  }
}
