/**
 * Which part of a cluster's requests each priority gets, as Envoy divides them: the first takes all while enough of
 * it is healthy, and what it loses spills over to the next. Where too little is left altogether, priorities panic: they
 * use all of their endpoints, whatever is known of their health.
 */
import { type Host, UNKNOWN_LOCALITY } from "./host.ts";

/** One priority, counted. Weights are sums of weights where health is measured by them, else counts of endpoints. */
export interface PriorityHealth {
  readonly totalWeight: number;
  readonly healthyWeight: number;
  readonly degradedWeight: number;
  readonly total: number;
  readonly healthy: number;
  readonly degraded: number;
  /** Percent by which healthy ones can stand in for others. */
  readonly overprovisioning: number;
}

/** Percents, 100 together. */
export interface PriorityLoad {
  readonly healthy: number;
  readonly degraded: number;
  readonly isInPanic: boolean;
}

export function healthOf(hosts: readonly Host[]): PriorityHealth {
  const { isHealthWeighted, overprovisioning } = hosts[0]?.info.locality ?? UNKNOWN_LOCALITY;
  let [totalWeight, healthyWeight, degradedWeight, healthy, degraded] = [0, 0, 0, 0, 0];
  for (const { health, info } of hosts) {
    const weight = isHealthWeighted ? info.weight : 1;
    totalWeight += weight;
    if (health === "healthy") {
      healthy += 1;
      healthyWeight += weight;
    } else if (health === "degraded") {
      degraded += 1;
      degradedWeight += weight;
    }
  }
  const total = hosts.length;
  return {
    ...{ totalWeight, healthyWeight, degradedWeight, overprovisioning },
    ...{ total, healthy, degraded },
  };
}

/** One load for each priority. `panicThreshold`: from 0 (never) to 1. */
export function divideLoad(
  priorities: readonly PriorityHealth[],
  panicThreshold: number,
): readonly PriorityLoad[] {
  if (priorities.length === 0) return [];
  const healths = priorities.map((priority) => availability(priority, priority.healthyWeight));
  const degradeds = priorities.map((priority) => availability(priority, priority.degradedWeight));
  const sum = [...healths, ...degradeds].reduce((a, b) => a + b, 0);
  const available = Math.min(100, sum);
  // While there is enough for everybody, a priority of which little is left keeps to that.
  const panics = priorities.map((priority) => available < 100 && isBelow(priority, panicThreshold));
  if (panics.every((isInPanic) => isInPanic)) return loadInTotalPanic(priorities);
  if (available === 0) return loadOfNobody(priorities);
  const healthy = shares(healths, 100, available);
  const degraded = shares(degradeds, 100 - total(healthy), available);
  // What rounding has left over.
  const rest = 100 - total(healthy) - total(degraded);
  const firstHealthy = healths.findIndex((health) => health > 0);
  if (firstHealthy >= 0) healthy[firstHealthy]! += rest;
  else degraded[degradeds.findIndex((health) => health > 0)]! += rest;
  return priorities.map((_, index) => ({
    healthy: healthy[index]!,
    degraded: degraded[index]!,
    isInPanic: panics[index]!,
  }));
}

function availability({ totalWeight, overprovisioning }: PriorityHealth, weight: number): number {
  if (totalWeight === 0) return 0;
  return Math.min(100, Math.floor((overprovisioning * weight) / totalWeight));
}

function isBelow({ total, healthy, degraded }: PriorityHealth, threshold: number): boolean {
  return (total === 0 ? 0 : (healthy + degraded) / total) < threshold;
}

/** As much as they can take to the first ones, as long as there is something. */
function shares(availabilities: readonly number[], load: number, available: number): number[] {
  let left = load;
  return availabilities.map((each) => {
    const share = Math.min(left, Math.floor((each * 100) / available));
    left -= share;
    return share;
  });
}

/** Without panic somebody must have what nobody can take: it fails there. */
function loadOfNobody(priorities: readonly PriorityHealth[]): readonly PriorityLoad[] {
  return priorities.map((_, index) => ({
    healthy: index === 0 ? 100 : 0,
    degraded: 0,
    isInPanic: false,
  }));
}

function loadInTotalPanic(priorities: readonly PriorityHealth[]): readonly PriorityLoad[] {
  const hosts = priorities.reduce((sum, priority) => sum + priority.total, 0);
  const loads = priorities.map((priority) =>
    hosts === 0 ? 0 : Math.floor((100 * priority.total) / hosts),
  );
  const first = Math.max(
    0,
    priorities.findIndex((priority) => priority.total > 0),
  );
  loads[first]! += 100 - total(loads);
  return loads.map((healthy) => ({ healthy, degraded: 0, isInPanic: true }));
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
