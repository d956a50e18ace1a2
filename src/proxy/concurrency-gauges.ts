/**
 * What load shedding has found out of each app: how many requests at a time it takes, and its latency with little to do.
 * Envoy's `concurrency_limit` and `min_rtt_msecs`. Read off the filters when metrics are asked for.
 */
import type { MetricRegistry } from "../telemetry/metric-registry.ts";
import { ConcurrencyFilter } from "./filters/concurrency-filter.ts";
import type { ProxyListener } from "./listener.ts";

type Labels = Readonly<Record<string, string>>;

export function registerConcurrencyGauges(
  registry: MetricRegistry,
  listeners: ReadonlyMap<string, ProxyListener>,
): void {
  const limits = registry.gauge(
    "tulle_admission_concurrency_limit",
    "Requests that an app gets at a time, as its latency allows, by listener and filter chain; of the highest class.",
  );
  const baseLatencies = registry.gauge(
    "tulle_admission_base_latency_milliseconds",
    "Latency of an app that has little to do, which load shedding measures by; 0 while it is not known.",
    "max",
  );
  /** Label sets that have a value, so that one of a listener that is gone does not keep it. */
  const reported = new Map<string, Labels>();
  registry.onCollect(() => {
    for (const labels of reported.values()) {
      limits.with(labels).set(0);
      baseLatencies.with(labels).set(0);
    }
    reported.clear();
    for (const { labels, filter } of concurrencyFilters(listeners)) {
      limits.with(labels).set(filter.limit);
      baseLatencies.with(labels).set(filter.baseMs);
      reported.set(JSON.stringify(labels), labels);
    }
  });
}

function concurrencyFilters(
  listeners: ReadonlyMap<string, ProxyListener>,
): readonly { readonly labels: Labels; readonly filter: ConcurrencyFilter }[] {
  return [...listeners].flatMap(([listener, { config, servers }]) =>
    servers.flatMap((chain, index) => {
      if (chain.kind !== "http") return [];
      const labels = { listener, chain: config.chains[index]?.name || String(index) };
      return chain.server.filters.flatMap(({ filter }) =>
        filter instanceof ConcurrencyFilter && filter.isEnabled ? [{ labels, filter }] : [],
      );
    }),
  );
}
