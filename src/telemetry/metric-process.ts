/** A process's own figures, under the names that dashboards know. */
import type { MetricRegistry } from "./metric-registry.ts";

/** `startMs`: wall clock, when the component was started that this process stands for; undefined for one of several workers. */
export function registerProcessMetrics(
  registry: MetricRegistry,
  startMs: number | undefined,
): void {
  const cpu = registry
    .counter("process_cpu_seconds_total", "CPU time of this process in seconds.")
    .with({});
  const memory = registry
    .gauge("process_resident_memory_bytes", "Resident memory of this process.")
    .with({});
  const heap = registry.gauge("nodejs_heap_size_used_bytes", "JavaScript heap in use.").with({});
  const heapTotal = registry
    .gauge("nodejs_heap_size_total_bytes", "JavaScript heap that is reserved.")
    .with({});
  const external = registry
    .gauge("nodejs_external_memory_bytes", "Memory of buffers and other things outside the heap.")
    .with({});
  const started = registry.gauge(
    "process_start_time_seconds",
    "When this component was started, in seconds since 1970.",
    "max",
  );
  if (startMs !== undefined) started.with({}).set(Math.floor(startMs / 1000));
  registry.onCollect(() => {
    const { user, system } = process.cpuUsage();
    cpu.value = (user + system) / 1e6;
    const usage = process.memoryUsage();
    memory.value = usage.rss;
    heap.value = usage.heapUsed;
    heapTotal.value = usage.heapTotal;
    external.value = usage.external;
  });
}
