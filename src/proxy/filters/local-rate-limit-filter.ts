/** Envoy's local rate limit: requests take tokens from buckets of this proxy, and are turned away where one is empty. */
import type { FilterRule } from "../../decision/filters/filter-rule.ts";
import {
  type LimitLookup,
  type LimitPattern,
  type LimitSpec,
  type LocalRateLimitRule,
  VALUE_SEPARATOR,
} from "../../decision/filters/local-rate-limit-rule.ts";
import { passesTests, type RequestCaller } from "../../decision/filters/rate-limit-descriptor.ts";
import { applyMutations, NO_MUTATIONS } from "../../decision/header-mutation.ts";
import type { RequestView } from "../../decision/request-view.ts";
import { GRPC_STATUS } from "../../telemetry/grpc-status.ts";
import { LOCAL_REPLY, type LocalReply } from "../local-reply.ts";
import type { FilterServices } from "./filter-services.ts";
import {
  ANSWERED,
  type FilterCall,
  type FilterVerdict,
  GO_ON,
  type HttpFilter,
} from "./http-filter.ts";
import { BucketStore, type LimitBuckets } from "./local-rate-limit-buckets.ts";
import { BucketHeaders, RefusalHeaders } from "./local-rate-limit-headers.ts";
import type { TokenBucket } from "./token-bucket.ts";

/** What is made of a rule once. */
interface RuleParts {
  readonly reply: LocalReply;
  readonly refusalHeaders: RefusalHeaders | undefined;
}

export class LocalRateLimitFilter implements HttpFilter {
  readonly #rule: LocalRateLimitRule;
  readonly #services: FilterServices;
  readonly #buckets: BucketStore;
  /** Of rules that hold for each connection by itself. */
  readonly #byConnection = new WeakMap<RequestCaller, BucketStore>();
  readonly #parts = new WeakMap<LocalRateLimitRule, RuleParts>();
  /** The first so many are the buckets of the request under way, the slowest first. Used again for each request. */
  #count = 0;
  readonly #limits: LimitBuckets[] = [];
  readonly #matched: TokenBucket[] = [];

  /** `before` is the filter that this one replaces. */
  constructor(rule: LocalRateLimitRule, services: FilterServices, before: HttpFilter | undefined) {
    this.#rule = rule;
    this.#services = services;
    this.#buckets = before instanceof LocalRateLimitFilter ? before.#buckets : new BucketStore();
  }

  onRequest(call: FilterCall): FilterVerdict {
    const rule = ruleFor(call.ofRoute, this.#rule);
    if (!this.#isChosen(rule.enabled)) return GO_ON;
    const nowMs = this.#services.nowMs();
    this.#match(rule, call.request, call.outcome.connection, nowMs);
    const matched = this.#matched;
    const count = this.#count;
    const at = firstEmpty(matched, count, nowMs);
    if (at < 0) {
      for (let i = 0; i < count; i++) {
        matched[i]!.take(nowMs);
        this.#limits[i]!.counters.allowed.value += 1;
      }
      if (rule.tellsLimit && count > 0) this.#tell(call, 0, rule, false);
      return GO_ON;
    }
    if (!this.#isChosen(rule.enforced)) {
      this.#limits[at]!.counters.observed.value += 1;
      const { head, httpVersion } = call.request;
      if (rule.requestMutations !== NO_MUTATIONS) {
        applyMutations(rule.requestMutations, head!.headers, httpVersion);
      }
      if (rule.tellsLimit) this.#tell(call, at, rule, false);
      return GO_ON;
    }
    this.#limits[at]!.counters.limited.value += 1;
    const { reply, refusalHeaders } = this.#partsOf(rule);
    if (rule.tellsLimit || rule.tellsRetryAfter) this.#tell(call, at, rule, true);
    if (refusalHeaders !== undefined) call.editResponse(refusalHeaders);
    call.answer(reply, this.#limits[at]!.name);
    return ANSWERED;
  }

  #isChosen(share: number): boolean {
    return share >= 1 || (share > 0 && this.#services.prng.next() < share);
  }

  #tell(call: FilterCall, at: number, rule: LocalRateLimitRule, isRefusal: boolean): void {
    const { nowMs, workers } = this.#services;
    const { tellsLimit } = rule;
    const tellsRetryAfter = isRefusal && rule.tellsRetryAfter;
    const [buckets, bucket] = [this.#limits[at]!, this.#matched[at]!];
    call.editResponse(
      new BucketHeaders({
        ...{ buckets, bucket, workers, nowMs },
        ...{ tellsLimit, tellsRetryAfter, isRefusal },
      }),
    );
  }

  /** Finds every bucket that the request has to do with. */
  #match(
    rule: LocalRateLimitRule,
    request: RequestView,
    caller: RequestCaller,
    nowMs: number,
  ): void {
    this.#count = 0;
    const { lookups, defaultLimit } = rule;
    for (let i = 0; i < lookups.length; i++) {
      const lookup = lookups[i]!;
      if (!passesTests(lookup.tests, request)) continue;
      const value = lookupKey(lookup, request, caller);
      if (value === undefined) continue;
      const spec = lookup.exact.get(value) ?? patternFor(lookup.patterns, value);
      if (spec !== undefined) this.#add(rule, spec, value, caller, nowMs);
    }
    if (defaultLimit === undefined) return;
    if (this.#count > 0 && !rule.alwaysTakesDefault) return;
    const buckets = this.#bucketsOf(rule, defaultLimit, caller, nowMs);
    this.#put(this.#count, buckets, buckets.bucketFor("", nowMs));
    this.#count += 1;
  }

  /** As Envoy, the bucket that fills most slowly is asked first, and is the one that clients are told of. */
  #add(
    rule: LocalRateLimitRule,
    spec: LimitSpec,
    value: string,
    caller: RequestCaller,
    nowMs: number,
  ): void {
    const buckets = this.#bucketsOf(rule, spec, caller, nowMs);
    let at = this.#count;
    for (; at > 0 && this.#limits[at - 1]!.spec.intervalMs < spec.intervalMs; at--) {
      this.#put(at, this.#limits[at - 1]!, this.#matched[at - 1]!);
    }
    this.#put(at, buckets, buckets.bucketFor(value, nowMs));
    this.#count += 1;
  }

  #put(at: number, buckets: LimitBuckets, bucket: TokenBucket): void {
    this.#limits[at] = buckets;
    this.#matched[at] = bucket;
  }

  #bucketsOf(
    rule: LocalRateLimitRule,
    spec: LimitSpec,
    caller: RequestCaller,
    nowMs: number,
  ): LimitBuckets {
    const store = rule.isPerConnection ? this.#storeOf(caller) : this.#buckets;
    const known = store.find(spec);
    if (known !== undefined) return known;
    const { metrics, workers } = this.#services;
    // A connection is one worker's alone.
    const share = rule.isPerConnection ? 1 : workers;
    const options = { policy: rule.policy, metrics: metrics.rateLimit, workers: share };
    return store.bucketsOf(spec, options, nowMs);
  }

  #storeOf(caller: RequestCaller): BucketStore {
    let store = this.#byConnection.get(caller);
    if (store === undefined) {
      store = new BucketStore();
      this.#byConnection.set(caller, store);
    }
    return store;
  }

  #partsOf(rule: LocalRateLimitRule): RuleParts {
    let parts = this.#parts.get(rule);
    if (parts === undefined) {
      const { status, isExhausted, responseMutations } = rule;
      const grpcStatus = isExhausted ? { grpcStatus: GRPC_STATUS.resourceExhausted } : {};
      parts = {
        reply: { ...LOCAL_REPLY.rateLimited, status, ...grpcStatus },
        refusalHeaders:
          responseMutations.length === 0 ? undefined : new RefusalHeaders(responseMutations),
      };
      this.#parts.set(rule, parts);
    }
    return parts;
  }
}

function ruleFor(ofRoute: FilterRule | undefined, own: LocalRateLimitRule): LocalRateLimitRule {
  return ofRoute?.kind === "local-rate-limit" ? ofRoute : own;
}

/** Index of the first bucket without a token, or -1. None is taken from before all have been asked. */
function firstEmpty(buckets: readonly TokenBucket[], count: number, nowMs: number): number {
  for (let i = 0; i < count; i++) if (!buckets[i]!.has(nowMs)) return i;
  return -1;
}

/** What the look-up goes by, or undefined where the request lacks a part of it. */
function lookupKey(
  { values }: LimitLookup,
  request: RequestView,
  caller: RequestCaller,
): string | undefined {
  let joined = "";
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!(request, caller);
    if (value === undefined) return undefined;
    joined = i === 0 ? value : joined + VALUE_SEPARATOR + value;
  }
  return joined;
}

function patternFor(patterns: readonly LimitPattern[], joined: string): LimitSpec | undefined {
  for (let i = 0; i < patterns.length; i++) {
    const { wanted, limit } = patterns[i]!;
    if (isLike(wanted, joined)) return limit;
  }
  return undefined;
}

/** Holds the values one by one against a pattern without cutting the text into them. */
function isLike(wanted: readonly (string | undefined)[], joined: string): boolean {
  let start = 0;
  for (let i = 0; i < wanted.length; i++) {
    const separator = joined.indexOf(VALUE_SEPARATOR, start);
    const end = separator < 0 ? joined.length : separator;
    const value = wanted[i];
    if (value !== undefined) {
      if (end - start !== value.length || !joined.startsWith(value, start)) return false;
    }
    start = end + 1;
  }
  return true;
}
