/** Token buckets: so many at once, so many per second after that. One alone, or one per key. */
import type { Clock } from "../core/clock.ts";

export interface TokenBucketOptions {
  readonly burst: number;
  readonly perSecond: number;
  readonly clock: Clock;
}

export class TokenBucket {
  readonly #options: TokenBucketOptions;
  #tokens: number;
  #filledAtMs: number;

  constructor(options: TokenBucketOptions) {
    this.#options = options;
    this.#tokens = options.burst;
    this.#filledAtMs = options.clock.monotonicMs();
  }

  /** Takes one token, if there is one. */
  tryTake(): boolean {
    this.#fill();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  get isFull(): boolean {
    this.#fill();
    return this.#tokens === this.#options.burst;
  }

  #fill(): void {
    const { burst, perSecond, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const gained = ((nowMs - this.#filledAtMs) / 1000) * perSecond;
    this.#tokens = Math.min(burst, this.#tokens + gained);
    this.#filledAtMs = nowMs;
  }
}

/** A bucket for each key. Full ones are forgotten when there are too many: they say nothing. */
export class KeyedTokenBuckets {
  readonly #options: TokenBucketOptions;
  readonly #keysMax: number;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(options: TokenBucketOptions & { readonly keysMax: number }) {
    this.#options = options;
    this.#keysMax = options.keysMax;
  }

  /** Takes one token of `key`. False too when more keys are in use than can be held. */
  tryTake(key: string): boolean {
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      if (this.#buckets.size >= this.#keysMax) this.#forgetFull();
      if (this.#buckets.size >= this.#keysMax) return false;
      bucket = new TokenBucket(this.#options);
      this.#buckets.set(key, bucket);
    }
    return bucket.tryTake();
  }

  #forgetFull(): void {
    for (const [key, bucket] of this.#buckets) {
      if (bucket.isFull) this.#buckets.delete(key);
    }
  }
}
