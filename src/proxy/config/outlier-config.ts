/** Envoy's OutlierDetection compiled, with its defaults. */

import { compileDuration } from "../../decision/duration.ts";
import type { FieldError } from "../../decision/field-error.ts";
import type { OutlierDetection } from "../../gen/envoy/config/cluster/v3/outlier_detection_pb.js";

/** Thresholds of a decision over all endpoints of a cluster. */
export interface OutlierVolume {
  /** Endpoints with enough requests. */
  readonly hostsMin: number;
  /** Requests of an endpoint in an interval. */
  readonly requestsMin: number;
}

/** How likely what was detected leads to an ejection, percent. */
export interface OutlierEnforcing {
  readonly consecutive_5xx: number;
  readonly consecutive_gateway_failure: number;
  readonly consecutive_local_origin_failure: number;
  readonly success_rate: number;
  readonly local_origin_success_rate: number;
  readonly failure_percentage: number;
  readonly local_origin_failure_percentage: number;
}

export interface OutlierSettings {
  /** Failures in a row. */
  readonly consecutive5xx: number;
  readonly gatewayFailures: number;
  readonly consecutiveLocalFailures: number;
  /** Failures without an answer are counted apart from answers. */
  readonly splitsLocalErrors: boolean;
  readonly intervalMs: number;
  readonly baseEjectionMs: number;
  readonly ejectionMsMax: number;
  readonly ejectionJitterMs: number;
  /** Of the cluster's endpoints. */
  readonly ejectedPercentMax: number;
  readonly ejectsOneAlways: boolean;
  readonly successRate: OutlierVolume;
  /** Standard deviations. */
  readonly successRateFactor: number;
  readonly failurePercentage: OutlierVolume;
  readonly failurePercentageMin: number;
  readonly enforcing: OutlierEnforcing;
  /** A health check that succeeds ends an ejection. */
  readonly restoresOnHealthCheck: boolean;
}

const INTERVAL_MS = 10_000;
const BASE_EJECTION_MS = 30_000;
const EJECTION_MS_MAX = 300_000;
const CONSECUTIVE = 5;
const EJECTED_PERCENT_MAX = 10;

const PERCENT_FIELDS = [
  ["enforcingConsecutive5xx", "enforcing_consecutive_5xx"],
  ["enforcingConsecutiveGatewayFailure", "enforcing_consecutive_gateway_failure"],
  ["enforcingConsecutiveLocalOriginFailure", "enforcing_consecutive_local_origin_failure"],
  ["enforcingSuccessRate", "enforcing_success_rate"],
  ["enforcingLocalOriginSuccessRate", "enforcing_local_origin_success_rate"],
  ["enforcingFailurePercentage", "enforcing_failure_percentage"],
  ["enforcingFailurePercentageLocalOrigin", "enforcing_failure_percentage_local_origin"],
  ["maxEjectionPercent", "max_ejection_percent"],
  ["failurePercentageThreshold", "failure_percentage_threshold"],
] as const;

/** `path` is where the message stands. */
export function compileOutlierDetection(
  message: OutlierDetection | undefined,
  path: string,
  errors: FieldError[],
): OutlierSettings | undefined {
  if (message === undefined) return undefined;
  for (const [name, field] of PERCENT_FIELDS) {
    const percent = message[name] ?? 0;
    if (percent > 100)
      errors.push({ path: `${path}.${field}`, message: `${percent} is above 100` });
  }
  return {
    consecutive5xx: message.consecutive5xx ?? CONSECUTIVE,
    gatewayFailures: message.consecutiveGatewayFailure ?? CONSECUTIVE,
    consecutiveLocalFailures: message.consecutiveLocalOriginFailure ?? CONSECUTIVE,
    splitsLocalErrors: message.splitExternalLocalOriginErrors,
    ...compileTimes(message, path, errors),
    ejectedPercentMax: message.maxEjectionPercent ?? EJECTED_PERCENT_MAX,
    ejectsOneAlways: message.alwaysEjectOneHost ?? false,
    successRate: {
      hostsMin: message.successRateMinimumHosts ?? 5,
      requestsMin: message.successRateRequestVolume ?? 100,
    },
    successRateFactor: (message.successRateStdevFactor ?? 1_900) / 1_000,
    failurePercentage: {
      hostsMin: message.failurePercentageMinimumHosts ?? 5,
      requestsMin: message.failurePercentageRequestVolume ?? 50,
    },
    failurePercentageMin: message.failurePercentageThreshold ?? 85,
    enforcing: {
      consecutive_5xx: message.enforcingConsecutive5xx ?? 100,
      consecutive_gateway_failure: message.enforcingConsecutiveGatewayFailure ?? 0,
      consecutive_local_origin_failure: message.enforcingConsecutiveLocalOriginFailure ?? 100,
      success_rate: message.enforcingSuccessRate ?? 100,
      local_origin_success_rate: message.enforcingLocalOriginSuccessRate ?? 100,
      failure_percentage: message.enforcingFailurePercentage ?? 0,
      local_origin_failure_percentage: message.enforcingFailurePercentageLocalOrigin ?? 0,
    },
    restoresOnHealthCheck: message.successfulActiveHealthCheckUnejectHost ?? true,
  };
}

type OutlierTimes = Pick<
  OutlierSettings,
  "intervalMs" | "baseEjectionMs" | "ejectionMsMax" | "ejectionJitterMs"
>;

function compileTimes(message: OutlierDetection, path: string, errors: FieldError[]): OutlierTimes {
  const positive = (name: "interval" | "baseEjectionTime" | "maxEjectionTime", field: string) => {
    const ms = compileDuration(message[name], `${path}.${field}`, errors);
    if (ms === 0) errors.push({ path: `${path}.${field}`, message: "must be above 0" });
    return ms;
  };
  const baseEjectionMs = positive("baseEjectionTime", "base_ejection_time") ?? BASE_EJECTION_MS;
  const max = positive("maxEjectionTime", "max_ejection_time");
  const ejectionMsMax = max ?? Math.max(EJECTION_MS_MAX, baseEjectionMs);
  if (ejectionMsMax < baseEjectionMs) {
    const text = `must not be below base_ejection_time, which is ${baseEjectionMs} ms`;
    errors.push({ path: `${path}.max_ejection_time`, message: text });
  }
  const jitterPath = `${path}.max_ejection_time_jitter`;
  return {
    intervalMs: positive("interval", "interval") ?? INTERVAL_MS,
    baseEjectionMs,
    ejectionMsMax,
    ejectionJitterMs: compileDuration(message.maxEjectionTimeJitter, jitterPath, errors) ?? 0,
  };
}
