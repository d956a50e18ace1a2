/**
 * One request on its way upstream: its tries, from the first to the one whose answer counts, and the body that is
 * kept for them. Belongs to an exchange and is used again for each of its requests.
 *
 *   idle ─ begin, connect ─> waiting for a connection ─ ready ─> sending ─ answer ─> answered ─ end ─> idle
 *                                 │ failed, retries left │
 *                                 └──────────────────────┘
 */
import { NO_RETRY, type RetryRule } from "../decision/retry-rule.ts";
import type { HeaderBlock } from "../http/header-block.ts";
import { BODY_TUNNEL } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import type { FaultOwner } from "./callback-faults.ts";
import type { Cluster } from "./cluster.ts";
import type { HttpServer } from "./http-server.ts";
import { type BodyTaken, RequestBody } from "./request-body.ts";
import type { RequestOutcome } from "./request-outcome.ts";
import {
  isUnprocessed,
  mayRetryAnswer,
  mayRetryFailure,
  retryPauseMs,
  type TryState,
} from "./retry-decision.ts";
import type { RoutedRequest } from "./routed-request.ts";
import type { ClientStream, ClientStreamHandler, UpstreamFailure } from "./stream.ts";
import { type TryTimerHandler, TryTimers } from "./try-timers.ts";
import { type ConnectOutcome, UpstreamTries } from "./upstream-tries.ts";

/** Heads and byte ranges are valid only during a call. */
export interface UpstreamCallHandler extends FaultOwner {
  onInterim(head: ResponseHead): void;
  /** The answer that counts: no other try follows. */
  onAnswerHead(head: ResponseHead): void;
  onAnswerBody(bytes: Buffer, start: number, end: number): void;
  onAnswerEnd(trailers: HeaderBlock | undefined): void;
  /** More of the request's body is welcome. */
  onRoom(): void;
  /** No try is left, or the answer broke off behind its head. */
  onCallFailed(failure: UpstreamFailure): void;
  /** There is no endpoint for the first or the next try, or a limit forbids it. */
  onNoConnection(outcome: Exclude<ConnectOutcome, "asked">): void;
}

export class UpstreamCall implements ClientStreamHandler, TryTimerHandler {
  readonly #server: HttpServer;
  readonly #handler: UpstreamCallHandler;
  readonly #request: RoutedRequest;
  readonly #outcome: RequestOutcome;
  readonly #tries: UpstreamTries;
  readonly #timers: TryTimers;
  readonly body = new RequestBody();
  #retry: RetryRule = NO_RETRY;
  #isTunnel = false;
  #isActive = false;
  /** All of the request has come. */
  #isWhole = false;
  #trailers: HeaderBlock | undefined;
  #isAnswered = false;
  /** The connection that is ready now was at hand: `connect` has not returned. */
  #isConnecting = false;
  #connectMs = 0;
  #sentAtMs = 0;

  constructor(
    server: HttpServer,
    handler: UpstreamCallHandler,
    request: RoutedRequest,
    outcome: RequestOutcome,
  ) {
    this.#server = server;
    this.#handler = handler;
    this.#request = request;
    this.#outcome = outcome;
    this.#tries = new UpstreamTries(server.clusters, this, request.pick);
    this.#timers = new TryTimers(server.timers, this);
  }

  /** For the next request. */
  reset(): void {
    this.#tries.reset(this.#request.isHttp2);
    this.#isWhole = false;
    this.#trailers = undefined;
    this.#isAnswered = false;
  }

  /** Returns false when the cluster takes no more requests. */
  begin(cluster: Cluster, retry: RetryRule): boolean {
    if (!this.#tries.begin(cluster)) return false;
    this.#isActive = true;
    this.#retry = retry;
    this.#isTunnel = this.#request.isForTunnel;
    return true;
  }

  /** Starts the first try. `nowMs` is what the clock says. */
  connect(nowMs: number): void {
    this.#isConnecting = true;
    this.#connectMs = nowMs;
    const outcome = this.#tries.connect(nowMs);
    this.#isConnecting = false;
    if (outcome !== "asked") this.#handler.onNoConnection(outcome);
  }

  /** Part of the body. When "full", its source must pause until `onRoom`. `isHeld`: it must not go upstream yet. */
  sendBody(bytes: Buffer, start: number, end: number, isHeld: boolean): BodyTaken {
    return this.body.take(isHeld ? undefined : this.#tries.stream, bytes, start, end);
  }

  /** The request is complete; of a tunnel, its client sends no more. `isHeld`: as in `sendBody`. */
  sendEnd(trailers: HeaderBlock | undefined, isHeld: boolean): void {
    this.#isWhole = true;
    this.#trailers = trailers;
    const { stream } = this.#tries;
    if (stream === undefined || isHeld) return;
    stream.sendEnd(trailers);
    if (!this.#isTunnel) this.#timers.armTry(this.#retry.perTryTimeoutMs);
  }

  /** The upstream has accepted the tunnel: it gets what was held. */
  openTunnel(): void {
    const stream = this.#tries.stream!;
    this.body.sendTo(stream);
    this.body.release();
    if (this.#isWhole) stream.sendEnd(undefined);
  }

  resumeAnswer(): void {
    this.#tries.stream?.resumeResponse();
  }

  pauseAnswer(): void {
    this.#tries.stream?.pauseResponse();
  }

  /** Ends whatever has been begun upstream. The handler is told nothing. */
  giveUp(): void {
    this.#timers.disarm();
    this.#tries.giveUp();
  }

  /** The exchange is over, whatever came of it. */
  end(): void {
    this.#isActive = false;
    this.#timers.disarm();
    this.body.reset();
    this.#tries.end();
    this.#outcome.endpoint = this.#tries.endpoint;
    this.#outcome.attempts = this.#tries.count;
  }

  onStreamReady(stream: ClientStream): void {
    this.#tries.onReady(stream);
    // A connection that was at hand costs no time: the clock need not be read again.
    this.#sentAtMs = this.#isConnecting ? this.#connectMs : this.#server.nowMs();
    const { head, target, authority } = this.#request;
    stream.sendHead(head!, target, authority);
    if (!this.#isTunnel) this.body.sendTo(stream);
    if (this.#isWhole || this.#isTunnel) {
      if (!this.#isTunnel) stream.sendEnd(this.#trailers);
      this.#timers.armTry(this.#retry.perTryTimeoutMs);
    } else {
      this.#handler.onRoom();
    }
  }

  onInterim(head: ResponseHead): void {
    this.#handler.onInterim(head);
  }

  onResponseHead(head: ResponseHead): void {
    const nowMs = this.#server.nowMs();
    this.#outcome.upstreamTimeMs = nowMs - this.#sentAtMs;
    this.#tries.endpoint!.observeLatency(this.#outcome.upstreamTimeMs, nowMs);
    const retry = this.#retry;
    const mayRetry = retry.retriesMax > 0 && mayRetryAnswer(retry, head, this.#tryState(true));
    if (mayRetry && this.#tries.admitRetry()) {
      this.giveUp();
      this.#tryAgainLater();
      return;
    }
    this.#isAnswered = true;
    if (head.bodyKind !== BODY_TUNNEL) this.body.release();
    this.#timers.disarm();
    this.#handler.onAnswerHead(head);
  }

  onResponseBody(bytes: Buffer, start: number, end: number): void {
    // A retry may have given this answer up in the middle of its bytes.
    if (this.#isActive && this.#isAnswered) this.#handler.onAnswerBody(bytes, start, end);
  }

  onResponseEnd(trailers: HeaderBlock | undefined): void {
    this.#handler.onAnswerEnd(trailers);
  }

  /** The stream has ended by itself. */
  leaveStream(): void {
    this.#tries.leaveStream();
  }

  onUpstreamFailure(failure: UpstreamFailure): void {
    const state = this.#tryState(this.#tries.stream !== undefined && !isUnprocessed(failure));
    this.#timers.disarm();
    this.#tries.onFailed();
    if (!this.#isActive) return;
    const mayRetry = !this.#isAnswered && mayRetryFailure(this.#retry, failure, state);
    if (!mayRetry || !this.#tries.admitRetry()) this.#handler.onCallFailed(failure);
    // Another endpoint may well be fine: only the same one, and a request that was sent, need a pause.
    else if (state.mayHaveArrived || !this.#tries.hasOtherEndpoint) this.#tryAgainLater();
    else this.connect(this.#server.nowMs());
  }

  onUpstreamDrain(): void {
    this.#handler.onRoom();
  }

  onTryTimeout(): void {
    const { stream } = this.#tries;
    this.onUpstreamFailure({ kind: "try-timeout" });
    stream?.reset();
  }

  onRetryDue(): void {
    this.connect(this.#server.nowMs());
  }

  onFault(error: unknown): void {
    this.#handler.onFault(error);
  }

  #tryState(mayHaveArrived: boolean): TryState {
    return { attempts: this.#tries.count, mayHaveArrived, canReplay: this.body.isWhole };
  }

  #tryAgainLater(): void {
    this.#timers.armRetry(retryPauseMs(this.#retry, this.#tries.count, this.#server.prng));
  }
}
