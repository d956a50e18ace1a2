/** The `stats_sinks` of a running proxy. What speaks gRPC is loaded only where there are some. */
import type { Clock } from "../../core/clock.ts";
import type { Logger } from "../../core/logger.ts";
import type { Node } from "../../gen/envoy/config/core/v3/base_pb.js";
import type { MetricRegistry } from "../../telemetry/metric-registry.ts";
import type { FamilySnapshot } from "../../telemetry/metric-snapshot.ts";
import { OtlpMetricsChanges } from "../../telemetry/otlp/metrics-changes.ts";
import { OtlpMetricsMessage } from "../../telemetry/otlp/metrics-message.ts";
import type { MeshLink } from "../mesh-link.ts";
import type { MetricsPush, MetricsPushOptions } from "./metrics-push.ts";
import { metricsResource, wantsExponential } from "./metrics-resource.ts";
import type { StatsSink, StatsSinksConfig } from "./stats-sinks-config.ts";

export interface MetricsSinksOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly registry: MetricRegistry;
  readonly node: Node | undefined;
  readonly version: string;
  readonly config: StatsSinksConfig;
  /** Of the whole proxy. */
  readonly metrics: () => readonly FamilySnapshot[] | Promise<readonly FamilySnapshot[]>;
}

export class MetricsSinks {
  readonly #options: MetricsSinksOptions;
  readonly #startMs: number;
  #pushes: readonly MetricsPush[] = [];
  #isStopped = false;

  constructor(options: MetricsSinksOptions) {
    this.#options = options;
    this.#startMs = options.clock.nowMs();
  }

  /** `link`: to the control plane, where there is one. */
  async start(link: MeshLink | undefined): Promise<void> {
    const { config, registry } = this.#options;
    if (config.sinks.length === 0) return;
    const { MetricsPush: Push } = await import("./metrics-push.ts");
    const { collectorClient } = await import("./collector-client.ts");
    if (this.#isStopped) return;
    const results = registry.counter(
      "tulle_metrics_pushes_total",
      "Pushes of metrics over OTLP by result: ok, failed, or skipped while the receiver is away or slow.",
    );
    this.#pushes = config.sinks.map((sink) => {
      const createClient =
        sink.address === undefined ? link?.createClient : collectorClient(sink.address);
      const push = new Push({
        ...this.#optionsOf(sink),
        createClient: createClient ?? collectorClient(""),
        isReachable: () => sink.address !== undefined || link?.ads.state.connected === true,
        onResult: (result) => {
          results.with({ result }).value += 1;
        },
      });
      if (sink.address === undefined) link?.identity?.onUpdate(() => push.renew());
      push.start();
      return push;
    });
  }

  /** Another process speaks for this proxy: says the last word before it does. */
  hold(): void {
    for (const push of this.#pushes) void push.stop();
  }

  resume(): void {
    for (const push of this.#pushes) push.start();
  }

  /** With a last push. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#pushes.map((push) => push.stop()));
  }

  #optionsOf(
    sink: StatsSink,
  ): Omit<MetricsPushOptions, "createClient" | "isReachable" | "onResult"> {
    const { clock, log, node, version, config, metrics } = this.#options;
    const message = new OtlpMetricsMessage({
      resource: metricsResource(node),
      scope: { name: "tulle", version },
      // The control plane keeps figures by classic bounds.
      isExponential: sink.address !== undefined && wantsExponential(node),
    });
    return {
      ...{ clock, log, intervalMs: config.intervalMs, receiver: sink.clusterName },
      changes: new OtlpMetricsChanges(message, this.#startMs),
      metrics: async () => await metrics(),
    };
  }
}
