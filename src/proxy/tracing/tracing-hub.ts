/**
 * What the tracers of a process share: new ids, the ring of spans that nobody has sampled, the traces that somebody wants,
 * and an exporter for each receiver. Made with the proxy; what takes memory comes with the first traced listener.
 */

import type { Clock } from "../../core/clock.ts";
import { KEPT_TRACES_PER_SECOND } from "../../core/limits.ts";
import type { MetricRegistry } from "../../telemetry/metric-registry.ts";
import { KEPT_WANTED, SpanDraft } from "../../telemetry/trace/span-draft.ts";
import { SpanRing } from "../../telemetry/trace/span-ring.ts";
import { TraceIds } from "../../telemetry/trace/trace-ids.ts";
import { WantedTraces } from "../../telemetry/trace/wanted-traces.ts";
import type { CallbackFaults } from "../callback-faults.ts";
import type { Cluster } from "../cluster.ts";
import type { TelemetryTimers } from "../telemetry-queue.ts";
import { SpanExporter } from "./span-exporter.ts";
import type { SpanTarget } from "./tracing-config.ts";
import { createTracingMetrics, type TracingMetrics } from "./tracing-metrics.ts";
import { WantedPoll } from "./wanted-poll.ts";

const SECOND_MS = 1000;
/** A wall clock that differs by more was set. */
const CLOCK_STEP_MS = 2;
/** How often the wall clock is looked at: it does not show more. */
const CLOCK_LOOK_MS = 1;

export interface TracingHubOptions {
  readonly clock: Clock;
  readonly registry: MetricRegistry;
  /** Who tells: attributes of OpenTelemetry's resource. */
  readonly resource: Readonly<Record<string, string>>;
  readonly version: string;
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly timers: TelemetryTimers;
  readonly faults: CallbackFaults;
}

/** One receiver of spans and whoever of its traces is wanted. */
interface Receiver {
  readonly exporter: SpanExporter;
  readonly poll: WantedPoll | undefined;
}

export class TracingHub {
  readonly #options: TracingHubOptions;
  readonly ids = new TraceIds();
  /** Filled for each span that ends. */
  readonly draft = new SpanDraft();
  readonly metrics: TracingMetrics;
  readonly wanted = new WantedTraces();
  readonly #told = new SpanDraft();
  readonly #receivers = new Map<string, Receiver>();
  #ring: SpanRing | undefined;
  /** Inbound requests that their app is working on. */
  activeInbound = 0;
  /** What the wall clock is before the monotonic one. It shows whole milliseconds: the most that was seen is the truest. */
  #wallOffsetMs = Number.NEGATIVE_INFINITY;
  #clockLookedMs = Number.NEGATIVE_INFINITY;
  #keptInSecond = 0;
  #keptSecond = 0;

  constructor(options: TracingHubOptions) {
    this.#options = options;
    this.metrics = createTracingMetrics(options.registry);
  }

  monotonicMs(): number {
    return this.#options.clock.monotonicMs();
  }

  /** Milliseconds since 1970, with their fraction, of a moment of the monotonic clock. `nowMs` is what that shows. */
  wallMsOf(momentMs: number, nowMs: number): number {
    this.#lookAtClock(nowMs);
    return this.#wallOffsetMs + momentMs;
  }

  #lookAtClock(nowMs: number): void {
    if (nowMs - this.#clockLookedMs < CLOCK_LOOK_MS) return;
    this.#clockLookedMs = nowMs;
    const offsetMs = this.#options.clock.nowMs() - nowMs;
    const isNewer = offsetMs > this.#wallOffsetMs || offsetMs < this.#wallOffsetMs - CLOCK_STEP_MS;
    if (isNewer) this.#wallOffsetMs = offsetMs;
  }

  /** Holds a span that nobody has sampled for a while. Its `startMs` is still monotonic. `nowMs` is, too. */
  keep(draft: SpanDraft, nowMs: number): void {
    this.#lookAtClock(nowMs);
    this.#ring ??= new SpanRing();
    this.#ring.put(draft);
  }

  exporterTo(target: SpanTarget): SpanExporter {
    const key = `${target.cluster}\n${target.authority}\n${target.serviceName}\n${target.asksForTraces}`;
    let receiver = this.#receivers.get(key);
    if (receiver === undefined) {
      receiver = this.#receiverOf(target);
      this.#receivers.set(key, receiver);
    }
    return receiver.exporter;
  }

  /** Whether one more trace may be kept in this second. */
  admitKept(nowMs: number): boolean {
    const second = Math.floor(nowMs / SECOND_MS);
    if (second !== this.#keptSecond) {
      this.#keptSecond = second;
      this.#keptInSecond = 0;
    }
    if (this.#keptInSecond >= KEPT_TRACES_PER_SECOND) return false;
    this.#keptInSecond += 1;
    return true;
  }

  /** What of a trace is in the ring is told, and what still ends will be. */
  want(trace: Int32Array, exporter: SpanExporter): void {
    if (!this.wanted.add(trace) || this.#ring === undefined) return;
    const nowMs = this.monotonicMs();
    this.#ring.tell(trace, this.#told, (draft) => {
      draft.startMs = this.wallMsOf(draft.startMs, nowMs);
      draft.kept = KEPT_WANTED;
      this.metrics.wanted.value += 1;
      exporter.add(draft, true);
    });
  }

  /** Says the last word. */
  stop(): void {
    for (const { exporter, poll } of this.#receivers.values()) {
      poll?.stop();
      exporter.flush();
    }
  }

  #receiverOf(target: SpanTarget): Receiver {
    const { clock, resource, version, clusters, timers, faults } = this.#options;
    const nowMs = (): number => clock.monotonicMs();
    const shared = { target, clusters, timers, faults, nowMs };
    const named = target.serviceName === "" ? {} : { "service.name": target.serviceName };
    const exporter = new SpanExporter({
      ...{ ...shared, version, metrics: this.metrics },
      resource: { ...resource, ...named },
    });
    if (!target.asksForTraces) return { exporter, poll: undefined };
    const poll = new WantedPoll({ ...shared, want: (trace) => this.want(trace, exporter) });
    poll.start();
    return { exporter, poll };
  }
}
