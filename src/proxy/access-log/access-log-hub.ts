/** Where the access logs of a process go: files, its own streams, receivers of OTLP. Listeners share them. */
import type { Clock } from "../../core/clock.ts";
import type { Prng } from "../../core/prng.ts";
import type { Counter } from "../../telemetry/counter.ts";
import { LineWriter } from "../../telemetry/line-writer.ts";
import type { Labels } from "../../telemetry/metric-family.ts";
import type { MetricRegistry } from "../../telemetry/metric-registry.ts";
import type { CallbackFaults } from "../callback-faults.ts";
import type { Cluster } from "../cluster.ts";
import type { TelemetryTimers } from "../telemetry-queue.ts";
import type { AccessLogConfig } from "./access-log-config.ts";
import type { LogSubject } from "./log-filter.ts";
import type { RecordsTarget } from "./records-config.ts";
import { RecordsExporter } from "./records-exporter.ts";

export interface AccessLogHubOptions {
  readonly clock: Clock;
  readonly prng: Prng;
  readonly registry: MetricRegistry;
  /** Who tells: attributes of OpenTelemetry's resource. */
  readonly resource: Labels;
  readonly version: string;
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly timers: TelemetryTimers;
  readonly faults: CallbackFaults;
}

export class AccessLogHub {
  readonly #options: AccessLogHubOptions;
  readonly #writers = new Map<string, LineWriter>();
  readonly #exporters = new Map<string, RecordsExporter>();
  /** The same, by what configurations hold. */
  readonly #exporterOf = new WeakMap<RecordsTarget, RecordsExporter>();
  readonly #random: () => number;
  readonly #exported: Counter;
  readonly #dropped: Counter;

  constructor(options: AccessLogHubOptions) {
    this.#options = options;
    const { prng, registry } = options;
    this.#random = () => prng.next();
    const lines = registry.counter(
      "tulle_access_log_lines_dropped_total",
      "Lines given up because their file was slow or broken, by path.",
    );
    registry.onCollect(() => {
      for (const [path, writer] of this.#writers) lines.with({ path }).value = writer.dropped;
    });
    const records = registry.counter(
      "tulle_log_records_total",
      "Access log records by result: exported, or dropped because their receiver is away or slow.",
    );
    this.#exported = records.with({ result: "exported" });
    this.#dropped = records.with({ result: "dropped" });
  }

  /** Nothing of the subject is kept. */
  write(logs: readonly AccessLogConfig[], subject: LogSubject): void {
    for (let i = 0; i < logs.length; i++) {
      const log = logs[i]!;
      if (log.filter !== undefined && !log.filter(subject, this.#random)) continue;
      if (log.kind === "lines") this.#writerOf(log.path).write(log.format(subject));
      else
        (this.#exporterOf.get(log.target) ?? this.#exporterTo(log.target)).add(subject, log.format);
    }
  }

  /** Sends the records that there are. */
  flush(): void {
    for (const exporter of this.#exporters.values()) exporter.flush();
  }

  /** Resolves when lines are with the system. */
  async stop(): Promise<void> {
    await Promise.all([...this.#writers.values()].map((writer) => writer.close()));
  }

  #writerOf(path: string): LineWriter {
    let writer = this.#writers.get(path);
    if (writer === undefined) {
      writer = new LineWriter(path, this.#options.clock);
      this.#writers.set(path, writer);
    }
    return writer;
  }

  #exporterTo(target: RecordsTarget): RecordsExporter {
    const key = JSON.stringify(target);
    let exporter = this.#exporters.get(key);
    if (exporter === undefined) {
      const { clock, resource, version, clusters, timers, faults } = this.#options;
      exporter = new RecordsExporter({
        ...{ target, resource, version, clusters, timers, faults },
        nowMs: () => clock.monotonicMs(),
        exported: this.#exported,
        dropped: this.#dropped,
      });
      this.#exporters.set(key, exporter);
    }
    this.#exporterOf.set(target, exporter);
    return exporter;
  }
}
