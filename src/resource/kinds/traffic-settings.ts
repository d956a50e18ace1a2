/**
 * Settings of the traffic to one service. MeshConfig holds all of them (`defaults`); a TrafficPolicy holds any part,
 * and what it leaves out is MeshConfig's, field by field.
 */
import { z } from "zod";
import { parseDuration } from "../duration.ts";
import { dnsLabel, dnsLabel1035, duration, portNumber } from "../fields.ts";
import { objectRule, valueAt } from "../rule.ts";
import {
  type CircuitBreakerSettings,
  type ConnectionPoolSettings,
  circuitBreakersPart,
  circuitBreakersWhole,
  connectionPoolPart,
  connectionPoolWhole,
} from "./connection-settings.ts";
import { type HealthCheckSettings, healthCheck } from "./health-check.ts";
import {
  type LoadBalancerSettings,
  loadBalancerPart,
  loadBalancerWhole,
} from "./load-balancer-settings.ts";
import {
  type OutlierDetectionSettings,
  outlierDetectionPart,
  outlierDetectionWhole,
} from "./outlier-detection.ts";
import {
  type HedgingSettings,
  hedging,
  type RetrySettings,
  retriesPart,
  retriesWhole,
} from "./retry-settings.ts";
import { type SessionPersistence, sessionPersistence } from "./session-persistence.ts";
import { partOf, wholeOf } from "./settings-shape.ts";

const HOUR_MS = 3_600_000;

const connectTimeout = duration({ minMs: 1, maxMs: HOUR_MS }).describe(
  "For a connection to an instance, its TLS handshake included.",
);

const timeoutFields = {
  request: duration({ maxMs: 24 * HOUR_MS }).describe(
    "From the whole request received to the whole response sent; 0s for none. An HTTPRoute's own timeouts go before.",
  ),
  perTry: duration({ maxMs: 24 * HOUR_MS }).describe(
    "For one try at an instance; 0s for none but request. Passing it is a failure that retries.on names gateway-error.",
  ),
  idle: duration({ maxMs: 24 * HOUR_MS }).describe(
    "Without a byte in either direction while a request is in flight; 0s for none. WebSockets are ended by a TrafficPolicy's only; gRPC streams too.",
  ),
  stream: duration({ maxMs: 999 * HOUR_MS }).describe(
    "Life of a request and its response, however much is going on; 0s for none. A deadline that a call of gRPC brings holds in any case.",
  ),
  connectionIdle: duration({ maxMs: 24 * HOUR_MS }).describe(
    "Of a connection to an instance that carries no request, before it is closed; 0s for none.",
  ),
} as const;

const timeoutsPart = objectRule(partOf(timeoutFields), (value, report) => {
  const [requestMs, tryMs] = [msOf(value["request"]), msOf(value["perTry"])];
  if (requestMs === undefined || tryMs === undefined || requestMs === 0 || tryMs <= requestMs) {
    return;
  }
  report({
    path: ["perTry"],
    message: `is ${value["perTry"]}, longer than request ${value["request"]}`,
  });
});

const failoverTarget = z.strictObject({
  name: dnsLabel1035().describe("A Service."),
  namespace: dnsLabel().optional().describe("Default: the policy's own."),
  port: portNumber().optional().describe("Default: the same port."),
});

/** What a TrafficPolicy may hold besides its targets. */
export const trafficSettingsPart = {
  loadBalancer: loadBalancerPart.optional().describe("How an instance is chosen."),
  connectTimeout: connectTimeout.optional(),
  timeouts: timeoutsPart.optional().describe("How long things may take."),
  retries: retriesPart.optional().describe("When a request is tried again."),
  hedging: hedging
    .optional()
    .describe("A second try beside a first one that takes long. Default: none."),
  outlierDetection: outlierDetectionPart
    .optional()
    .describe("Instances that answer badly are taken out for a while."),
  healthCheck: healthCheck
    .optional()
    .describe("What callers' sidecars ask each instance. Default: nothing; sidecars report."),
  circuitBreakers: circuitBreakersPart
    .optional()
    .describe("What may be under way from one caller's sidecar to the service at once."),
  connectionPool: connectionPoolPart.optional().describe("Connections to instances."),
  sessionPersistence: sessionPersistence
    .optional()
    .describe("Requests of one session go to one instance, for as long as it is there."),
  failover: z
    .array(failoverTarget)
    .min(1)
    .max(8)
    .optional()
    .describe(
      "Services that take over, the first one first, when too few instances are healthy (loadBalancer.locality.overprovisioningFactor).",
    ),
} as const;

/** MeshConfig's `defaults`. */
export const trafficSettingsWhole = z.strictObject({
  loadBalancer: loadBalancerWhole.prefault({}).describe("How an instance is chosen."),
  // Instances of a mesh are near: who does not answer in 5 s is gone, and the next one is tried.
  connectTimeout: connectTimeout.default("5s"),
  timeouts: wholeOf(timeoutFields, {
    // None: only the author knows how long an answer may take.
    request: "0s",
    perTry: "0s",
    // Envoy's.
    idle: "5m",
    stream: "0s",
    connectionIdle: "1h",
  })
    .prefault({})
    .describe("How long things may take."),
  retries: retriesWhole.prefault({}).describe("When a request is tried again."),
  outlierDetection: outlierDetectionWhole
    .prefault({})
    .describe("Instances that answer badly are taken out for a while."),
  circuitBreakers: circuitBreakersWhole
    .prefault({})
    .describe("What may be under way from one caller's sidecar to a service at once."),
  connectionPool: connectionPoolWhole.prefault({}).describe("Connections to instances."),
});

export interface FailoverTarget {
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly port?: number | undefined;
}

/** What holds for one service: a policy laid over MeshConfig. */
export interface TrafficSettingsSpec {
  readonly loadBalancer: LoadBalancerSettings;
  readonly connectTimeout: string;
  readonly timeouts: z.output<typeof trafficSettingsWhole>["timeouts"];
  readonly retries: RetrySettings;
  readonly outlierDetection: OutlierDetectionSettings;
  readonly circuitBreakers: CircuitBreakerSettings;
  readonly connectionPool: ConnectionPoolSettings;
  readonly hedging?: HedgingSettings | undefined;
  readonly healthCheck?: HealthCheckSettings | undefined;
  readonly sessionPersistence?: SessionPersistence | undefined;
  readonly failover?: readonly FailoverTarget[] | undefined;
}

/** Of hedging and a limit for one try only one can hold: both begin when a try takes long. */
export function checkHedging(
  spec: Readonly<Record<string, unknown>>,
  report: Parameters<Parameters<typeof objectRule>[1]>[1],
): void {
  if (spec["hedging"] === undefined) return;
  const perTry = valueAt(spec, "timeouts", "perTry");
  if (perTry === undefined || perTry === "0s") return;
  report({
    path: ["hedging"],
    message: "must not stand beside timeouts.perTry: a try that is hedged goes on",
  });
}

function msOf(value: unknown): number | undefined {
  return typeof value === "string" ? parseDuration(value) : undefined;
}
