/**
 * One request on its way upstream: its tries, from the first to the one whose answer counts, and the body that is
 * kept for them. Belongs to an exchange and is used again for each of its requests.
 *
 *   idle ─ begin, connect ─> waiting for a connection ─ ready ─> sending ─ answer ─> answered ─ end ─> idle
 *                                 │ failed, retries left │
 *                                 └──────────────────────┘
 *
 * With hedging a try whose time is over goes on, and the next one runs beside it: the first answer that would not be
 * retried counts, and the other tries end.
 */
import { NO_RETRY, type RetryRule } from "../decision/retry-rule.ts";
import type { HeaderBlock } from "../http/header-block.ts";
import { BODY_TUNNEL } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { FLAG } from "../telemetry/response-flag.ts";
import type { FaultOwner } from "./callback-faults.ts";
import type { CircuitBreaker } from "./circuit-breaker.ts";
import type { Cluster } from "./cluster.ts";
import { outlierStatusOf } from "./health/outlier-monitor.ts";
import { isRefusal } from "./health/refused-answer.ts";
import type { HttpServer } from "./http-server.ts";
import { type BodyTaken, RequestBody } from "./request-body.ts";
import type { RequestOutcome } from "./request-outcome.ts";
import type { RequestTimeouts } from "./request-timeouts.ts";
import {
  isRetriableAnswer,
  isUndelivered,
  isUnprocessed,
  mayRetryFailure,
  retryPauseMs,
  type TryState,
  toldPauseMs,
} from "./retry-decision.ts";
import { RetryTimer, type RetryTimerHandler } from "./retry-timer.ts";
import type { RoutedRequest } from "./routed-request.ts";
import type { ClientStream, UpstreamFailure } from "./stream.ts";
import { type ConnectOutcome, UpstreamTry, type UpstreamTryOwner } from "./upstream-try.ts";

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

export class UpstreamCall implements UpstreamTryOwner, RetryTimerHandler {
  readonly #server: HttpServer;
  readonly #handler: UpstreamCallHandler;
  readonly #request: RoutedRequest;
  readonly #outcome: RequestOutcome;
  readonly #timeouts: RequestTimeouts;
  /** Made for the first request that waits for its next try. */
  #retryTimer: RetryTimer | undefined;
  readonly body = new RequestBody();
  /** The newest try, and behind the answer's head the one whose answer it is. */
  #try: UpstreamTry;
  /** Hedging: older tries that may still be answered. At most as many as there may be retries. */
  readonly #others: UpstreamTry[] = [];
  #retry: RetryRule = NO_RETRY;
  /** Where the request and its retries are counted: the cluster as it was when the request came. */
  #cluster: Cluster | undefined;
  #breaker: CircuitBreaker | undefined;
  #isRetried = false;
  #count = 0;
  #isTunnel = false;
  #isActive = false;
  /** All of the request has come. */
  #isWhole = false;
  #trailers: HeaderBlock | undefined;
  #isAnswered = false;
  /** The connection that is ready now was at hand: `connect` has not returned. */
  #isConnecting = false;
  #connectMs = 0;

  constructor(
    server: HttpServer,
    handler: UpstreamCallHandler,
    request: RoutedRequest,
    outcome: RequestOutcome,
    timeouts: RequestTimeouts,
  ) {
    this.#server = server;
    this.#handler = handler;
    this.#request = request;
    this.#outcome = outcome;
    this.#timeouts = timeouts;
    this.#try = new UpstreamTry(server.timers, this);
  }

  /** For the next request. */
  reset(): void {
    this.#try.reset(false);
    this.#count = 0;
    this.#isWhole = false;
    this.#trailers = undefined;
    this.#isAnswered = false;
  }

  /** Returns false when the cluster takes no more requests. `isUrgent`: it has limits of its own. */
  begin(cluster: Cluster, retry: RetryRule, isUrgent: boolean): boolean {
    const breaker = cluster.breakerFor(isUrgent);
    if (!breaker.admitRequest()) return false;
    this.#cluster = cluster;
    this.#breaker = breaker;
    this.#isActive = true;
    this.#retry = retry;
    this.#isTunnel = this.#request.isForTunnel;
    this.#try.reset(isUrgent);
    return true;
  }

  /** Starts the first try. `nowMs` is what the clock says. */
  connect(nowMs: number): void {
    const counted = this.#cluster!;
    const request = this.#request;
    // A later try uses the cluster as it is by now.
    const cluster =
      this.#count === 0 ? counted : (this.#server.clusters.get(counted.name) ?? counted);
    this.#count += 1;
    this.#outcome.attempts = this.#count;
    if (this.#count > 1) {
      this.#timeouts.announceRetry(request.head!.headers, this.#count, nowMs);
    }
    this.#try.span = this.#server.tracer?.beginTry(this.#count - 1, nowMs);
    this.#isConnecting = true;
    this.#connectMs = nowMs;
    const outcome = this.#try.connect(cluster, request.pick, request.isHttp2, nowMs);
    this.#isConnecting = false;
    if (outcome === "asked") return;
    if (outcome === "no-endpoint") {
      this.#count -= 1;
      this.#outcome.attempts = this.#count;
    }
    // Hedging: what is under way may still be answered.
    if (!this.#promoteOther()) this.#handler.onNoConnection(outcome);
  }

  /** Part of the body. When "full", its source must pause until `onRoom`. `isHeld`: it must not go upstream yet. */
  sendBody(bytes: Buffer, start: number, end: number, isHeld: boolean): BodyTaken {
    return this.body.take(isHeld ? undefined : this.#try.stream, bytes, start, end);
  }

  /** The request is complete; of a tunnel, its client sends no more. `isHeld`: as in `sendBody`. */
  sendEnd(trailers: HeaderBlock | undefined, isHeld: boolean): void {
    this.#isWhole = true;
    this.#trailers = trailers;
    const { stream } = this.#try;
    if (stream === undefined || isHeld) return;
    stream.sendEnd(trailers);
    if (!this.#isTunnel) this.#armTry(this.#try);
  }

  /** The upstream has accepted the tunnel: it gets what was held. */
  openTunnel(): void {
    const stream = this.#try.stream!;
    this.body.sendTo(stream);
    this.body.release();
    if (this.#isWhole) stream.sendEnd(undefined);
  }

  resumeAnswer(): void {
    this.#try.stream?.resumeResponse();
  }

  pauseAnswer(): void {
    this.#try.stream?.pauseResponse();
  }

  /** Ends whatever has been begun upstream. The handler is told nothing. */
  giveUp(): void {
    this.#retryTimer?.disarm();
    this.#giveUpOthers();
    this.#try.giveUp(this.#request.pick);
  }

  /** The time for the answer is over. */
  noteTimeout(): void {
    if (this.#cluster !== undefined) this.#cluster.counts.timeouts += 1;
    this.#try.noteExpired();
    for (const other of this.#others) other.noteExpired();
  }

  /** The exchange is over, whatever came of it. */
  end(): void {
    this.#isActive = false;
    this.#retryTimer?.disarm();
    this.#try.disarm();
    this.#giveUpOthers();
    this.body.reset();
    const outcome = this.#outcome;
    outcome.endpoint = this.#try.endpoint;
    outcome.attempts = this.#count;
    if (outcome.trace !== undefined) outcome.trace.lastTry = this.#try.span;
    const breaker = this.#breaker;
    if (breaker === undefined) return;
    this.#breaker = undefined;
    this.#cluster = undefined;
    breaker.releaseRequest();
    if (this.#isRetried) breaker.releaseRetry();
    this.#isRetried = false;
  }

  onTryReady(one: UpstreamTry, stream: ClientStream): void {
    // A connection that was at hand costs no time: the clock need not be read again.
    one.sentAtMs = this.#isConnecting ? this.#connectMs : this.#server.nowMs();
    one.armStream(this.#cluster!.streamDurationMs);
    const { head, target, authority } = this.#request;
    const { trace } = this.#outcome;
    // Several tries share the request's header fields.
    if (trace?.isActive === true && (one.span !== undefined || this.#count > 1)) {
      this.#server.tracer?.announceTry(head!.headers, trace, one.span);
    }
    stream.sendHead(head!, target, authority);
    if (!this.#isTunnel) this.body.sendTo(stream);
    if (this.#isWhole || this.#isTunnel) {
      if (!this.#isTunnel) stream.sendEnd(this.#trailers);
      this.#armTry(one);
    } else {
      this.#handler.onRoom();
    }
  }

  onTryInterim(one: UpstreamTry, head: ResponseHead): void {
    one.armIdle(this.#timeouts.tryIdleMs);
    // Hedging: as in Envoy, this is the try whose answer counts, whatever it will be.
    if (this.#others.length > 0 || one !== this.#try) {
      this.#settleOn(one);
      this.#retry = NO_RETRY;
    }
    this.#handler.onInterim(head);
  }

  onTryHead(one: UpstreamTry, head: ResponseHead): void {
    const nowMs = this.#server.nowMs();
    const latencyMs = nowMs - one.sentAtMs;
    const endpoint = one.endpoint!;
    const result = outlierStatusOf(head, this.#outcome.isGrpc);
    if (result >= 500 && isRefusal(head.headers)) {
      endpoint.onRefusal(nowMs);
    } else {
      endpoint.observeLatency(latencyMs, nowMs);
      endpoint.outlier?.onStatus(result, one.outlierGeneration);
    }
    const retry = this.#retry;
    if (retry.retriesMax > 0) {
      if (isRetriableAnswer(retry, head)) {
        if (this.#retryAnswer(one, head, nowMs) || this.#leaveToOthers(one)) return;
        this.#noteExhausted();
      } else if (this.#isRetried) {
        this.#cluster!.counts.retrySuccesses += 1;
      }
    }
    this.#outcome.noteHead(latencyMs, nowMs);
    if (head.status < 500) this.#breaker!.onAnswer();
    if (one !== this.#try || this.#others.length > 0) this.#settleOn(one);
    this.#isAnswered = true;
    if (head.bodyKind !== BODY_TUNNEL) this.body.release();
    one.disarmUntilHead();
    // Filters that change the answer may tell its client of it.
    this.#outcome.endpoint = endpoint;
    this.#handler.onAnswerHead(head);
  }

  onTryBody(one: UpstreamTry, bytes: Buffer, start: number, end: number): void {
    // A retry may have given this answer up in the middle of its bytes.
    if (this.#isActive && this.#isAnswered && one === this.#try) {
      this.#handler.onAnswerBody(bytes, start, end);
    }
  }

  onTryEnd(one: UpstreamTry, trailers: HeaderBlock | undefined): void {
    if (this.#isActive && this.#isAnswered && one === this.#try) {
      this.#handler.onAnswerEnd(trailers);
    }
  }

  /** The stream has ended by itself. */
  leaveStream(): void {
    this.#try.leave();
  }

  onTryFailed(one: UpstreamTry, failure: UpstreamFailure): void {
    const state = this.#tryState(one.stream !== undefined && !isUnprocessed(failure));
    one.end(this.#request.pick);
    if (!this.#isActive) return;
    if (failure.kind === "try-timeout" || failure.kind === "try-idle-timeout") {
      this.#cluster!.counts.tryTimeouts += 1;
    }
    const isRetriable = !this.#isAnswered && mayRetryFailure(this.#retry, failure, state);
    if (isRetriable && !one.isSuperseded && this.#admitRetry(!state.mayHaveArrived)) {
      this.#endSpan(one, 0, failure.kind);
      // Another endpoint may well be fine: only the same one, and a request that was sent, need a pause.
      if (state.mayHaveArrived || !this.#hasOtherEndpoint) this.#tryAgainLater();
      else this.connect(this.#server.nowMs());
      return;
    }
    if (!this.#isAnswered && this.#leaveToOthers(one)) return;
    if (!this.#isAnswered) this.#noteExhausted();
    this.#handler.onCallFailed(failure);
  }

  onTryDrain(one: UpstreamTry): void {
    if (one === this.#try) this.#handler.onRoom();
  }

  onTryTimeout(one: UpstreamTry, failure: UpstreamFailure): void {
    if (this.#retry.isHedged && !this.#isTunnel) {
      this.#hedge(one);
      return;
    }
    const { stream } = one;
    this.onTryFailed(one, failure);
    stream?.reset();
  }

  onRetryDue(): void {
    this.connect(this.#server.nowMs());
  }

  onFault(error: unknown): void {
    this.#handler.onFault(error);
  }

  #armTry(one: UpstreamTry): void {
    one.armTimeout(this.#timeouts.tryMs);
    one.armIdle(this.#timeouts.tryIdleMs);
  }

  #tryState(mayHaveArrived: boolean): TryState {
    return { attempts: this.#count, mayHaveArrived, canReplay: this.body.isWhole };
  }

  /** Whether the next try has an endpoint to choose other than the one that failed. */
  get #hasOtherEndpoint(): boolean {
    return this.#cluster!.eligible.length > 1;
  }

  /** Takes a place among the cluster's retries, until `end`. */
  #admitRetry(isUndelivered: boolean): boolean {
    const isAdmitted = this.#breaker!.admitRetry(!this.#isRetried, isUndelivered);
    this.#isRetried ||= isAdmitted;
    return isAdmitted;
  }

  /** Gives the answer up for another try. Returns false when it has to do. */
  #retryAnswer(one: UpstreamTry, head: ResponseHead, nowMs: number): boolean {
    if (one.isSuperseded || this.#count > this.#retry.retriesMax || !this.body.isWhole)
      return false;
    const { prng, wallMs } = this.#server;
    const toldMs = toldPauseMs(this.#retry, head.headers, wallMs(), prng);
    // An answer now is better than a timeout later.
    if (toldMs !== undefined && toldMs >= this.#timeouts.leftMs(nowMs)) return false;
    if (!this.#admitRetry(isUndelivered(head))) {
      // The answer that is not what it should be goes to the client: here is why.
      this.#outcome.flag = FLAG.UO;
      return false;
    }
    this.#endSpan(one, head.status, "");
    one.giveUp(this.#request.pick);
    this.#tryAgainLater(toldMs);
    return true;
  }

  #noteExhausted(): void {
    const { retriesMax } = this.#retry;
    if (retriesMax === 0 || this.#count <= retriesMax) return;
    this.#cluster!.counts.retriesExhausted += 1;
    this.#outcome.flag = FLAG.URX;
  }

  #tryAgainLater(pauseMs = retryPauseMs(this.#retry, this.#count, this.#server.prng)): void {
    this.#retryTimer ??= new RetryTimer(this.#server.timers.request, this);
    this.#retryTimer.arm(pauseMs);
  }

  /** The time of a try is over: another one begins beside it, if that is allowed; it goes on in any case. */
  #hedge(one: UpstreamTry): void {
    const mayRetry = this.#count <= this.#retry.retriesMax && this.body.isWhole;
    if (one !== this.#try || !mayRetry || !this.#admitRetry(false)) return;
    const { counts } = this.#cluster!;
    counts.hedges += 1;
    counts.tryTimeouts += 1;
    if (one.endpoint !== undefined) this.#request.pick.avoid(one.endpoint);
    one.isSuperseded = true;
    this.#others.push(one);
    this.#try = new UpstreamTry(this.#server.timers, this);
    this.#try.isUrgent = one.isUrgent;
    this.#tryAgainLater();
  }

  /** This try has come to nothing. Returns whether others may still be answered, or will be. */
  #leaveToOthers(one: UpstreamTry): boolean {
    if (one !== this.#try) {
      const isPending = this.#try.isUnderWay || this.#retryTimer?.isArmed === true;
      if (!isPending && this.#others.length < 2) {
        this.#settleOn(one);
        return false;
      }
      this.#others.splice(this.#others.indexOf(one), 1);
      this.#giveTryUp(one);
      return true;
    }
    if (this.#others.length === 0) return false;
    this.#giveTryUp(one);
    return this.#promoteOther();
  }

  /** The newest try is none any more. Returns whether an older one takes its place. */
  #promoteOther(): boolean {
    const other = this.#others.pop();
    if (other === undefined) return false;
    this.#try = other;
    return true;
  }

  /** All other tries end, and none follows. */
  #settleOn(one: UpstreamTry): void {
    this.#retryTimer?.disarm();
    if (one !== this.#try) {
      this.#others.splice(this.#others.indexOf(one), 1);
      this.#others.push(this.#try);
      this.#try = one;
    }
    this.#giveUpOthers();
  }

  #giveUpOthers(): void {
    while (this.#others.length > 0) this.#giveTryUp(this.#others.pop()!);
  }

  /** Another try answers in its place. */
  #giveTryUp(one: UpstreamTry): void {
    this.#endSpan(one, 0, "superseded");
    one.giveUp(this.#request.pick);
  }

  #endSpan(one: UpstreamTry, status: number, reason: string): void {
    this.#server.tracer?.endTry(this.#outcome, one, status, reason);
  }
}
