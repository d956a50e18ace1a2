/**
 * What retries, time limits and circuit breakers have done to each cluster, as metrics. Most clusters have nothing to
 * tell: a series begins with the first thing that is counted.
 */
import type { Counter } from "../telemetry/counter.ts";
import type { MetricRegistry, SeriesSource } from "../telemetry/metric-registry.ts";
import type { CircuitBreaker } from "./circuit-breaker.ts";
import type { Cluster } from "./cluster.ts";

type CountName =
  | "retrySuccesses"
  | "retryOverflows"
  | "retriesExhausted"
  | "hedges"
  | "timeouts"
  | "tryTimeouts";

export function registerCircuitMetrics(
  registry: MetricRegistry,
  clusters: ReadonlyMap<string, Cluster>,
): void {
  registerBudgets(registry, clusters);
  const counters = countersOf(registry);
  const open = registry.gauge(
    "tulle_circuit_breaker_open",
    "1 while a circuit breaker is at its limit, by cluster, priority and resource.",
  );
  const remaining = registry.gauge(
    "tulle_circuit_breaker_remaining",
    "What a circuit breaker still admits, for thresholds with track_remaining.",
  );
  /** Label sets that were 1, each with its cluster. */
  const opened = new Map<string, Readonly<Record<string, string>>>();
  registry.onCollect(() => {
    for (const labels of opened.values()) open.with(labels).set(0);
    for (const cluster of clusters.values()) {
      for (const [family, count] of counters) {
        const value = cluster.counts[count];
        if (value > 0) family.with({ cluster: cluster.name }).value = value;
      }
      for (const { labels, used, max, isTracked } of resourcesOf(cluster)) {
        if (used > 0 && used >= max) {
          open.with(labels).set(1);
          opened.set(JSON.stringify(labels), labels);
        }
        if (isTracked) remaining.with(labels).set(Math.max(0, max - used));
      }
    }
  });
}

function registerBudgets(registry: MetricRegistry, clusters: ReadonlyMap<string, Cluster>): void {
  const budget = registry.gauge(
    "tulle_retry_budget_remaining",
    "Retries of requests of usual priority that the budget allows now, by cluster.",
  );
  registry.onCollect(() => {
    for (const { name, breaker, counts } of clusters.values()) {
      if (counts.retries + counts.retryOverflows === 0) continue;
      if (breaker.limits.retryBudget === undefined) continue;
      budget.with({ cluster: name }).set(breaker.retriesLeft);
    }
  });
}

function countersOf(
  registry: MetricRegistry,
): readonly (readonly [SeriesSource<Counter>, CountName])[] {
  return [
    [
      registry.counter(
        "tulle_upstream_retry_successes_total",
        "Requests that were sent again and then got an answer that is not retried, by cluster.",
      ),
      "retrySuccesses",
    ],
    [
      registry.counter(
        "tulle_upstream_retry_overflows_total",
        "Retries that the retry budget, or the limit of retries at once, has refused, by cluster.",
      ),
      "retryOverflows",
    ],
    [
      registry.counter(
        "tulle_upstream_retries_exhausted_total",
        "Requests that failed although they were sent as often as their policy allows, by cluster.",
      ),
      "retriesExhausted",
    ],
    [
      registry.counter(
        "tulle_upstream_hedges_total",
        "Retries that began beside a try that had not ended (hedging), by cluster.",
      ),
      "hedges",
    ],
    [
      registry.counter(
        "tulle_upstream_timeouts_total",
        "Requests that took longer than their timeout, by cluster.",
      ),
      "timeouts",
    ],
    [
      registry.counter(
        "tulle_upstream_try_timeouts_total",
        "Single tries that took longer than their timeout, by cluster.",
      ),
      "tryTimeouts",
    ],
  ];
}

interface Resource {
  readonly labels: Readonly<Record<string, string>>;
  readonly used: number;
  readonly max: number;
  readonly isTracked: boolean;
}

function resourcesOf({ name, breaker, urgentBreaker, connectionCount }: Cluster): Resource[] {
  const of = (one: CircuitBreaker, priority: string): Resource[] => {
    const { limits, requests, pending, retries, retriesLeft } = one;
    const resource = (kind: string, used: number, max: number): Resource => ({
      labels: { cluster: name, priority, resource: kind },
      used,
      max,
      isTracked: limits.tracksRemaining,
    });
    return [
      resource("connections", connectionCount, limits.connectionsMax),
      resource("pending", pending, limits.pendingMax),
      resource("requests", requests, limits.requestsMax),
      resource("retries", retries, retries + retriesLeft),
    ];
  };
  return [...of(breaker, "default"), ...of(urgentBreaker, "high")];
}
