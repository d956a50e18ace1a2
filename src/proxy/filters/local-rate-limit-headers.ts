/**
 * What clients are told of a rate limit: draft-polli-ratelimit-headers-03 in Envoy's spelling on every answer, and
 * Retry-After (RFC 9110 section 10.2.3) on refusals.
 */
import { applyMutations, type HeaderMutations } from "../../decision/header-mutation.ts";
import type { HeaderBlock } from "../../http/header-block.ts";
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import type { ResponseEditor } from "./http-filter.ts";
import type { LimitBuckets } from "./local-rate-limit-buckets.ts";
import type { TokenBucket } from "./token-bucket.ts";

const LIMIT = new HeaderName("x-ratelimit-limit");
const REMAINING = new HeaderName("x-ratelimit-remaining");
const RESET = new HeaderName("x-ratelimit-reset");
const RETRY_AFTER = new HeaderName("retry-after");

/** A bucket that never has a token says so, not never: an hour. */
const WAIT_SECONDS_MAX = 3_600;

/** What is told. */
export interface TellOptions {
  readonly tellsLimit: boolean;
  readonly tellsRetryAfter: boolean;
  readonly buckets: LimitBuckets;
  readonly bucket: TokenBucket;
  readonly workers: number;
  readonly nowMs: () => number;
}

/** For whoever was let through or refused by a bucket. */
export class BucketHeaders implements ResponseEditor {
  readonly #options: TellOptions;

  constructor(options: TellOptions) {
    this.#options = options;
  }

  editResponse(_status: number, headers: HeaderBlock): void {
    const { buckets, bucket, workers, nowMs, tellsLimit, tellsRetryAfter } = this.#options;
    const atMs = nowMs();
    const reset = String(Math.min(WAIT_SECONDS_MAX, Math.ceil(bucket.waitMs(atMs) / 1000)));
    if (tellsLimit) {
      headers.add(new HeaderField(LIMIT, String(buckets.spec.tokensMax)));
      headers.add(new HeaderField(REMAINING, String(bucket.remaining(atMs) * workers)));
      headers.add(new HeaderField(RESET, reset));
    }
    if (tellsRetryAfter) headers.set(new HeaderField(RETRY_AFTER, reset));
  }
}

/** What configuration adds to refusals. One for each rule. */
export class RefusalHeaders implements ResponseEditor {
  readonly #mutations: HeaderMutations;

  constructor(mutations: HeaderMutations) {
    this.#mutations = mutations;
  }

  editResponse(_status: number, headers: HeaderBlock): void {
    applyMutations(this.#mutations, headers);
  }
}
