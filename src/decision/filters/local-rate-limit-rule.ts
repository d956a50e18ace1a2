/**
 * Envoy's local rate limit filter, compiled: which buckets a request takes a token from. What the actions make of a
 * request is held against the configured descriptors at configuration time as far as it is the same for all
 * requests; what is left per request are a few tests and one look-up.
 */
import type { Any } from "@bufbuild/protobuf/wkt";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { RATE_LIMIT_FILL_MS_MIN, RATE_LIMIT_VALUES_MAX } from "../../core/limits.ts";
import type { LocalRateLimitDescriptor } from "../../gen/envoy/extensions/common/ratelimit/v3/ratelimit_pb.js";
import { XRateLimitHeadersRFCVersion } from "../../gen/envoy/extensions/common/ratelimit/v3/ratelimit_pb.js";
import {
  type LocalRateLimit,
  LocalRateLimitSchema,
} from "../../gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.js";
import type { TokenBucket } from "../../gen/envoy/type/v3/token_bucket_pb.js";
import { durationMs } from "../duration.ts";
import type { FieldError } from "../field-error.ts";
import { compileFraction } from "../fraction.ts";
import type { RequestTest } from "../header-matcher.ts";
import { compileMutations, type HeaderMutations } from "../header-mutation.ts";
import {
  compileRateLimits,
  type DescriptorEntry,
  type DescriptorRule,
  type EntryValue,
} from "./rate-limit-descriptor.ts";

export interface LocalRateLimitRule {
  readonly kind: "local-rate-limit";
  /** `stat_prefix`: for whom figures are told, `default/catalog`. */
  readonly policy: string;
  /** Shares of requests, 0 to 1, that are counted, and of these that are turned away when they are too many. */
  readonly enabled: number;
  readonly enforced: number;
  readonly status: number;
  /** For gRPC clients: RESOURCE_EXHAUSTED instead of UNAVAILABLE. */
  readonly isExhausted: boolean;
  readonly lookups: readonly LimitLookup[];
  /** For requests that no look-up finds a limit for, or for all; undefined for none. */
  readonly defaultLimit: LimitSpec | undefined;
  readonly alwaysTakesDefault: boolean;
  /** Answers carry the state of the limit, and refusals Retry-After. */
  readonly tellsLimit: boolean;
  readonly tellsRetryAfter: boolean;
  readonly isPerConnection: boolean;
  readonly responseMutations: HeaderMutations;
  /** Of requests that go on although they are too many. */
  readonly requestMutations: HeaderMutations;
}

/** One bucket, or one for each distinct value. */
export interface LimitSpec {
  /** Tells it from others of its filter; equal for what is configured alike. */
  readonly key: string;
  /** What people know it by. */
  readonly rule: string;
  /** At once. 0 refuses everything. */
  readonly tokensMax: number;
  /** For one token. */
  readonly intervalMs: number;
  /** How many values have a bucket of their own at a time; 0 where there is one bucket for all. */
  readonly valuesMax: number;
}

/** What one list of actions leads to. */
export interface LimitLookup {
  readonly tests: readonly RequestTest[];
  /** What must be read from the request, in order. */
  readonly values: readonly EntryValue[];
  /** By these values, joined by NUL. */
  readonly exact: ReadonlyMap<string, LimitSpec>;
  /** Tried in order behind those. */
  readonly patterns: readonly LimitPattern[];
}

export interface LimitPattern {
  /** Undefined for any value. */
  readonly wanted: readonly (string | undefined)[];
  readonly limit: LimitSpec;
}

/** No value has it: neither a header nor a query nor an address. */
export const VALUE_SEPARATOR = "\0";

const STATUS_LIMITED = 429;
/** Envoy's: statuses below would not be taken for a refusal. */
const STATUS_MIN = 400;

/** Undefined for messages of other filters. */
export function compileLocalRateLimit(
  config: Any,
  path: string,
  errors: FieldError[],
  isForRoute: boolean,
): LocalRateLimitRule | undefined {
  const message = anyUnpack(config, LocalRateLimitSchema);
  if (message === undefined) return undefined;
  const { statPrefix, tokenBucket, status } = message;
  if (statPrefix === "") errors.push({ path: `${path}.stat_prefix`, message: "is required" });
  if (isForRoute && tokenBucket === undefined) {
    errors.push({ path: `${path}.token_bucket`, message: "is required for hosts and routes" });
  }
  const code = status?.code ?? 0;
  const mutations = compileHeaders(message, path, errors);
  return {
    kind: "local-rate-limit",
    policy: statPrefix,
    enabled: compileFraction(message.filterEnabled, `${path}.filter_enabled`, errors, 0),
    enforced: compileFraction(message.filterEnforced, `${path}.filter_enforced`, errors, 0),
    status: code >= STATUS_MIN ? code : STATUS_LIMITED,
    isExhausted: message.rateLimitedAsResourceExhausted,
    lookups: compileLookups(message, path, errors),
    defaultLimit: compileDefault(tokenBucket, `${path}.token_bucket`, errors),
    alwaysTakesDefault: message.alwaysConsumeDefaultTokenBucket ?? true,
    tellsRetryAfter: message.enableRetryAfterHeader,
    tellsLimit: message.enableXRatelimitHeaders === XRateLimitHeadersRFCVersion.DRAFT_VERSION_03,
    isPerConnection: message.localRateLimitPerDownstreamConnection,
    ...mutations,
  };
}

function compileHeaders(message: LocalRateLimit, path: string, errors: FieldError[]) {
  const headerErrors: FieldError[] = [];
  const { requestMutations, responseMutations } = compileMutations(
    {
      requestHeadersToAdd: message.requestHeadersToAddWhenNotEnforced,
      requestHeadersToRemove: [],
      responseHeadersToAdd: message.responseHeadersToAdd,
      responseHeadersToRemove: [],
    },
    "",
    headerErrors,
  );
  for (const error of headerErrors) {
    const field = error.path.replace(
      "request_headers_to_add",
      "request_headers_to_add_when_not_enforced",
    );
    errors.push({ ...error, path: `${path}.${field}` });
  }
  return { requestMutations, responseMutations };
}

/** The largest bucket is how Envoy, which wants one on each route, is told that only descriptors limit. */
const UNLIMITED_TOKENS = 0xffff_ffff;

function compileDefault(
  bucket: TokenBucket | undefined,
  path: string,
  errors: FieldError[],
): LimitSpec | undefined {
  if (bucket === undefined || bucket.maxTokens === UNLIMITED_TOKENS) return undefined;
  return compileLimit(bucket, { rule: "default", entries: [], valuesMax: 0 }, path, errors);
}

interface LimitName {
  readonly rule: string;
  readonly entries: readonly string[];
  readonly valuesMax: number;
}

function compileLimit(
  { maxTokens, tokensPerFill = 1, fillInterval }: TokenBucket,
  { rule, entries, valuesMax }: LimitName,
  path: string,
  errors: FieldError[],
): LimitSpec {
  const fillMs = fillInterval === undefined ? 0 : durationMs(fillInterval);
  if (maxTokens > 0 && fillMs < RATE_LIMIT_FILL_MS_MIN) {
    const message = `must be ${RATE_LIMIT_FILL_MS_MIN} ms or longer`;
    errors.push({ path: `${path}.fill_interval`, message });
  }
  if (tokensPerFill === 0) {
    errors.push({ path: `${path}.tokens_per_fill`, message: "must be above 0" });
  }
  const key = JSON.stringify([...entries, maxTokens, tokensPerFill, fillMs]);
  return { key, rule, tokensMax: maxTokens, intervalMs: fillMs / tokensPerFill, valuesMax };
}

/** A configured descriptor that lists of actions may lead to. */
interface KnownDescriptor {
  readonly keys: readonly string[];
  /** Empty for any value. */
  readonly values: readonly string[];
  readonly limit: LimitSpec;
}

function compileLookups(
  message: LocalRateLimit,
  path: string,
  errors: FieldError[],
): readonly LimitLookup[] {
  const valuesMax = message.maxDynamicDescriptors ?? RATE_LIMIT_VALUES_MAX;
  if (valuesMax === 0) {
    errors.push({ path: `${path}.max_dynamic_descriptors`, message: "must be above 0" });
  }
  const descriptors = message.descriptors.map((descriptor, index) =>
    compileDescriptor(descriptor, valuesMax, `${path}.descriptors[${index}]`, errors),
  );
  reportRepeated(descriptors, path, errors);
  const rules = compileRateLimits(message.rateLimits, `${path}.rate_limits`, errors);
  if (descriptors.length > 0 && rules.length === 0) {
    const reason = "nothing leads to a descriptor without them";
    errors.push({ path: `${path}.rate_limits`, message: reason });
  }
  return rules
    .map((rule) => lookupOf(rule, descriptors))
    .filter(({ exact, patterns }) => exact.size > 0 || patterns.length > 0);
}

function compileDescriptor(
  { entries, tokenBucket }: LocalRateLimitDescriptor,
  valuesMax: number,
  path: string,
  errors: FieldError[],
): KnownDescriptor {
  if (entries.length === 0) {
    errors.push({ path: `${path}.entries`, message: "at least one entry is required" });
  }
  if (tokenBucket === undefined) {
    errors.push({ path: `${path}.token_bucket`, message: "is required" });
  }
  const hasAny = entries.some(({ value }) => value === "");
  const name = {
    rule: ruleName(entries),
    entries: entries.flatMap(({ key, value }) => [key, value]),
    valuesMax: hasAny ? valuesMax : 0,
  };
  return {
    keys: entries.map(({ key }) => key),
    values: entries.map(({ value }) => value),
    limit: compileLimit(
      tokenBucket ?? ({ maxTokens: 0 } as TokenBucket),
      name,
      `${path}.token_bucket`,
      errors,
    ),
  };
}

/** An entry with this key names the rule: translation writes one. */
const RULE_KEY = "rule";

function ruleName(entries: LocalRateLimitDescriptor["entries"]): string {
  const named = entries.find(({ key, value }) => key === RULE_KEY && value !== "");
  return named?.value ?? entries.map(({ key, value }) => `${key}=${value || "*"}`).join(",");
}

function reportRepeated(
  descriptors: readonly KnownDescriptor[],
  path: string,
  errors: FieldError[],
): void {
  const seen = new Set<string>();
  for (const [index, { keys, values }] of descriptors.entries()) {
    const identity = JSON.stringify([keys, values]);
    if (seen.has(identity)) {
      const message = "repeats the entries of another descriptor";
      errors.push({ path: `${path}.descriptors[${index}]`, message });
    }
    seen.add(identity);
  }
}

function lookupOf(
  { tests, entries }: DescriptorRule,
  descriptors: readonly KnownDescriptor[],
): LimitLookup {
  const exact = new Map<string, LimitSpec>();
  const patterns: LimitPattern[] = [];
  for (const { keys, values, limit } of descriptors) {
    if (!isReachable(entries, keys, values)) continue;
    const wanted = values.filter((_value, index) => typeof entries[index]!.value !== "string");
    // Envoy looks for the descriptor itself before it tries those with any value.
    if (limit.valuesMax === 0) exact.set(wanted.join(VALUE_SEPARATOR), limit);
    else patterns.push({ wanted: wanted.map((value) => value || undefined), limit });
  }
  const values = entries.map(({ value }) => value).filter((value) => typeof value !== "string");
  return { tests, values, exact, patterns };
}

/** Whether these actions can make this descriptor of any request. */
function isReachable(
  entries: readonly DescriptorEntry[],
  keys: readonly string[],
  values: readonly string[],
): boolean {
  if (entries.length !== keys.length) return false;
  return entries.every(({ key, value }, index) => {
    if (key !== keys[index]) return false;
    return typeof value !== "string" || values[index] === "" || values[index] === value;
  });
}
