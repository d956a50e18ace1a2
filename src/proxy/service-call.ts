/**
 * One request to a service that the proxy itself asks, over one of its clusters: on the same connections and streams
 * as requests, within the same limits, and telling outlier detection the same. What is said and heard is the
 * conversation's: `http-call.ts` and `grpc-call.ts`.
 */
import { TimerEntry, type TimerWheel } from "../core/timer-wheel.ts";
import type { HeaderBlock } from "../http/header-block.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { type CallbackFaults, type FaultOwner, guarded } from "./callback-faults.ts";
import type { Cluster } from "./cluster.ts";
import type { Endpoint } from "./endpoint.ts";
import { outlierStatusOf } from "./health/outlier-monitor.ts";
import type { ClientStream, ClientStreamHandler, UpstreamFailure } from "./stream.ts";

export interface ServiceCallOptions {
  readonly cluster: Cluster;
  /** For everything, a new connection included. 0 for no limit. */
  readonly timeoutMs: number;
  readonly nowMs: () => number;
  readonly timers: TimerWheel;
  readonly faults: CallbackFaults;
}

/** Nothing is told from within `start`, nor behind an end, a failure or `cancel`. */
export interface ServiceConversation {
  readonly isGrpc: boolean;
  /** Sends all of the request. */
  sendRequest(stream: ClientStream): void;
  onReplyHead(head: ResponseHead): void;
  onReplyBody(bytes: Buffer, start: number, end: number): void;
  onReplyEnd(trailers: HeaderBlock | undefined): void;
  onNoReply(why: "timeout" | "upstream", reason: string): void;
}

export class ServiceCall implements ClientStreamHandler, FaultOwner {
  readonly #options: ServiceCallOptions;
  readonly #conversation: ServiceConversation;
  readonly #timeout: TimerEntry;
  #endpoint: Endpoint | undefined;
  #outlierGeneration = 0;
  #stream: ClientStream | undefined;
  #isStarting = false;
  #isOver = false;
  /** Of a call that failed while it started. */
  #failure = "";

  constructor(options: ServiceCallOptions, conversation: ServiceConversation) {
    this.#options = options;
    this.#conversation = conversation;
    this.#timeout = new TimerEntry(guarded(this, () => this.#giveUp()));
  }

  /** Returns why the request could not be made, and tells the conversation nothing then. */
  start(): string | undefined {
    const { cluster, timers, timeoutMs, nowMs } = this.#options;
    const endpoint = cluster.pick(undefined);
    if (endpoint === undefined) return "no healthy upstream";
    if (!cluster.breaker.admitRequest()) return "overflow";
    this.#endpoint = endpoint;
    this.#outlierGeneration = endpoint.outlier?.generation ?? 0;
    if (timeoutMs > 0) timers.arm(this.#timeout, timeoutMs);
    this.#isStarting = true;
    const isTaken = endpoint.acquire(this, nowMs(), this.#conversation.isGrpc);
    this.#isStarting = false;
    if (this.#isOver) return this.#failure;
    if (isTaken) return undefined;
    this.#finish();
    return "overflow";
  }

  /** Nobody waits for the answer any more. The conversation is told nothing. */
  cancel(): void {
    if (this.#isOver) return;
    const stream = this.#stream;
    if (stream === undefined) this.#endpoint?.cancel(this);
    this.#finish();
    stream?.reset();
  }

  onStreamReady(stream: ClientStream): void {
    this.#stream = stream;
    this.#endpoint!.onRequestStart();
    this.#conversation.sendRequest(stream);
  }

  onInterim(): void {}

  onResponseHead(head: ResponseHead): void {
    if (this.#isOver) return;
    const status = outlierStatusOf(head, this.#conversation.isGrpc);
    this.#endpoint?.outlier?.onStatus(status, this.#outlierGeneration);
    this.#conversation.onReplyHead(head);
  }

  onResponseBody(bytes: Buffer, start: number, end: number): void {
    if (!this.#isOver) this.#conversation.onReplyBody(bytes, start, end);
  }

  onResponseEnd(trailers: HeaderBlock | undefined): void {
    if (this.#isOver) return;
    this.#finish();
    this.#conversation.onReplyEnd(trailers);
  }

  onUpstreamFailure(failure: UpstreamFailure): void {
    if (this.#isOver) return;
    this.#endpoint?.outlier?.onLocalFailure(503, this.#outlierGeneration);
    this.#finish();
    this.#failure = textOf(failure);
    if (!this.#isStarting) this.#conversation.onNoReply("upstream", this.#failure);
  }

  onUpstreamDrain(): void {}

  onFault(error: unknown): void {
    this.#options.faults.report("call of a service", error);
  }

  #giveUp(): void {
    if (this.#isOver) return;
    // A request that had no connection yet says nothing about the endpoint.
    if (this.#stream !== undefined) {
      this.#endpoint?.outlier?.onLocalFailure(504, this.#outlierGeneration);
    }
    this.cancel();
    this.#conversation.onNoReply("timeout", "no answer in time");
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
