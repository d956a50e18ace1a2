/**
 * The buckets of a filter's limits. They outlive configuration that says the same about them, so that an update
 * gives nobody a full bucket; those of limits that are gone are forgotten when they are full and tell nothing.
 */
import type { LimitSpec } from "../../decision/filters/local-rate-limit-rule.ts";
import { structuredString } from "../../http/structured-string.ts";
import type { RateLimitCounters, RateLimitMetrics } from "./local-rate-limit-metrics.ts";
import { TokenBucket, type TokenRate } from "./token-bucket.ts";

/** The bucket of a limit, or one for each of the values that were seen last. */
export class LimitBuckets {
  readonly spec: LimitSpec;
  readonly counters: RateLimitCounters;
  /** Whom it is told of: `default/catalog, rule per-user`. */
  readonly name: string;
  /** Its rule as clients are told it. */
  readonly title: string;
  readonly #rate: TokenRate;
  readonly #one: TokenBucket | undefined;
  /** In the order of use. */
  readonly #byValue = new Map<string, TokenBucket>();
  /** Whether a filter finds it when configuration changes. */
  isListed = false;

  constructor(spec: LimitSpec, options: BucketOptions, nowMs: number) {
    const { policy, metrics, workers } = options;
    this.spec = spec;
    this.counters = metrics.countersOf(policy, spec.rule);
    this.name = `${policy}, rule ${spec.rule}`;
    this.title = structuredString(spec.rule);
    this.#rate = shareOfRate(spec, workers);
    this.#one = spec.valuesMax === 0 ? new TokenBucket(this.#rate, nowMs) : undefined;
  }

  bucketFor(value: string, nowMs: number): TokenBucket {
    if (this.#one !== undefined) return this.#one;
    const buckets = this.#byValue;
    let bucket = buckets.get(value);
    if (bucket === undefined) {
      if (buckets.size >= this.spec.valuesMax) buckets.delete(buckets.keys().next().value!);
      bucket = new TokenBucket(this.#rate, nowMs);
    } else {
      buckets.delete(value);
    }
    buckets.set(value, bucket);
    return bucket;
  }

  isFull(nowMs: number): boolean {
    if (this.#one !== undefined) return this.#one.isFull(nowMs);
    for (const bucket of this.#byValue.values()) if (!bucket.isFull(nowMs)) return false;
    return true;
  }
}

export interface BucketOptions {
  readonly policy: string;
  readonly metrics: RateLimitMetrics;
  /** Processes that share the proxy's traffic. */
  readonly workers: number;
}

/** Each of several workers has its part, and at least one token. */
function shareOfRate({ tokensMax, intervalMs }: LimitSpec, workers: number): TokenRate {
  if (workers === 1 || tokensMax === 0) return { tokensMax, intervalMs };
  return { tokensMax: Math.max(1, tokensMax / workers), intervalMs: intervalMs * workers };
}

/** Sizes below this are not worth looking for what can be forgotten. */
const FORGET_FROM = 64;

export class BucketStore {
  readonly #bySpec = new WeakMap<LimitSpec, LimitBuckets>();
  readonly #byKey = new Map<string, LimitBuckets>();
  #forgetAt = FORGET_FROM;

  /** Those that are known of a limit. */
  find(spec: LimitSpec): LimitBuckets | undefined {
    const known = this.#bySpec.get(spec);
    return known?.isListed === true ? known : undefined;
  }

  /** The same, made where there are none. */
  bucketsOf(spec: LimitSpec, options: BucketOptions, nowMs: number): LimitBuckets {
    const known = this.#bySpec.get(spec);
    if (known?.isListed === true) return known;
    const key = `${options.policy}\n${spec.key}`;
    const buckets = known ?? this.#byKey.get(key) ?? new LimitBuckets(spec, options, nowMs);
    this.#bySpec.set(spec, buckets);
    if (!buckets.isListed) this.#list(key, buckets, nowMs);
    return buckets;
  }

  #list(key: string, buckets: LimitBuckets, nowMs: number): void {
    if (this.#byKey.size >= this.#forgetAt) {
      this.#forgetFull(nowMs);
      this.#forgetAt = Math.max(FORGET_FROM, 2 * this.#byKey.size);
    }
    buckets.isListed = true;
    this.#byKey.set(key, buckets);
  }

  #forgetFull(nowMs: number): void {
    for (const [key, buckets] of this.#byKey) {
      if (!buckets.isFull(nowMs)) continue;
      buckets.isListed = false;
      this.#byKey.delete(key);
    }
  }
}
