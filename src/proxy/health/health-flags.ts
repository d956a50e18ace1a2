/** Why an endpoint is not used, or used last: Envoy's health flags, as bits. */
import type { HostHealth } from "../load-balancer/load-balancer.ts";

export const HEALTH_FLAG = {
  failedActiveCheck: 1,
  failedOutlierCheck: 2,
  failedEds: 4,
  draining: 8,
  degradedActiveCheck: 16,
  degradedEds: 32,
  /** No health check has ended yet. */
  pendingActiveCheck: 64,
  /** Its last health check got no answer in time. */
  activeCheckTimeout: 128,
} as const;

const UNHEALTHY =
  HEALTH_FLAG.failedActiveCheck |
  HEALTH_FLAG.failedOutlierCheck |
  HEALTH_FLAG.failedEds |
  HEALTH_FLAG.draining;
const DEGRADED = HEALTH_FLAG.degradedActiveCheck | HEALTH_FLAG.degradedEds;

/** As Envoy's `/clusters` page writes them, in its order. */
const TEXTS: readonly (readonly [flag: number, text: string])[] = [
  [HEALTH_FLAG.failedActiveCheck, "/failed_active_hc"],
  [HEALTH_FLAG.failedOutlierCheck, "/failed_outlier_check"],
  [HEALTH_FLAG.failedEds, "/failed_eds_health"],
  [HEALTH_FLAG.degradedActiveCheck, "/degraded_active_hc"],
  [HEALTH_FLAG.degradedEds, "/degraded_eds_health"],
  [HEALTH_FLAG.pendingActiveCheck, "/pending_active_hc"],
  [HEALTH_FLAG.activeCheckTimeout, "/active_hc_timeout"],
  [HEALTH_FLAG.draining, "/eds_status_draining"],
];

/** What balancers see of the flags. */
export function hostHealthOf(flags: number): HostHealth {
  if ((flags & UNHEALTHY) !== 0) return "unhealthy";
  return (flags & DEGRADED) !== 0 ? "degraded" : "healthy";
}

/** Its first health check has not ended, and nothing else speaks against it. */
export function isOnlyPending(flags: number): boolean {
  return (
    (flags & HEALTH_FLAG.pendingActiveCheck) !== 0 &&
    isOnlyUnhealthyBy(flags, HEALTH_FLAG.failedActiveCheck)
  );
}

/** Whether the endpoint would be used but for these flags. */
export function isOnlyUnhealthyBy(flags: number, ignored: number): boolean {
  return (flags & UNHEALTHY & ~ignored) === 0;
}

export function healthFlagsText(flags: number): string {
  const texts = TEXTS.filter(([flag]) => (flags & flag) !== 0).map(([, text]) => text);
  return texts.length === 0 ? "healthy" : texts.join("");
}
