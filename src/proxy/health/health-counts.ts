/** What has happened to the health of a cluster's endpoints, whatever the cluster's configuration was at the time. */
import { EJECTION_REASONS, type EjectionReason } from "./outlier-monitor.ts";

export interface OutlierCounts {
  /** By reason, whether or not an ejection came of it. */
  readonly detected: Record<EjectionReason, number>;
  readonly ejections: Record<EjectionReason, number>;
  /** Ejections that would have been one too many. */
  overflows: number;
  /** Requests that tried an ejected endpoint. */
  trialsPassed: number;
  trialsFailed: number;
}

export interface HealthCheckCounts {
  attempts: number;
  successes: number;
  /** All of them, those below included. */
  failures: number;
  networkFailures: number;
}

export class HealthCounts {
  readonly outlier: OutlierCounts = {
    detected: byReason(),
    ejections: byReason(),
    overflows: 0,
    trialsPassed: 0,
    trialsFailed: 0,
  };
  readonly checks: HealthCheckCounts = {
    attempts: 0,
    successes: 0,
    failures: 0,
    networkFailures: 0,
  };
}

function byReason(): Record<EjectionReason, number> {
  return Object.fromEntries(EJECTION_REASONS.map((reason) => [reason, 0])) as Record<
    EjectionReason,
    number
  >;
}
