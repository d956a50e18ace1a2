/** When a request is tried again, and how long one try may take. */
import { create } from "@bufbuild/protobuf";
import {
  HeaderMatcherSchema,
  type HedgePolicy,
  HedgePolicySchema,
  type RetryPolicy,
  RetryPolicy_ResetHeaderFormat,
  RetryPolicySchema,
} from "../../gen/envoy/config/route/v3/route_components_pb.js";
import { PreviousHostsPredicateSchema } from "../../gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js";
import { UNDELIVERED_HEADER } from "../../http/known-headers.ts";
import { durationMs } from "../../resource/duration.ts";
import { UNSAFE_RETRY_CONDITIONS } from "../../resource/kinds/retry-settings.ts";
import { duration, pack } from "../message.ts";
import type { TrafficSettings } from "../traffic-settings.ts";
import type { Rule } from "./precedence.ts";

/** Ceiling of the backoff as a multiple of its base. Envoy's default. */
const BACKOFF_CEILING_FACTOR = 10;
const ENVOY_BACKOFF = { baseMs: 25, maxMs: 250 } as const;
/** How often a load balancer is asked for another instance. Istio's. */
const HOST_SELECTION_ATTEMPTS = 5n;

/** How requests of a route are tried: those whose method may be repeated, and the others. */
export interface RetryPlan {
  readonly repeatable: Tries;
  /**
   * Methods that `repeatable` is for; undefined when it is for all, because nothing in it repeats what an app may
   * have acted on.
   */
  readonly methods: readonly string[] | undefined;
  readonly others: Tries;
}

/** What an xDS route says of them. */
export interface Tries {
  readonly retryPolicy: RetryPolicy;
  readonly hedgePolicy?: HedgePolicy;
}

export interface RetryContext {
  readonly settings: TrafficSettings;
  /** Every request is a call of gRPC, whose method is always POST: what may be repeated is the author's word. */
  readonly isGrpc: boolean;
}

/**
 * The policy's conditions hold for the methods that it names, where the app may have acted on a request; those after
 * which it provably has not hold for all. The codes of a rule's own `retry` are the rule author's word on every
 * request that the rule matches (GEP-1731).
 */
export function retryPlan(
  rule: Pick<Rule, "retry" | "timeouts">,
  context: RetryContext,
): RetryPlan {
  const { settings, isGrpc } = context;
  const { retries, hedging } = settings;
  const unsafe = retries.on.filter(isUnsafe);
  const isPlain =
    unsafe.length === 0 && retries.statusCodes.length === 0 && retries.headers.length === 0;
  const safe = retries.on.filter((condition) => !isUnsafe(condition));
  const others = { retryPolicy: policyOf(rule, context, { on: safe, codes: [], headers: [] }) };
  if (isPlain && hedging === undefined) {
    return { repeatable: others, methods: undefined, others };
  }
  const hedgeMs = hedging === undefined ? undefined : durationMs(hedging.delay);
  const retryPolicy = policyOf(rule, context, {
    on: retries.on,
    codes: retries.statusCodes,
    headers: retries.headers,
    ...(hedgeMs === undefined ? {} : { hedgeMs }),
  });
  const hedgePolicy = create(HedgePolicySchema, { hedgeOnPerTryTimeout: true });
  const repeatable = { retryPolicy, ...(hedgeMs === undefined ? {} : { hedgePolicy }) };
  return { repeatable, methods: isGrpc ? undefined : retries.methods, others };
}

function isUnsafe(condition: string): boolean {
  return UNSAFE_RETRY_CONDITIONS.some((unsafe) => unsafe === condition);
}

interface Conditions {
  readonly on: readonly string[];
  readonly codes: readonly number[];
  readonly headers: readonly string[];
  readonly hedgeMs?: number;
}

function policyOf(
  { retry, timeouts }: Pick<Rule, "retry" | "timeouts">,
  { settings: { retries, timeouts: defaults } }: RetryContext,
  { on, codes: policyCodes, headers, hedgeMs }: Conditions,
): RetryPolicy {
  const codes = [...new Set([...(retry?.codes ?? []), ...policyCodes])].sort((a, b) => a - b);
  const perTryTimeoutMs = hedgeMs ?? durationMs(timeouts?.backendRequest ?? defaults.perTry);
  const isUndelivered = on.includes("connect-failure");
  const retryOn = [
    ...on,
    // How the sidecar of an app that does not listen says that a connection to the app failed.
    ...(isUndelivered || headers.length > 0 ? ["retriable-headers"] : []),
    ...(codes.length > 0 ? ["retriable-status-codes"] : []),
  ];
  return create(RetryPolicySchema, {
    retryOn: retryOn.join(","),
    numRetries: retry?.attempts ?? retries.attempts,
    retriableHeaders: [...(isUndelivered ? [UNDELIVERED_HEADER] : []), ...headers].map(isPresent),
    retriableStatusCodes: codes,
    ...(perTryTimeoutMs > 0 ? { perTryTimeout: duration(perTryTimeoutMs) } : {}),
    ...backoffOf(retry?.backoff, retries),
    ...otherHosts(retries, codes.length > 0 || on.some(isUnsafe)),
  });
}

function isPresent(name: string) {
  const headerMatchSpecifier = { case: "presentMatch", value: true } as const;
  return create(HeaderMatcherSchema, { name: name.toLowerCase(), headerMatchSpecifier });
}

/** A rule's own gives the least wait alone (GEP-1731). Envoy's values are left to Envoy. */
function backoffOf(own: string | undefined, { backoff }: TrafficSettings["retries"]) {
  const baseMs = durationMs(own ?? backoff.base);
  const maxMs =
    own === undefined ? Math.max(durationMs(backoff.max), baseMs) : baseMs * BACKOFF_CEILING_FACTOR;
  if (baseMs === 0 || (baseMs === ENVOY_BACKOFF.baseMs && maxMs === ENVOY_BACKOFF.maxMs)) return {};
  return { retryBackOff: { baseInterval: duration(baseMs), maxInterval: duration(maxMs) } };
}

/** Where the next try goes, and when, if the answer says. */
function otherHosts(retries: TrafficSettings["retries"], hasAnswers: boolean) {
  const maximumMs = durationMs(retries.retryAfterMaximum);
  const typedConfig = pack(PreviousHostsPredicateSchema, create(PreviousHostsPredicateSchema));
  return {
    ...(retries.avoidPreviousHosts
      ? {
          retryHostPredicate: [
            {
              name: "envoy.retry_host_predicates.previous_hosts",
              configType: { case: "typedConfig", value: typedConfig } as const,
            },
          ],
          hostSelectionRetryMaxAttempts: HOST_SELECTION_ATTEMPTS,
        }
      : {}),
    // RFC 9110 section 10.2.3: Retry-After in seconds. Only an answer can have one.
    ...(hasAnswers && maximumMs > 0
      ? {
          rateLimitedRetryBackOff: {
            resetHeaders: [{ name: "retry-after", format: RetryPolicy_ResetHeaderFormat.SECONDS }],
            maxInterval: duration(maximumMs),
          },
        }
      : {}),
  };
}
