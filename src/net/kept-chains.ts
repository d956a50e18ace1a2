/**
 * Chains of clients that were accepted, by the client's own certificate. A session ticket holds that one
 * and no other, and a resumed client is judged again by all that it sent. What is kept proves nothing:
 * the judge builds and checks the path anew each time.
 */
import { hash } from "node:crypto";
import type { PeerChain } from "./peer-chain.ts";

export interface KeptChainsBounds {
  readonly countMax: number;
  readonly bytesMax: number;
}

export class KeptChains {
  readonly #bounds: KeptChainsBounds;
  #chains = new Map<string, PeerChain>();
  /** Those before the last overflow, for handshakes that were under way. */
  #chainsBefore: ReadonlyMap<string, PeerChain> = new Map();
  #bytes = 0;

  constructor(bounds: KeptChainsBounds) {
    this.#bounds = bounds;
  }

  /** Chains that a new session can rely on. */
  get count(): number {
    return this.#chains.size;
  }

  /**
   * Returns false when there was no room: chains that were kept will be forgotten, so the sessions that
   * rely on them must end now. A chain of one certificate needs no keeping.
   */
  keep(chain: PeerChain): boolean {
    const [leaf, ...others] = chain;
    if (leaf === undefined || others.length === 0) return true;
    const key = keyOf(leaf);
    if (this.#chains.has(key)) return true;
    const bytes = chain.reduce((sum, certificate) => sum + certificate.length, 0);
    const isFull =
      this.#chains.size >= this.#bounds.countMax || this.#bytes + bytes > this.#bounds.bytesMax;
    if (isFull) {
      this.#chainsBefore = this.#chains;
      this.#chains = new Map();
      this.#bytes = 0;
    }
    if (bytes <= this.#bounds.bytesMax) {
      this.#chains.set(key, chain);
      this.#bytes += bytes;
    }
    return !isFull;
  }

  chainOf(leaf: Buffer): PeerChain | undefined {
    const key = keyOf(leaf);
    return this.#chains.get(key) ?? this.#chainsBefore.get(key);
  }
}

function keyOf(leaf: Buffer): string {
  return hash("sha256", leaf, "base64");
}
