/**
 * Who watches requests, and which proxies are asked for them. A proxy's question is held until the taps for it change;
 * what it tells then goes to whoever taps, and nowhere else.
 */
import type { Clock, Timer } from "../../../core/clock.ts";
import { LONG_POLL_HOLD_MS, TAPS_MAX } from "../../../core/limits.ts";
import type { MetricRegistry } from "../../../telemetry/metric-registry.ts";
import { TAP_ATTRIBUTE } from "../../../telemetry/otlp/access-log-attributes.ts";
import type { TapSpec } from "../../../translate/telemetry/tap-access-log.ts";
import { textOf } from "../otlp-values.ts";
import type { LogEvent } from "../telemetry-record.ts";

/** A proxy that asks, as the mesh knows it. */
export interface TappedProxy {
  readonly namespace: string;
  readonly service: string;
}

export interface TapRequest {
  readonly spec: Omit<TapSpec, "id">;
  /** Which proxies are asked. */
  readonly asks: (proxy: TappedProxy) => boolean;
  readonly onEvents: (events: readonly LogEvent[]) => void;
}

export interface TapsAnswer {
  readonly version: number;
  readonly run: string;
  readonly taps: readonly TapSpec[];
}

interface OpenTap {
  readonly spec: TapSpec;
  readonly request: TapRequest;
}

interface Watcher {
  readonly proxy: TappedProxy;
  readonly answer: (answer: TapsAnswer) => void;
  readonly timeout: Timer;
}

export interface TapsOptions {
  readonly clock: Clock;
  readonly registry: MetricRegistry;
  /** Of this process: versions of another one mean nothing here. */
  readonly run: string;
}

export class Taps {
  readonly #options: TapsOptions;
  readonly #open = new Map<string, OpenTap>();
  readonly #watchers = new Set<Watcher>();
  /** Of the taps that are open. 0 is what a proxy asks with that knows of none. */
  #version = 1;
  #lastId = 0;

  constructor(options: TapsOptions) {
    this.#options = options;
    const sessions = options.registry
      .gauge("tulle_tap_sessions", "Taps that are open: somebody watches requests.")
      .with({});
    options.registry.onCollect(() => sessions.set(this.#open.size));
  }

  /** Undefined when there are as many as may be. The function that is returned closes it. */
  open(request: TapRequest): (() => void) | undefined {
    if (this.#open.size >= TAPS_MAX) return undefined;
    this.#lastId += 1;
    const id = `${this.#options.run}-${this.#lastId}`;
    this.#open.set(id, { spec: { ...request.spec, id }, request });
    this.#changed();
    return () => {
      if (this.#open.delete(id)) this.#changed();
    };
  }

  /**
   * Calls `answer` once: when the taps are others than those of `version`, or after a while. Returns a function that takes
   * the question back.
   */
  watch(
    proxy: TappedProxy,
    known: { readonly version: number; readonly run: string },
    answer: Watcher["answer"],
  ): () => void {
    const isCurrent = known.run === this.#options.run && known.version === this.#version;
    const watcher: Watcher = {
      ...{ proxy, answer },
      timeout: this.#options.clock.schedule(isCurrent ? LONG_POLL_HOLD_MS : 0, () =>
        this.#tell(watcher),
      ),
    };
    this.#watchers.add(watcher);
    return () => this.#forget(watcher);
  }

  /** Hands over what was tapped, and returns the rest. */
  take(logs: LogEvent[]): LogEvent[] {
    if (!logs.some(({ eventName }) => eventName === TAP_ATTRIBUTE.event)) return logs;
    const kept: LogEvent[] = [];
    const tapped = new Map<string, LogEvent[]>();
    for (const log of logs) {
      if (log.eventName !== TAP_ATTRIBUTE.event) {
        kept.push(log);
        continue;
      }
      const id = textOf(log.attributes, TAP_ATTRIBUTE.id);
      const events = tapped.get(id) ?? [];
      events.push(log);
      tapped.set(id, events);
    }
    // One that was closed meanwhile: what still comes for it is dropped.
    for (const [id, events] of tapped) this.#open.get(id)?.request.onEvents(events);
    return kept;
  }

  #changed(): void {
    this.#version += 1;
    for (const watcher of [...this.#watchers]) this.#tell(watcher);
  }

  #tell(watcher: Watcher): void {
    this.#forget(watcher);
    const taps = [...this.#open.values()]
      .filter(({ request }) => request.asks(watcher.proxy))
      .map(({ spec }) => spec);
    watcher.answer({ version: this.#version, run: this.#options.run, taps });
  }

  #forget(watcher: Watcher): void {
    watcher.timeout.cancel();
    this.#watchers.delete(watcher);
  }
}
