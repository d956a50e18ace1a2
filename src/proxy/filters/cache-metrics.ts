/** What the response cache did with requests, and what it holds. */
import type { Counter, Gauge } from "../../telemetry/counter.ts";
import type { MetricRegistry } from "../../telemetry/metric-registry.ts";

export interface CacheMetrics {
  readonly hits: Counter;
  /** Answered by another request's response. */
  readonly collapsed: Counter;
  readonly staleHits: Counter;
  readonly staleOnError: Counter;
  readonly revalidated: Counter;
  readonly misses: Counter;
  readonly bypassed: Counter;
  readonly stored: Counter;
  readonly evicted: Counter;
  readonly invalidated: Counter;
  readonly purged: Counter;
  /** Requests that wait for another one's response. */
  readonly waiting: Gauge;
  readonly bytes: Gauge;
  readonly entries: Gauge;
}

export function createCacheMetrics(registry: MetricRegistry): CacheMetrics {
  const requests = registry.counter(
    "tulle_cache_requests_total",
    "Requests that a response cache looked at, by what became of them.",
  );
  const responses = registry.counter(
    "tulle_cache_responses_total",
    "Responses that a cache began or ceased to hold, by why.",
  );
  return {
    hits: requests.with({ result: "hit" }),
    collapsed: requests.with({ result: "collapsed" }),
    staleHits: requests.with({ result: "stale" }),
    staleOnError: requests.with({ result: "stale_on_error" }),
    revalidated: requests.with({ result: "revalidated" }),
    misses: requests.with({ result: "miss" }),
    bypassed: requests.with({ result: "bypass" }),
    stored: responses.with({ event: "stored" }),
    evicted: responses.with({ event: "evicted" }),
    invalidated: responses.with({ event: "invalidated" }),
    purged: responses.with({ event: "purged" }),
    waiting: registry
      .gauge("tulle_cache_waiting", "Requests that wait for the response to another one.")
      .with({}),
    bytes: registry
      .gauge("tulle_cache_bytes", "Memory that the responses of all caches hold, in bytes.")
      .with({}),
    entries: registry.gauge("tulle_cache_entries", "Responses that all caches hold.").with({}),
  };
}
