/**
 * The telemetry store as the control plane sees it: a sink that never waits, and questions. The work is on a thread of its
 * own; when that ends, it is started again, and what came meanwhile is counted as lost.
 */
import { Worker } from "node:worker_threads";
import type { Clock } from "../../../core/clock.ts";
import type { Component } from "../../../core/component.ts";
import { messageOf } from "../../../core/errors.ts";
import type { Logger } from "../../../core/logger.ts";
import { controlPlaneError } from "../../errors.ts";
import type { AccessLogView, MeshEvent } from "../../telemetry-types.ts";
import { accessLogView, isFailedRequest, upstreamClusterOf } from "../access-log-view.ts";
import { TELEMETRY_QUEUE_BYTES_MAX } from "../limits.ts";
import type { ReceiverMetrics } from "../receiver-metrics.ts";
import { storedSpan } from "../stored-span.ts";
import type { MetricsSink } from "../telemetry-intake.ts";
import type {
  LogEvent,
  SpanRecord,
  TelemetryResource,
  TelemetrySink,
} from "../telemetry-record.ts";
import { requestWeight } from "./request-weight.ts";
import type {
  StoreQuestion,
  StoreQuestions,
  StoreReply,
  StoreRequest,
  StoreSettings,
} from "./store-protocol.ts";

/** A question that takes longer is given up. */
const ANSWER_TIMEOUT_MS = 10_000;
/** Questions that wait at one time. */
const QUESTIONS_MAX = 256;
const RESTART_MS = 1_000;
const RESTART_MS_MAX = 60_000;

export interface TelemetryStoreOptions {
  readonly settings: StoreSettings;
  readonly metrics: ReceiverMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Whatever answers questions about telemetry. */
export interface TelemetryQuestions {
  ask<Q extends StoreQuestion>(
    question: Q,
    query: StoreQuestions[Q]["query"],
  ): Promise<StoreQuestions[Q]["answer"]>;
}

interface Waiting {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: Error) => void;
}

export class TelemetryStore implements Component, TelemetrySink, MetricsSink, TelemetryQuestions {
  readonly name = "telemetry store";
  readonly #options: TelemetryStoreOptions;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Set<TelemetryListener>();
  #worker: Worker | undefined;
  #isStopping = false;
  #queuedBytes = 0;
  #nextId = 1;
  #restartMs = RESTART_MS;
  #problem: string | undefined;
  #knownFromMs = Number.POSITIVE_INFINITY;
  #onClosed: () => void = () => {};

  constructor(options: TelemetryStoreOptions) {
    this.#options = options;
  }

  /** Since when figures are kept, milliseconds. */
  get knownFromMs(): number {
    const { settings, clock } = this.#options;
    return Math.max(this.#knownFromMs, clock.nowMs() - settings.retentionMs);
  }

  /** What is wrong with it, for the list of findings; undefined when all is well. */
  get problem(): string | undefined {
    return this.#problem;
  }

  start(): Promise<void> {
    this.#startThread();
    return Promise.resolve();
  }

  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    const worker = this.#worker;
    if (worker === undefined) return;
    const closed = new Promise<void>((resolve) => {
      this.#onClosed = resolve;
    });
    const cutOff = this.#options.clock.schedule(Math.max(graceMs, RESTART_MS), () =>
      this.#onClosed(),
    );
    // From here on it is waited for.
    worker.ref();
    this.#post({ kind: "close" });
    await closed;
    cutOff.cancel();
    this.#worker = undefined;
    await worker.terminate();
    this.#failWaiting("the control plane stops");
  }

  /** Called with records as they come, after they were sent to the thread. Gives a function that ends it. */
  listen(listener: TelemetryListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  addMetrics(bytes: Uint8Array, resources: readonly TelemetryResource[]): boolean {
    if (this.#worker === undefined || this.#isFull()) return false;
    const tellers = resources.map(({ namespace, service, instance, principal }) => ({
      ...{ namespace, service, instance, principal },
    }));
    // A copy of its own, which the thread gets without another one.
    const copy = new Uint8Array(bytes);
    this.#post({ kind: "metrics", bytes: copy, tellers }, [copy.buffer]);
    return true;
  }

  addLogs(events: readonly LogEvent[]): void {
    const logs = events.flatMap((event) => {
      const view = accessLogView(event);
      if (view === undefined) return [];
      return [{ view, isError: isFailedRequest(view), cluster: upstreamClusterOf(event) }];
    });
    if (logs.length === 0) return;
    this.#postOrDrop({ kind: "logs", logs }, "logs", logs.length);
    for (const listener of this.#listeners) listener.onLogs?.(logs.map(({ view }) => view));
  }

  addSpans(records: readonly SpanRecord[]): void {
    const spans = records.map(storedSpan);
    this.#postOrDrop({ kind: "spans", spans }, "traces", spans.length);
  }

  addEvents(events: readonly MeshEvent[]): void {
    this.#postOrDrop({ kind: "events", events }, "events", events.length);
    for (const listener of this.#listeners) listener.onEvents?.(events);
  }

  /** Rejects with `telemetry-unavailable`. */
  ask<Q extends StoreQuestion>(
    question: Q,
    query: StoreQuestions[Q]["query"],
  ): Promise<StoreQuestions[Q]["answer"]> {
    if (this.#worker === undefined) return Promise.reject(unavailable("it is being started"));
    if (this.#waiting.size >= QUESTIONS_MAX) {
      return Promise.reject(unavailable("too many questions wait"));
    }
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = this.#options.clock.schedule(ANSWER_TIMEOUT_MS, () => {
        this.#waiting.delete(id);
        reject(unavailable(`no answer within ${ANSWER_TIMEOUT_MS} ms`));
      });
      this.#waiting.set(id, {
        resolve: (answer) => {
          timer.cancel();
          resolve(answer);
        },
        reject: (error) => {
          timer.cancel();
          reject(error);
        },
      });
      this.#post({ kind: "question", id, question, query });
    });
  }

  #isFull(): boolean {
    return this.#queuedBytes > TELEMETRY_QUEUE_BYTES_MAX;
  }

  #postOrDrop(request: StoreRequest, signal: string, count: number): void {
    if (this.#worker === undefined || this.#isFull()) {
      this.#options.metrics.dropped.with({ signal }).add(count);
      return;
    }
    this.#post(request);
  }

  #post(request: StoreRequest, transfer: readonly ArrayBuffer[] = []): void {
    this.#queuedBytes += requestWeight(request);
    this.#worker?.postMessage(request, transfer);
  }

  #startThread(): void {
    // Sources run as they are; what is compiled has other names.
    const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
    const worker = new Worker(new URL(`./store-thread${extension}`, import.meta.url), {
      name: "telemetry-store",
      workerData: this.#options.settings,
      execArgv: [],
    });
    worker.on("message", (reply: StoreReply) => this.#take(reply));
    worker.on("error", (error) => this.#onTrouble(messageOf(error)));
    worker.on("exit", () => this.#onExit(worker));
    worker.unref();
    this.#worker = worker;
    this.#queuedBytes = 0;
  }

  #take(reply: StoreReply): void {
    const { metrics, log } = this.#options;
    switch (reply.kind) {
      case "open":
        this.#restartMs = RESTART_MS;
        this.#knownFromMs = reply.knownFromMs;
        metrics.storeUp.set(1);
        if (reply.setAside === undefined) break;
        this.#problem = `the telemetry of before cannot be read (${reply.setAside.reason}); it is kept as ${reply.setAside.path}`;
        log.error("telemetry is begun anew", { ...reply.setAside });
        break;
      case "done":
        this.#queuedBytes -= reply.weight;
        break;
      case "answer":
        this.#answer(reply.id, (waiting) => waiting.resolve(reply.answer as never));
        break;
      case "failed":
        this.#answer(reply.id, (waiting) => waiting.reject(unavailable(reply.message)));
        break;
      case "trouble":
        metrics.dropped.with({ signal: reply.signal }).add(reply.dropped);
        this.#onTrouble(reply.message);
        break;
      case "flushed":
        metrics.storeUp.set(1);
        metrics.storeBytes.set(reply.state.sizeBytes);
        break;
      case "closed":
        this.#onClosed();
        break;
    }
  }

  #answer(id: number, settle: (waiting: Waiting) => void): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (waiting !== undefined) settle(waiting);
  }

  #onTrouble(message: string): void {
    this.#options.metrics.storeUp.set(0);
    this.#options.log.error("telemetry cannot be stored", { reason: message });
  }

  #onExit(worker: Worker): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#failWaiting("it ended and is started again");
    if (this.#isStopping) {
      this.#onClosed();
      return;
    }
    this.#options.clock.schedule(this.#restartMs, () => {
      if (!this.#isStopping) this.#startThread();
    });
    this.#restartMs = Math.min(this.#restartMs * 2, RESTART_MS_MAX);
  }

  #failWaiting(reason: string): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const one of waiting) one.reject(unavailable(reason));
  }
}

/** Hears what comes as it comes. Must not throw. */
export interface TelemetryListener {
  readonly onLogs?: (logs: readonly AccessLogView[]) => void;
  readonly onEvents?: (events: readonly MeshEvent[]) => void;
}

function unavailable(reason: string): Error {
  return controlPlaneError(
    { code: "telemetry-unavailable" },
    `the telemetry store does not answer: ${reason}`,
  );
}
