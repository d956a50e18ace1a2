/**
 * Which traces turned out to matter: those of which a sidecar has told a span that failed or was slow. All sidecars are
 * told of them, so that they tell what else they know of the trace. Bounded in what is remembered and decided.
 */
import type { Clock, Timer } from "../../../core/clock.ts";
import {
  LONG_POLL_HOLD_MS,
  TAIL_GATHER_MS,
  TAIL_TRACES_MAX,
  TAIL_TRACES_PER_SECOND,
} from "../../../core/limits.ts";
import type { Counter } from "../../../telemetry/counter.ts";
import type { MetricRegistry } from "../../../telemetry/metric-registry.ts";
import type { SpanRecord, TelemetrySink } from "../telemetry-record.ts";

const SECOND_MS = 1000;
const KEPT = "mesh.kept";

/** What whoever watches is told. */
export interface WantedAnswer {
  /** 32 hexadecimal digits each, the oldest first. */
  readonly traceIds: readonly string[];
  /** To be asked with next. */
  readonly next: number;
  readonly run: string;
}

interface Watcher {
  readonly after: number;
  readonly answer: (answer: WantedAnswer) => void;
  readonly timeout: Timer;
}

export interface TailDecisionsOptions {
  readonly clock: Clock;
  readonly registry: MetricRegistry;
  /** Of this process: numbers of another one mean nothing here. */
  readonly run: string;
}

export class TailDecisions implements TelemetrySink {
  readonly #options: TailDecisionsOptions;
  readonly #asked: Counter;
  readonly #dropped: Counter;
  /** Wanted traces with their numbers, the oldest first. */
  readonly #wanted = new Map<string, number>();
  readonly #watchers = new Set<Watcher>();
  #last = 0;
  #second = 0;
  #inSecond = 0;
  #gathering: Timer | undefined;

  constructor(options: TailDecisionsOptions) {
    this.#options = options;
    const traces = options.registry.counter(
      "tulle_wanted_traces_total",
      "Traces with a span that failed or was slow: sidecars were asked for the rest of them, or there were too many at once.",
    );
    this.#asked = traces.with({ result: "asked" });
    this.#dropped = traces.with({ result: "dropped" });
  }

  addSpans(spans: readonly SpanRecord[]): void {
    for (const { traceId, attributes } of spans) {
      const kept = attributes[KEPT];
      // Those that were asked for are no reason to ask.
      if ((kept === "error" || kept === "slow") && !this.#wanted.has(traceId)) this.#want(traceId);
    }
  }

  addLogs(): void {}

  /**
   * Calls `answer` once, as soon as there is something behind `after`, or after a while without. Returns a function that
   * takes the question back.
   */
  watch(after: number, run: string, answer: Watcher["answer"]): () => void {
    const isKnown = run === this.#options.run && after > 0;
    // Who asks for the first time has no span yet that could be wanted.
    const from = isKnown ? after : this.#last + 1;
    if (from <= this.#last) {
      answer(this.#answerTo(from));
      return () => {};
    }
    const watcher: Watcher = {
      ...{ after: from, answer },
      timeout: this.#options.clock.schedule(LONG_POLL_HOLD_MS, () => this.#tell(watcher)),
    };
    this.#watchers.add(watcher);
    return () => this.#forget(watcher);
  }

  #want(traceId: string): void {
    const { clock } = this.#options;
    const second = Math.floor(clock.monotonicMs() / SECOND_MS);
    if (second !== this.#second) {
      this.#second = second;
      this.#inSecond = 0;
    }
    if (this.#inSecond >= TAIL_TRACES_PER_SECOND) {
      this.#dropped.value += 1;
      return;
    }
    this.#inSecond += 1;
    this.#asked.value += 1;
    this.#last += 1;
    this.#wanted.set(traceId, this.#last);
    if (this.#wanted.size > TAIL_TRACES_MAX) {
      for (const [oldest] of this.#wanted) {
        this.#wanted.delete(oldest);
        break;
      }
    }
    this.#gathering ??= clock.schedule(TAIL_GATHER_MS, () => this.#tellAll());
  }

  /** A thousand sidecars are told of what a moment brought, not of each trace. */
  #tellAll(): void {
    this.#gathering = undefined;
    for (const watcher of [...this.#watchers]) this.#tell(watcher);
  }

  #tell(watcher: Watcher): void {
    this.#forget(watcher);
    watcher.answer(this.#answerTo(watcher.after));
  }

  #forget(watcher: Watcher): void {
    watcher.timeout.cancel();
    this.#watchers.delete(watcher);
  }

  #answerTo(from: number): WantedAnswer {
    const traceIds: string[] = [];
    for (const [traceId, number] of this.#wanted) if (number >= from) traceIds.push(traceId);
    return { traceIds, next: this.#last + 1, run: this.#options.run };
  }
}
