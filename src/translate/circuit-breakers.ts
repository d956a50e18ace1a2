/** What may be under way from one sidecar to a cluster at once, and how many of that may be retries. */
import { create } from "@bufbuild/protobuf";
import {
  type CircuitBreakers,
  CircuitBreakersSchema,
} from "../gen/envoy/config/cluster/v3/circuit_breaker_pb.js";
import { RoutingPriority } from "../gen/envoy/config/core/v3/base_pb.js";
import { CIRCUIT_BREAKER_UNLIMITED } from "./defaults.ts";
import type { TrafficSettings } from "./traffic-settings.ts";

const UNLIMITED = {
  priority: RoutingPriority.DEFAULT,
  maxConnections: CIRCUIT_BREAKER_UNLIMITED,
  maxPendingRequests: CIRCUIT_BREAKER_UNLIMITED,
  maxRequests: CIRCUIT_BREAKER_UNLIMITED,
  maxRetries: CIRCUIT_BREAKER_UNLIMITED,
} as const;

/** For the app beside a sidecar: its callers have the limits. */
export function unlimitedCircuitBreakers(): CircuitBreakers {
  return create(CircuitBreakersSchema, { thresholds: [UNLIMITED] });
}

export function circuitBreakers({
  circuitBreakers: limits,
  retries: { budget },
}: TrafficSettings): CircuitBreakers {
  const retryBudget = {
    budgetPercent: { value: budget.percent },
    minRetryConcurrency: budget.minimumConcurrency,
  };
  return create(CircuitBreakersSchema, {
    thresholds: [{ ...UNLIMITED, ...limits, retryBudget }],
  });
}
