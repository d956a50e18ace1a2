/** A cluster's circuit breakers compiled: limits for each priority of requests, and for the connections to one endpoint. */
import type { FieldError } from "../../decision/field-error.ts";
import type {
  CircuitBreakers_Thresholds,
  CircuitBreakers_Thresholds_RetryBudget,
} from "../../gen/envoy/config/cluster/v3/circuit_breaker_pb.js";
import type { Cluster } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import { RoutingPriority } from "../../gen/envoy/config/core/v3/base_pb.js";
import type { CircuitLimits } from "../circuit-breaker.ts";
import type { RetryBudgetOptions } from "../retry-budget.ts";

export interface CircuitConfig {
  readonly limits: CircuitLimits;
  /** For requests of routes with priority HIGH. */
  readonly urgentLimits: CircuitLimits;
  /** Connections to one endpoint. Infinite for no limit. */
  readonly hostConnectionsMax: number;
}

/** Envoy's default for each circuit breaker. */
const CIRCUIT_LIMIT = 1024;
/** Envoy's default for retries at the same time. */
const RETRIES_LIMIT = 3;
/** Envoy's defaults of a budget, in percent and retries. */
const BUDGET_PERCENT = 20;
const BUDGET_CONCURRENCY = 3;

const PATH = "circuit_breakers";

export function compileCircuits({ circuitBreakers }: Cluster, errors: FieldError[]): CircuitConfig {
  const thresholds = circuitBreakers?.thresholds ?? [];
  const limitsOf = (priority: RoutingPriority): CircuitLimits => {
    // The first of a priority holds, as in Envoy.
    const index = thresholds.findIndex((candidate) => candidate.priority === priority);
    return compileLimits(thresholds[index], `${PATH}.thresholds[${index}]`, errors);
  };
  return {
    limits: limitsOf(RoutingPriority.DEFAULT),
    urgentLimits: limitsOf(RoutingPriority.HIGH),
    hostConnectionsMax: compileHostLimit(circuitBreakers?.perHostThresholds ?? [], errors),
  };
}

function compileLimits(
  thresholds: CircuitBreakers_Thresholds | undefined,
  path: string,
  errors: FieldError[],
): CircuitLimits {
  return {
    connectionsMax: thresholds?.maxConnections ?? CIRCUIT_LIMIT,
    pendingMax: thresholds?.maxPendingRequests ?? CIRCUIT_LIMIT,
    requestsMax: thresholds?.maxRequests ?? CIRCUIT_LIMIT,
    retriesMax: thresholds?.maxRetries ?? RETRIES_LIMIT,
    retryBudget: compileBudget(thresholds?.retryBudget, `${path}.retry_budget`, errors),
    tracksRemaining: thresholds?.trackRemaining ?? false,
  };
}

function compileBudget(
  budget: CircuitBreakers_Thresholds_RetryBudget | undefined,
  path: string,
  errors: FieldError[],
): RetryBudgetOptions | undefined {
  if (budget === undefined) return undefined;
  const percent = budget.budgetPercent?.value ?? BUDGET_PERCENT;
  if (!(percent >= 0 && percent <= 100)) {
    const message = `${percent} is not from 0 to 100`;
    errors.push({ path: `${path}.budget_percent.value`, message });
  }
  return {
    fraction: percent / 100,
    concurrencyMin: budget.minRetryConcurrency ?? BUDGET_CONCURRENCY,
  };
}

/** Envoy looks at nothing else of these thresholds, and refuses what else it knows. */
function compileHostLimit(
  thresholds: readonly CircuitBreakers_Thresholds[],
  errors: FieldError[],
): number {
  let hostConnectionsMax = Number.POSITIVE_INFINITY;
  for (const [index, threshold] of thresholds.entries()) {
    const path = `${PATH}.per_host_thresholds[${index}]`;
    const others = ["maxPendingRequests", "maxRequests", "maxRetries", "retryBudget"] as const;
    if (others.some((field) => threshold[field] !== undefined) || threshold.trackRemaining) {
      errors.push({ path, message: "only max_connections is implemented for a single host" });
    }
    if (threshold.priority !== RoutingPriority.DEFAULT) {
      const message = "only DEFAULT is implemented: both priorities share their connections";
      errors.push({ path: `${path}.priority`, message });
    }
    hostConnectionsMax = threshold.maxConnections ?? hostConnectionsMax;
  }
  return hostConnectionsMax;
}
