/** Flags add up as Envoy's do: any that is bad takes an endpoint out. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HEALTH_FLAG, healthFlagsText, hostHealthOf, isOnlyUnhealthyBy } from "./health-flags.ts";

test("each flag means what it means in Envoy", () => {
  const { degradedActiveCheck, degradedEds, pendingActiveCheck, activeCheckTimeout } = HEALTH_FLAG;
  for (const flag of Object.values(HEALTH_FLAG)) {
    const isDegraded = flag === degradedActiveCheck || flag === degradedEds;
    const isHealthy = flag === pendingActiveCheck || flag === activeCheckTimeout;
    const wanted = isDegraded ? "degraded" : isHealthy ? "healthy" : "unhealthy";
    assert.equal(hostHealthOf(flag), wanted, healthFlagsText(flag));
  }
});

test("several are written one behind the other, and the worst counts", () => {
  const flags = HEALTH_FLAG.failedOutlierCheck | HEALTH_FLAG.degradedEds;
  assert.equal(healthFlagsText(flags), "/failed_outlier_check/degraded_eds_health");
  assert.equal(hostHealthOf(flags), "unhealthy");
  assert.ok(isOnlyUnhealthyBy(flags, HEALTH_FLAG.failedOutlierCheck));
  assert.ok(!isOnlyUnhealthyBy(flags | HEALTH_FLAG.draining, HEALTH_FLAG.failedOutlierCheck));
  assert.equal(healthFlagsText(0), "healthy");
});
