/**
 * One try of an upstream call: its endpoint, the wait for a connection, the stream, and its time limits. Used again
 * for the call's next try, and for its next request.
 */
import type { HeaderBlock } from "../http/header-block.ts";
import type { ResponseHead } from "../http/response-head.ts";
import type { FaultOwner } from "./callback-faults.ts";
import type { Cluster } from "./cluster.ts";
import type { Endpoint } from "./endpoint.ts";
import type { ProxyTimers } from "./http-server.ts";
import type { PickContext } from "./pick-context.ts";
import type { ClientStream, ClientStreamHandler, UpstreamFailure } from "./stream.ts";
import type { TrySpan } from "./tracing/request-trace.ts";
import { type TryTimerHandler, TryTimers } from "./try-timers.ts";

export type ConnectOutcome = "asked" | "no-endpoint" | "overflow";

/** Heads and byte ranges are valid only during a call. */
export interface UpstreamTryOwner extends FaultOwner {
  onTryReady(one: UpstreamTry, stream: ClientStream): void;
  onTryInterim(one: UpstreamTry, head: ResponseHead): void;
  onTryHead(one: UpstreamTry, head: ResponseHead): void;
  onTryBody(one: UpstreamTry, bytes: Buffer, start: number, end: number): void;
  onTryEnd(one: UpstreamTry, trailers: HeaderBlock | undefined): void;
  onTryDrain(one: UpstreamTry): void;
  /** The stream is over, or there is none. The try still knows it: `end` or `giveUp` follows. */
  onTryFailed(one: UpstreamTry, failure: UpstreamFailure): void;
  /** Its time, or the time that it may be silent, is over. */
  onTryTimeout(one: UpstreamTry, failure: UpstreamFailure): void;
}

export class UpstreamTry implements ClientStreamHandler, TryTimerHandler {
  readonly #owner: UpstreamTryOwner;
  readonly #proxyTimers: ProxyTimers;
  /** Made for the first request that has such a limit. */
  #timers: TryTimers | undefined;
  /** In the endpoint's queue for a connection. */
  #isWaiting = false;
  /** As its request, for the limits of its cluster. */
  isUrgent = false;
  endpoint: Endpoint | undefined;
  stream: ClientStream | undefined;
  /** Of the endpoint's outlier monitor when it was picked. */
  outlierGeneration = 0;
  /** Monotonic milliseconds. */
  sentAtMs = 0;
  /** Hedging: its time is over, and another try runs beside it. */
  isSuperseded = false;
  /** Undefined where it goes by the span of its request, or by none. */
  span: TrySpan | undefined;

  constructor(timers: ProxyTimers, owner: UpstreamTryOwner) {
    this.#owner = owner;
    this.#proxyTimers = timers;
  }

  /** For the next request. */
  reset(isUrgent: boolean): void {
    this.isUrgent = isUrgent;
    this.endpoint = undefined;
    this.isSuperseded = false;
    this.span = undefined;
  }

  /** Waits for a connection, or has a stream. */
  get isUnderWay(): boolean {
    return this.#isWaiting || this.stream !== undefined;
  }

  /**
   * Picks an endpoint and asks it for a connection: the owner gets a stream or a failure. `isHttp2`: what the
   * request's client speaks, for clusters that speak the same.
   */
  connect(cluster: Cluster, pick: PickContext, isHttp2: boolean, nowMs: number): ConnectOutcome {
    const endpoint = cluster.pick(pick);
    if (endpoint === undefined) return "no-endpoint";
    this.endpoint = endpoint;
    const { outlier } = endpoint;
    if (outlier !== undefined) this.outlierGeneration = outlier.generation;
    this.#isWaiting = true;
    if (endpoint.acquire(this, nowMs, isHttp2)) return "asked";
    this.#isWaiting = false;
    return "overflow";
  }

  onStreamReady(stream: ClientStream): void {
    this.#isWaiting = false;
    this.stream = stream;
    this.endpoint!.onRequestStart();
    this.endpoint!.outlier?.onConnected(this.outlierGeneration);
    this.#owner.onTryReady(this, stream);
  }

  onInterim(head: ResponseHead): void {
    this.#owner.onTryInterim(this, head);
  }

  onResponseHead(head: ResponseHead): void {
    this.#owner.onTryHead(this, head);
  }

  onResponseBody(bytes: Buffer, start: number, end: number): void {
    this.#owner.onTryBody(this, bytes, start, end);
  }

  onResponseEnd(trailers: HeaderBlock | undefined): void {
    this.#owner.onTryEnd(this, trailers);
  }

  onUpstreamFailure(failure: UpstreamFailure): void {
    this.endpoint?.outlier?.onLocalFailure(503, this.outlierGeneration);
    this.#owner.onTryFailed(this, failure);
  }

  onUpstreamDrain(): void {
    this.#owner.onTryDrain(this);
  }

  onTryTimeout(): void {
    this.endpoint?.outlier?.onLocalFailure(504, this.outlierGeneration);
    this.#owner.onTryTimeout(this, { kind: "try-timeout" });
  }

  onTryIdle(): void {
    this.endpoint?.outlier?.onLocalFailure(504, this.outlierGeneration);
    this.#owner.onTryTimeout(this, { kind: "try-idle-timeout" });
  }

  onStreamDuration(): void {
    const { stream } = this;
    this.#owner.onTryFailed(this, { kind: "stream-duration" });
    stream?.reset();
  }

  onFault(error: unknown): void {
    this.#owner.onFault(error);
  }

  /** The time of the whole request is over. What its own time limit has told is not told again. */
  noteExpired(): void {
    if (this.stream !== undefined && !this.isSuperseded)
      this.endpoint?.outlier?.onLocalFailure(504, this.outlierGeneration);
  }

  /** Its time limits; in all of these, 0 milliseconds mean none. */
  armTimeout(ms: number): void {
    if (ms > 0) this.#limits().armTry(ms);
  }

  /** Begins anew when it runs. */
  armIdle(ms: number): void {
    if (ms > 0) this.#limits().armIdle(ms);
  }

  armStream(ms: number): void {
    if (ms > 0) this.#limits().armStream(ms);
  }

  /** An answer has begun: only the stream as a whole is still limited. */
  disarmUntilHead(): void {
    this.#timers?.disarmTry();
  }

  disarm(): void {
    this.#timers?.disarm();
  }

  #limits(): TryTimers {
    this.#timers ??= new TryTimers(this.#proxyTimers, this);
    return this.#timers;
  }

  /** The stream has ended by itself. */
  leave(): void {
    this.#isWaiting = false;
    if (this.stream === undefined) return;
    this.stream = undefined;
    this.endpoint!.onRequestEnd();
  }

  /** The try has failed, by itself or because somebody ends its stream: its endpoint is avoided by the next. */
  end(pick: PickContext): void {
    this.disarm();
    if (this.endpoint !== undefined) pick.avoid(this.endpoint);
    this.leave();
  }

  /** Ends whatever it has got to. The owner is told nothing. */
  giveUp(pick: PickContext): void {
    if (this.#isWaiting) this.endpoint?.cancel(this);
    const { stream } = this;
    this.end(pick);
    stream?.reset();
  }
}
