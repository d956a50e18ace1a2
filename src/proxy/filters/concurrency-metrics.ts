/** What becomes of requests at a listener that limits how many are under way, by class. */
import { PRIORITY_NAMES } from "../../decision/filters/admission-rule.ts";
import type { Counter } from "../../telemetry/counter.ts";
import type { MetricRegistry } from "../../telemetry/metric-registry.ts";

export interface ConcurrencyMetrics {
  /** Both by class. */
  readonly admitted: readonly Counter[];
  readonly shed: readonly Counter[];
}

export function createConcurrencyMetrics(registry: MetricRegistry): ConcurrencyMetrics {
  const requests = registry.counter(
    "tulle_admission_requests_total",
    "Requests to an app whose concurrency is limited, by priority class and whether they were admitted or shed.",
  );
  const by = (result: string) =>
    PRIORITY_NAMES.map((priority) => requests.with({ priority, result }));
  return { admitted: by("admitted"), shed: by("shed") };
}
