/** Health of the endpoints of clusters, as metrics. */
import { OUTLIER_EJECTED_TOLD_MAX } from "../../core/limits.ts";
import type { Gauge } from "../../telemetry/counter.ts";
import { EXPIRES, type MetricRegistry } from "../../telemetry/metric-registry.ts";
import type { Cluster } from "../cluster.ts";
import type { Endpoint } from "../endpoint.ts";
import type { HealthCounts } from "./health-counts.ts";
import { EJECTION_REASONS } from "./outlier-monitor.ts";

type Collect = (cluster: string, counts: HealthCounts) => void;

/** `clusters` are those of the proxy by name, as they are at each time. */
export function registerHealthMetrics(
  registry: MetricRegistry,
  clusters: ReadonlyMap<string, Cluster>,
): void {
  const membership = membershipOf(registry);
  const outliers = outliersOf(registry);
  const ejected = ejectedEndpointsOf(registry);
  const checks = checksOf(registry);
  let reported = new Map<string, Cluster>();
  registry.onCollect(() => {
    // A gauge of a cluster that is gone must not stay where it was.
    for (const cluster of reported.values()) {
      if (!clusters.has(cluster.name)) membership(cluster, []);
    }
    reported = new Map(clusters);
    for (const cluster of clusters.values()) {
      membership(cluster, cluster.endpoints);
      const { health } = cluster;
      if (health === undefined) continue;
      if (health.outliers !== undefined) outliers(cluster.name, health.counts);
      if (health.hasChecks) checks(cluster.name, health.counts);
    }
    ejected(clusters.values());
  });
}

/** A series for each endpoint that is out: it goes to 0 when that is back, and is given up a while later. */
function ejectedEndpointsOf(registry: MetricRegistry): (clusters: Iterable<Cluster>) => void {
  const family = registry.gauge(
    "tulle_outlier_endpoint_ejected",
    "1 while this endpoint is ejected for what it answered, by cluster and `address:port`; a bounded number of them.",
    "max",
    EXPIRES,
  );
  let told = new Map<string, Gauge>();
  return (clusters) => {
    if (told.size > 0) for (const gauge of told.values()) gauge.set(0);
    const now = new Map<string, Gauge>();
    for (const { name: cluster, health, endpoints } of clusters) {
      if ((health?.outliers?.ejectedCount ?? 0) === 0) continue;
      for (const { outlier, key: endpoint } of endpoints) {
        if (outlier === undefined || outlier.state === "in") continue;
        if (now.size >= OUTLIER_EJECTED_TOLD_MAX) break;
        const gauge = family.with({ cluster, endpoint });
        gauge.set(1);
        now.set(`${cluster} ${endpoint}`, gauge);
      }
    }
    told = now;
  };
}

function membershipOf(
  registry: MetricRegistry,
): (cluster: Cluster, endpoints: readonly Endpoint[]) => void {
  const total = registry.gauge("tulle_upstream_endpoints", "Endpoints, by cluster.", "max");
  const healthy = registry.gauge(
    "tulle_upstream_endpoints_healthy",
    "Endpoints that are neither unhealthy nor degraded, by cluster.",
    "max",
  );
  const ejected = registry.gauge(
    "tulle_outlier_ejections_active",
    "Endpoints that are ejected for what they answered, by cluster.",
    "max",
  );
  return (cluster, endpoints) => {
    const labels = { cluster: cluster.name };
    total.with(labels).set(endpoints.length);
    const count = endpoints.filter(({ health }) => health === "healthy").length;
    healthy.with(labels).set(count);
    const outliers = cluster.health?.outliers;
    if (outliers !== undefined) {
      ejected.with(labels).set(endpoints.length === 0 ? 0 : outliers.ejectedCount);
    }
  };
}

function outliersOf(registry: MetricRegistry): Collect {
  const ejections = registry.counter(
    "tulle_outlier_ejections_total",
    "Endpoints ejected for what they answered, by cluster and reason.",
  );
  const detected = registry.counter(
    "tulle_outlier_detections_total",
    "Endpoints that were found to answer badly, whether or not they were ejected, by cluster and reason.",
  );
  const overflows = registry.counter(
    "tulle_outlier_ejections_overflow_total",
    "Ejections that did not happen because too many endpoints would have been out, by cluster.",
  );
  const trials = registry.counter(
    "tulle_outlier_trials_total",
    "Requests that tried an ejected endpoint, by cluster and by whether they were answered well.",
  );
  return (cluster, { outlier }) => {
    for (const reason of EJECTION_REASONS) {
      // Series appear with the first of their kind: most reasons never come up.
      if (outlier.detected[reason] === 0) continue;
      detected.with({ cluster, reason }).value = outlier.detected[reason];
      ejections.with({ cluster, reason }).value = outlier.ejections[reason];
    }
    overflows.with({ cluster }).value = outlier.overflows;
    trials.with({ cluster, result: "passed" }).value = outlier.trialsPassed;
    trials.with({ cluster, result: "failed" }).value = outlier.trialsFailed;
  };
}

function checksOf(registry: MetricRegistry): Collect {
  const attempts = registry.counter(
    "tulle_health_checks_total",
    "Health checks that were begun, by cluster.",
  );
  const failures = registry.counter(
    "tulle_health_check_failures_total",
    "Health checks that failed, by cluster and reason: `answer` or `network`.",
  );
  return (cluster, { checks }) => {
    attempts.with({ cluster }).value = checks.attempts;
    const network = checks.networkFailures;
    failures.with({ cluster, reason: "network" }).value = network;
    failures.with({ cluster, reason: "answer" }).value = checks.failures - network;
  };
}
