/**
 * Metrics of all workers as one. A worker that does not answer in time stands in with what it said
 * last, so that no counter falls, and `tulle_worker_up` says that it did not.
 */
import { WORKER_SCRAPE_MS_MAX } from "../../core/limits.ts";
import type { MetricRegistry } from "../../telemetry/metric-registry.ts";
import {
  countsOf,
  type FamilySnapshot,
  mergeSnapshots,
  snapshotOf,
} from "../../telemetry/metric-snapshot.ts";
import type { WorkerGroup } from "./worker-group.ts";
import type { WorkerProcess } from "./worker-process.ts";

type Snapshot = readonly FamilySnapshot[];

export class WorkerMetrics {
  readonly #registry: MetricRegistry;
  readonly #count: number;
  /** What each worker said last, by pid. */
  readonly #last = new Map<number, Snapshot>();
  /** What workers that are gone have counted. */
  #gone: Snapshot = [];
  readonly #setUp: (worker: number, isUp: boolean) => void;

  constructor(registry: MetricRegistry, count: number, group: () => WorkerGroup | undefined) {
    this.#registry = registry;
    this.#count = count;
    const up = registry.gauge(
      "tulle_worker_up",
      "1 for a worker that answered this scrape. Only of a proxy with several.",
    );
    this.#setUp = (worker, isUp) => up.with({ worker: String(worker) }).set(isUp ? 1 : 0);
    const restarts = registry
      .counter("tulle_worker_restarts_total", "Workers that were started again after they died.")
      .with({});
    registry.onCollect(() => {
      restarts.value = group()?.restarts ?? 0;
    });
  }

  /** Its counts stay in the sums. */
  onGone({ pid }: WorkerProcess): void {
    const last = this.#last.get(pid);
    this.#last.delete(pid);
    if (last !== undefined) this.#gone = mergeSnapshots([this.#gone, countsOf(last)]);
  }

  /** The coordinator's own and those of all workers. */
  async collect(group: WorkerGroup): Promise<Snapshot> {
    const answered = new Set<number>();
    await Promise.all(
      group.live.map(async (worker) => {
        try {
          const snapshot = await worker.channel.call("metrics", undefined, WORKER_SCRAPE_MS_MAX);
          this.#last.set(worker.pid, snapshot);
          answered.add(worker.index);
        } catch {
          // Told by the gauge.
        }
      }),
    );
    for (let worker = 0; worker < this.#count; worker++) this.#setUp(worker, answered.has(worker));
    const own = snapshotOf(this.#registry.families());
    return mergeSnapshots([own, this.#gone, ...this.#last.values()]);
  }
}
