/** The process's own figures, under the names that dashboards know. */
import type { MetricRegistry } from "../telemetry/metric-registry.ts";

export function registerProcessMetrics(registry: MetricRegistry, version: string): void {
  const cpu = registry
    .counter("process_cpu_seconds_total", "CPU time of this process in seconds.")
    .with({});
  const memory = registry
    .gauge("process_resident_memory_bytes", "Resident memory of this process.")
    .with({});
  const heap = registry.gauge("nodejs_heap_size_used_bytes", "JavaScript heap in use.").with({});
  registry
    .gauge("istio_build", "Version of this component.", "max")
    .with({ component: "proxy", tag: version })
    .set(1);
  registry.onCollect(() => {
    const { user, system } = process.cpuUsage();
    cpu.value = (user + system) / 1e6;
    const usage = process.memoryUsage();
    memory.value = usage.rss;
    heap.value = usage.heapUsed;
  });
}
