/** What a sidecar tells of its own processes. */
import type { Clock } from "../core/clock.ts";
import { EventLoopLag } from "../telemetry/metric-event-loop.ts";
import { registerProcessMetrics as register } from "../telemetry/metric-process.ts";
import type { MetricRegistry } from "../telemetry/metric-registry.ts";

/** `isWhole`: as of the process that has the admin port. */
export function registerProcessMetrics(
  registry: MetricRegistry,
  version: string,
  clock: Clock,
  isWhole: boolean,
): void {
  register(registry, isWhole ? clock.nowMs() : undefined);
  registry
    .gauge("istio_build", "Version of this component.", "max")
    .with({ component: "proxy", tag: version })
    .set(1);
  new EventLoopLag(clock, registry);
}
