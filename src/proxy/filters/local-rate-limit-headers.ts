/**
 * What clients are told of a rate limit: draft-polli-ratelimit-headers-03 in Envoy's spelling on every answer; on
 * refusals Retry-After (RFC 9110 section 10.2.3), and the fields that the draft has become
 * (draft-ietf-httpapi-ratelimit-headers), which are written only where nobody minds what they cost.
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
const POLICY = new HeaderName("ratelimit-policy");
const STATE = new HeaderName("ratelimit");

/** A bucket that never has a token says so, not never: an hour. */
const WAIT_SECONDS_MAX = 3_600;

/** What is told. */
export interface TellOptions {
  readonly tellsLimit: boolean;
  readonly tellsRetryAfter: boolean;
  readonly isRefusal: boolean;
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
    const { buckets, bucket, workers, nowMs, tellsLimit, tellsRetryAfter, isRefusal } =
      this.#options;
    const atMs = nowMs();
    const reset = String(Math.min(WAIT_SECONDS_MAX, Math.ceil(bucket.waitMs(atMs) / 1000)));
    if (tellsLimit) {
      headers.add(new HeaderField(LIMIT, String(buckets.spec.tokensMax)));
      const remaining = String(bucket.remaining(atMs) * workers);
      headers.add(new HeaderField(REMAINING, remaining));
      headers.add(new HeaderField(RESET, reset));
      if (isRefusal) {
        const { tokensMax, intervalMs } = buckets.spec;
        const seconds = Math.max(1, Math.ceil((tokensMax * intervalMs) / 1000));
        headers.add(policyField(buckets.title, tokensMax, seconds));
        headers.add(stateField(buckets.title, remaining, reset));
      }
    }
    if (tellsRetryAfter) headers.set(new HeaderField(RETRY_AFTER, reset));
  }
}

/** So many for each window of so many seconds. `title` is a String of RFC 8941. */
export function policyField(title: string, quota: number, seconds: number): HeaderField {
  return new HeaderField(POLICY, `${title};q=${quota};w=${seconds}`);
}

/** What is left of it, and in how many seconds there is more. */
export function stateField(title: string, remaining: string, reset: string): HeaderField {
  return new HeaderField(STATE, `${title};r=${remaining};t=${reset}`);
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
