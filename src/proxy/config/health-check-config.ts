/** Envoy's HealthCheck compiled: what endpoints are asked, how often, and what counts. */
import { compileDuration } from "../../decision/duration.ts";
import type { FieldError } from "../../decision/field-error.ts";
import type { Cluster } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import type { HealthCheck } from "../../gen/envoy/config/core/v3/health_check_pb.js";
import { compileProbe, type ProbeSettings } from "./probe-config.ts";
import type { ProtocolChoice } from "./upstream-http-config.ts";

export interface HealthCheckSettings {
  readonly timeoutMs: number;
  readonly unhealthyThreshold: number;
  readonly healthyThreshold: number;
  readonly intervals: CheckIntervals;
  /** Checks share a connection. */
  readonly reusesConnection: boolean;
  /** What the handshake offers, undefined for what the probe speaks. */
  readonly alpn: readonly string[] | undefined;
  /** Every result of this kind is logged, not only changes. */
  readonly logsFailures: boolean;
  readonly logsSuccesses: boolean;
  readonly probe: ProbeSettings;
}

/** Milliseconds between two checks, by how the last one ended. */
export interface CheckIntervals {
  readonly healthyMs: number;
  /** The check succeeded, but more successes are needed. */
  readonly healthyEdgeMs: number;
  readonly unhealthyMs: number;
  /** The check failed, but more failures are needed. */
  readonly unhealthyEdgeMs: number;
  /** Before the cluster's first request. */
  readonly noTrafficMs: number;
  readonly noTrafficHealthyMs: number;
  readonly initialJitterMs: number;
  readonly jitterMs: number;
  readonly jitterPercent: number;
}

const NO_TRAFFIC_MS = 60_000;

/** Undefined where the cluster has none. `protocol`: what the cluster speaks. */
export function compileHealthCheck(
  { healthChecks }: Cluster,
  protocol: ProtocolChoice,
  errors: FieldError[],
): HealthCheckSettings | undefined {
  const [message] = healthChecks;
  if (message === undefined) return undefined;
  if (healthChecks.length > 1) {
    errors.push({ path: "health_checks[1]", message: "a cluster has one health check" });
  }
  const path = "health_checks[0]";
  // Envoy's condition: what gRPC's check needs is what the cluster speaks.
  if (message.healthChecker.case === "grpcHealthCheck" && protocol === "http1") {
    const text = "needs a cluster that speaks HTTP/2: add http2_protocol_options";
    errors.push({ path: `${path}.grpc_health_check`, message: text });
  }
  const timeoutMs = requiredMs(message.timeout, `${path}.timeout`, errors);
  return {
    timeoutMs,
    unhealthyThreshold: threshold(
      message.unhealthyThreshold,
      `${path}.unhealthy_threshold`,
      errors,
    ),
    healthyThreshold: threshold(message.healthyThreshold, `${path}.healthy_threshold`, errors),
    intervals: compileIntervals(message, path, errors),
    reusesConnection: message.reuseConnection ?? true,
    alpn: message.tlsOptions?.alpnProtocols,
    logsFailures: message.alwaysLogHealthCheckFailures,
    logsSuccesses: message.alwaysLogHealthCheckSuccess,
    probe: compileProbe(message, path, timeoutMs, errors),
  };
}

function compileIntervals(
  message: HealthCheck,
  path: string,
  errors: FieldError[],
): CheckIntervals {
  const optional = (
    name:
      | "noTrafficInterval"
      | "noTrafficHealthyInterval"
      | "unhealthyInterval"
      | "unhealthyEdgeInterval"
      | "healthyEdgeInterval",
    field: string,
  ): number | undefined => {
    const ms = compileDuration(message[name], `${path}.${field}`, errors);
    if (ms === 0) errors.push({ path: `${path}.${field}`, message: "must be above 0" });
    return ms;
  };
  const healthyMs = requiredMs(message.interval, `${path}.interval`, errors);
  const unhealthyMs = optional("unhealthyInterval", "unhealthy_interval") ?? healthyMs;
  const noTrafficMs = optional("noTrafficInterval", "no_traffic_interval") ?? NO_TRAFFIC_MS;
  const { initialJitter, intervalJitter, intervalJitterPercent } = message;
  return {
    healthyMs,
    healthyEdgeMs: optional("healthyEdgeInterval", "healthy_edge_interval") ?? healthyMs,
    unhealthyMs,
    unhealthyEdgeMs: optional("unhealthyEdgeInterval", "unhealthy_edge_interval") ?? unhealthyMs,
    noTrafficMs,
    noTrafficHealthyMs:
      optional("noTrafficHealthyInterval", "no_traffic_healthy_interval") ?? noTrafficMs,
    initialJitterMs: compileDuration(initialJitter, `${path}.initial_jitter`, errors) ?? 0,
    jitterMs: compileDuration(intervalJitter, `${path}.interval_jitter`, errors) ?? 0,
    jitterPercent: intervalJitterPercent,
  };
}

function requiredMs(duration: HealthCheck["timeout"], path: string, errors: FieldError[]): number {
  const ms = compileDuration(duration, path, errors);
  if (ms === undefined) errors.push({ path, message: "is required" });
  else if (ms === 0) errors.push({ path, message: "must be above 0" });
  return ms ?? 1;
}

function threshold(value: number | undefined, path: string, errors: FieldError[]): number {
  if (value === undefined) errors.push({ path, message: "is required" });
  return value ?? 1;
}
