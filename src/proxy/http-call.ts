/**
 * One HTTP request to a service that the proxy itself asks, over one of its clusters: on the same connections and
 * streams as requests. What a GrpcCall is for gRPC.
 */
import { TimerEntry, type TimerWheel } from "../core/timer-wheel.ts";
import type { RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { type CallbackFaults, type FaultOwner, guarded } from "./callback-faults.ts";
import type { Cluster } from "./cluster.ts";
import type { Endpoint } from "./endpoint.ts";
import { outlierStatusOf } from "./health/outlier-monitor.ts";
import type { ClientStream, ClientStreamHandler, UpstreamFailure } from "./stream.ts";

/** Nothing is told from within `start`. */
export interface HttpCallHandler {
  /** Valid during the call; `onReply` or `onCallFailure` comes behind it. */
  onReplyHead(head: ResponseHead): void;
  /** All of it has come. */
  onReply(body: Buffer): void;
  onCallFailure(reason: string): void;
}

export interface HttpCallOptions {
  readonly cluster: Cluster;
  /** Nobody changes it any more. */
  readonly head: RequestHead;
  readonly target: string;
  readonly authority: string;
  /** Undefined where the head tells of none. */
  readonly body: Buffer | undefined;
  /** For everything, a new connection included. 0 for no limit. */
  readonly timeoutMs: number;
  readonly replyBytesMax: number;
  readonly nowMs: () => number;
  readonly timers: TimerWheel;
  readonly faults: CallbackFaults;
}

export class HttpCall implements ClientStreamHandler, FaultOwner {
  readonly #options: HttpCallOptions;
  readonly #handler: HttpCallHandler;
  readonly #timeout: TimerEntry;
  #endpoint: Endpoint | undefined;
  #outlierGeneration = 0;
  #stream: ClientStream | undefined;
  #isStarting = false;
  #isOver = false;
  #failure = "";
  readonly #received: Buffer[] = [];
  #receivedBytes = 0;

  constructor(options: HttpCallOptions, handler: HttpCallHandler) {
    this.#options = options;
    this.#handler = handler;
    this.#timeout = new TimerEntry(guarded(this, () => this.#fail(504, "no answer in time")));
  }

  /** Returns why the request could not be made, and tells the handler nothing then. */
  start(): string | undefined {
    const { cluster, timers, timeoutMs, nowMs } = this.#options;
    const endpoint = cluster.pick(undefined);
    if (endpoint === undefined) return "no healthy upstream";
    if (!cluster.breaker.admitRequest()) return "overflow";
    this.#endpoint = endpoint;
    this.#outlierGeneration = endpoint.outlier?.generation ?? 0;
    if (timeoutMs > 0) timers.arm(this.#timeout, timeoutMs);
    this.#isStarting = true;
    const isTaken = endpoint.acquire(this, nowMs(), false);
    this.#isStarting = false;
    if (this.#isOver) return this.#failure;
    if (isTaken) return undefined;
    this.#finish();
    return "overflow";
  }

  /** Nobody waits for the answer any more. The handler is told nothing. */
  cancel(): void {
    if (this.#isOver) return;
    const stream = this.#stream;
    if (stream === undefined) this.#endpoint?.cancel(this);
    this.#finish();
    stream?.reset();
  }

  onStreamReady(stream: ClientStream): void {
    const { head, target, authority, body } = this.#options;
    this.#stream = stream;
    this.#endpoint!.onRequestStart();
    stream.sendHead(head, target, authority);
    if (body !== undefined) stream.sendBody(body, 0, body.length);
    stream.sendEnd(undefined);
  }

  onInterim(): void {}

  onResponseHead(head: ResponseHead): void {
    if (this.#isOver) return;
    this.#endpoint?.outlier?.onStatus(outlierStatusOf(head, false), this.#outlierGeneration);
    this.#handler.onReplyHead(head);
  }

  onResponseBody(bytes: Buffer, start: number, end: number): void {
    if (this.#isOver) return;
    this.#receivedBytes += end - start;
    if (this.#receivedBytes > this.#options.replyBytesMax) {
      this.#fail(0, "the answer is too long");
      return;
    }
    this.#received.push(Buffer.from(bytes.subarray(start, end)));
  }

  onResponseEnd(): void {
    if (this.#isOver) return;
    this.#finish();
    this.#handler.onReply(Buffer.concat(this.#received));
  }

  onUpstreamFailure(failure: UpstreamFailure): void {
    if (this.#isOver) return;
    this.#endpoint?.outlier?.onLocalFailure(503, this.#outlierGeneration);
    this.#finish();
    this.#failure = textOf(failure);
    if (!this.#isStarting) this.#handler.onCallFailure(this.#failure);
  }

  onUpstreamDrain(): void {}

  onFault(error: unknown): void {
    this.#options.faults.report("HTTP call", error);
  }

  /** Gives the stream up and tells it. `status` 0: not the service's health. */
  #fail(status: number, reason: string): void {
    if (this.#isOver) return;
    if (this.#stream !== undefined && status !== 0) {
      this.#endpoint?.outlier?.onLocalFailure(status, this.#outlierGeneration);
    }
    this.cancel();
    this.#handler.onCallFailure(reason);
  }

  #finish(): void {
    this.#isOver = true;
    const { cluster, timers } = this.#options;
    timers.disarm(this.#timeout);
    cluster.breaker.releaseRequest();
    if (this.#stream !== undefined) this.#endpoint?.onRequestEnd();
    this.#stream = undefined;
  }
}

function textOf(failure: UpstreamFailure): string {
  if ("reason" in failure) return `${failure.kind}: ${failure.reason}`;
  return "code" in failure ? `${failure.kind}: ${failure.code}` : failure.kind;
}
