/** What tells which instances of a Service are well: outlier detection and active health checks. */
import { create } from "@bufbuild/protobuf";
import {
  type OutlierDetection,
  OutlierDetectionSchema,
} from "../gen/envoy/config/cluster/v3/outlier_detection_pb.js";
import { RequestMethod } from "../gen/envoy/config/core/v3/base_pb.js";
import {
  type HealthCheck,
  HealthCheckSchema,
} from "../gen/envoy/config/core/v3/health_check_pb.js";
import { CodecClientType } from "../gen/envoy/type/v3/http_pb.js";
import { durationMs } from "../resource/duration.ts";
import type { HealthCheckSettings } from "../resource/kinds/health-check.ts";
import type { OutlierDetectionSettings } from "../resource/kinds/outlier-detection.ts";
import type { DeepReadonly } from "../resource/object.ts";
import { duration } from "./message.ts";

/** Percent of the cases in which a detection acts. */
const ALWAYS = 100;
const NEVER = 0;

/** Undefined when it is off. */
export function outlierDetection(
  settings: DeepReadonly<OutlierDetectionSettings>,
): OutlierDetection | undefined {
  if (!settings.enabled) return undefined;
  const { successRate, failurePercentage } = settings;
  return create(OutlierDetectionSchema, {
    ...consecutiveErrors(settings),
    interval: duration(durationMs(settings.interval)),
    baseEjectionTime: duration(durationMs(settings.baseEjectionTime)),
    maxEjectionTime: duration(
      Math.max(durationMs(settings.maxEjectionTime), durationMs(settings.baseEjectionTime)),
    ),
    maxEjectionTimeJitter: duration(durationMs(settings.maxEjectionTimeJitter)),
    maxEjectionPercent: settings.maxEjectionPercent,
    enforcingSuccessRate: successRate.enabled ? ALWAYS : NEVER,
    enforcingLocalOriginSuccessRate:
      successRate.enabled && settings.splitExternalLocalOriginErrors ? ALWAYS : NEVER,
    successRateMinimumHosts: successRate.minimumHosts,
    successRateRequestVolume: successRate.requestVolume,
    // Envoy divides by 1000.
    successRateStdevFactor: Math.round(successRate.stdevFactor * 1000),
    enforcingFailurePercentage: failurePercentage.enabled ? ALWAYS : NEVER,
    enforcingFailurePercentageLocalOrigin:
      failurePercentage.enabled && settings.splitExternalLocalOriginErrors ? ALWAYS : NEVER,
    failurePercentageThreshold: failurePercentage.threshold,
    failurePercentageMinimumHosts: failurePercentage.minimumHosts,
    failurePercentageRequestVolume: failurePercentage.requestVolume,
  });
}

/** A count of 0 means never; Envoy says so by a percentage. */
function consecutiveErrors(settings: DeepReadonly<OutlierDetectionSettings>) {
  const { consecutive5xxErrors, consecutiveGatewayErrors, consecutiveLocalOriginFailures } =
    settings;
  const isSplit = settings.splitExternalLocalOriginErrors;
  const isLocalCounted = isSplit && consecutiveLocalOriginFailures > 0;
  return {
    consecutive5xx: Math.max(consecutive5xxErrors, 1),
    enforcingConsecutive5xx: consecutive5xxErrors > 0 ? ALWAYS : NEVER,
    consecutiveGatewayFailure: Math.max(consecutiveGatewayErrors, 1),
    enforcingConsecutiveGatewayFailure: consecutiveGatewayErrors > 0 ? ALWAYS : NEVER,
    splitExternalLocalOriginErrors: isSplit,
    consecutiveLocalOriginFailure: Math.max(consecutiveLocalOriginFailures, 1),
    enforcingConsecutiveLocalOriginFailure: isLocalCounted ? ALWAYS : NEVER,
  };
}

const METHOD = {
  GET: RequestMethod.GET,
  HEAD: RequestMethod.HEAD,
  OPTIONS: RequestMethod.OPTIONS,
} as const;

/** `host` is what instances are called by when the check does not say. */
export function healthCheck(
  settings: DeepReadonly<HealthCheckSettings>,
  { host, codec }: { readonly host: string; readonly codec: "http1" | "http2" },
): HealthCheck {
  const intervalMs = durationMs(settings.interval);
  const { unhealthyInterval } = settings;
  const unhealthy =
    unhealthyInterval === undefined
      ? {}
      : { unhealthyInterval: duration(durationMs(unhealthyInterval)) };
  return create(HealthCheckSchema, {
    timeout: duration(durationMs(settings.timeout)),
    interval: duration(intervalMs),
    // Envoy asks each 60 s while nobody uses a cluster; an instance must be known before the first request.
    noTrafficInterval: duration(intervalMs),
    initialJitter: duration(Math.floor((intervalMs * settings.jitterPercent) / 100)),
    intervalJitterPercent: settings.jitterPercent,
    unhealthyThreshold: settings.unhealthyThreshold,
    healthyThreshold: settings.healthyThreshold,
    ...unhealthy,
    healthChecker: healthChecker(settings, { host, codec }),
  });
}

function healthChecker(
  { http, grpc, tcp }: DeepReadonly<HealthCheckSettings>,
  { host, codec }: { readonly host: string; readonly codec: "http1" | "http2" },
): HealthCheck["healthChecker"] {
  const check = create(HealthCheckSchema, {
    healthChecker:
      http !== undefined
        ? {
            case: "httpHealthCheck",
            value: {
              host: http.host ?? host,
              path: http.path,
              method: METHOD[http.method],
              codecClientType: codec === "http2" ? CodecClientType.HTTP2 : CodecClientType.HTTP1,
              requestHeadersToAdd: http.headers.map(({ name, value }) => ({
                header: { key: name, value: value.replaceAll("%", "%%") },
              })),
              // Envoy's range ends before its end.
              expectedStatuses: http.expectedStatuses.map(({ start, end }) => ({
                start: BigInt(start),
                end: BigInt(end + 1),
              })),
            },
          }
        : grpc !== undefined
          ? { case: "grpcHealthCheck", value: { serviceName: grpc.service, authority: host } }
          : {
              case: "tcpHealthCheck",
              value: {
                ...(tcp?.send === undefined ? {} : { send: payload(tcp.send) }),
                receive: (tcp?.receive ?? []).map(payload),
              },
            },
  });
  return check.healthChecker;
}

function payload(hex: string) {
  return { payload: { case: "text", value: hex } } as const;
}
