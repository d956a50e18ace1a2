/**
 * Tokens that were verified, by their exact bytes: the same token comes with each request of its user, and its signature
 * does not change. Bounded; a token that was asked for since the last time stays when another has to make way.
 */
import { Buffer } from "node:buffer";
import { JWT_CACHED_BYTES_MAX } from "../../core/limits.ts";

interface Slot<T> {
  readonly value: T;
  isUsed: boolean;
}

/** How many are spared in a row because they were used: no request does more work than that for another's token. */
const SPARED_MAX = 8;

export class TokenCache<T> {
  readonly #sizeMax: number;
  /** The oldest first. */
  readonly #slots = new Map<string, Slot<T>>();

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  get size(): number {
    return this.#slots.size;
  }

  get(token: string): T | undefined {
    const slot = this.#slots.get(token);
    if (slot === undefined) return undefined;
    slot.isUsed = true;
    return slot.value;
  }

  /** Tokens that are too long are not kept. */
  set(token: string, value: T): void {
    if (this.#sizeMax === 0 || token.length > JWT_CACHED_BYTES_MAX) return;
    if (this.#slots.size >= this.#sizeMax) this.#makeRoom();
    // A text of its own: the one that came is a piece of its request's whole head.
    const key = Buffer.from(token, "latin1").toString("latin1");
    this.#slots.set(key, { value, isUsed: false });
  }

  delete(token: string): void {
    this.#slots.delete(token);
  }

  #makeRoom(): void {
    let spared = 0;
    for (const [token, slot] of this.#slots) {
      this.#slots.delete(token);
      if (!slot.isUsed || spared === SPARED_MAX) return;
      spared += 1;
      slot.isUsed = false;
      this.#slots.set(token, slot);
    }
  }
}
