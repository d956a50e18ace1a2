/**
 * One request and its response: the router. Leads it through the filters, forwards it to its cluster, carries bytes
 * both ways with back-pressure, and records the outcome. An exchange belongs to a server stream and is used again
 * for the stream's next request.
 *
 *   idle ─ begin ─> filters ─> route ─ forward ─> upstream call ─ answer ends ─> idle
 *                      └─ answered ──┴─ redirect, direct ───────────────────────┘
 */
import type { ForwardAction } from "../decision/route.ts";
import type { RouteMatchResult } from "../decision/route-table.ts";
import type { HeaderBlock } from "../http/header-block.ts";
import { BODY_NONE, BODY_TUNNEL, type RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { GRPC_STATUS } from "../telemetry/grpc-status.ts";
import { FLAG } from "../telemetry/response-flag.ts";
import { addHashCookie } from "./cluster-choice.ts";
import { ExchangeAnswer } from "./exchange-answer.ts";
import { type ExchangeTimerHandler, ExchangeTimers } from "./exchange-timers.ts";
import { FilterRun, type FilterRunOwner } from "./filters/filter-run.ts";
import type { RequestTransform } from "./filters/http-filter.ts";
import { tunnelDenial } from "./filters/tunnel-judgement.ts";
import { isGrpcRequest } from "./grpc-answer.ts";
import type { HttpServer } from "./http-server.ts";
import {
  atFault,
  breakForFailure,
  LOCAL_REPLY,
  type LocalReply,
  replyForFailure,
} from "./local-reply.ts";
import { mirrorOf } from "./mirrored-request.ts";
import { directHeaders, redirectHeaders } from "./own-answer-headers.ts";
import { redirectLocation } from "./redirect.ts";
import { admitRequest } from "./request-arrival.ts";
import { RequestOutcome } from "./request-outcome.ts";
import { RequestRoute } from "./request-route.ts";
import { RequestTimeouts } from "./request-timeouts.ts";
import { RoutedRequest } from "./routed-request.ts";
import type { ServerStream, UpstreamFailure } from "./stream.ts";
import { Tunnel, tunnelRefusal } from "./tunnel.ts";
import { UpstreamCall, type UpstreamCallHandler } from "./upstream-call.ts";

/** Envoy's `response_code_details` of what routes answer. */
const DIRECT = "direct_response";

export class Exchange implements UpstreamCallHandler, ExchangeTimerHandler, FilterRunOwner {
  readonly #downstream: ServerStream;
  readonly #server: HttpServer;
  readonly outcome: RequestOutcome;
  readonly answer: ExchangeAnswer;
  readonly #timers: ExchangeTimers;
  readonly #timeouts = new RequestTimeouts();
  readonly #call: UpstreamCall;
  readonly request: RoutedRequest;
  readonly route: RequestRoute;
  /** Undefined for requests that ask for none. */
  #tunnel: Tunnel | undefined;
  /** Made for the first request that meets filters. */
  #filters: FilterRun | undefined;

  #isActive = false;
  #isRequestEnded = false;
  #requestTrailers: HeaderBlock | undefined;

  constructor(downstream: ServerStream, server: HttpServer) {
    this.#downstream = downstream;
    this.#server = server;
    this.request = new RoutedRequest(downstream);
    this.route = new RequestRoute(this.request, downstream, server);
    this.outcome = new RequestOutcome(downstream);
    this.answer = new ExchangeAnswer(downstream, server, this.outcome);
    this.#timers = new ExchangeTimers(server.timers, this, downstream, server.nowMs);
    this.#call = new UpstreamCall(server, this, this.request, this.outcome, this.#timeouts);
  }

  begin(head: RequestHead): void {
    this.#reset(head);
    const server = this.#server;
    const request = this.request;
    const arrival = admitRequest(request, this.outcome, server.config);
    if (arrival.kind === "refused") {
      this.reply(arrival.reply, "");
      return;
    }
    if (arrival.kind === "redirected") {
      this.#redirectTo(307, arrival.path + request.search, undefined);
      return;
    }
    const match = this.route.lookUp();
    const refusal = tunnelRefusal(head, match, server.config, request.isHttp2);
    if (refusal !== undefined) {
      this.reply(refusal, head.upgrade);
      return;
    }
    this.route.match = match;
    server.tracer?.begin(head.headers, this.outcome, match);
    const { filters } = server;
    if (filters.length === 0) {
      this.onFiltersPassed();
      return;
    }
    this.#filters ??= new FilterRun(this, server);
    this.#filters.begin(filters);
  }

  onFiltersPassed(): void {
    const { match } = this.route;
    if (match === undefined) this.reply(LOCAL_REPLY.noRoute, "");
    else this.#act(match);
  }

  transformRequest(transform: RequestTransform): void {
    this.#call.body.transformBy(transform);
  }

  onRequestBody(bytes: Buffer, start: number, end: number): void {
    this.answer.noteRequestBody(bytes, start, end);
    const isTaken = (this.#filters?.pacer ?? this).take(bytes, start, end);
    if (!isTaken) this.#downstream.pauseRequest();
  }

  onRequestEnd(trailers: HeaderBlock | undefined): void {
    (this.#filters?.pacer ?? this).takeEnd(trailers);
  }

  take(bytes: Buffer, start: number, end: number): boolean {
    if (!this.#isActive) return true;
    if (this.outcome.isGrpc) this.outcome.messages?.request.take(bytes, start, end);
    const taken = this.#call.sendBody(bytes, start, end, this.#tunnel?.isOpen === false);
    if (taken === "malformed") this.abortRequest(400, this.#call.body.malformedReason);
    return taken !== "full";
  }

  takeEnd(trailers: HeaderBlock | undefined): void {
    this.#isRequestEnded = true;
    if (!this.#isActive) return;
    if (this.#tunnel !== undefined) {
      this.#onTunnelRequestEnd(this.#tunnel);
      return;
    }
    if (this.route.action === undefined) this.#requestTrailers = trailers;
    else if (this.#onRequestWhole(trailers)) this.#call.sendEnd(trailers, false);
  }

  /** All of it has come, and it has a route. Returns false when it is malformed, and answered. */
  #onRequestWhole(trailers: HeaderBlock | undefined): boolean {
    if (!this.#call.body.finish(trailers)) {
      this.abortRequest(400, this.#call.body.malformedReason);
      return false;
    }
    // Envoy's reading of the route timeout: from here to the end of the response.
    const cameAtOnce = this.#filters === undefined && this.request.head!.bodyKind === BODY_NONE;
    const nowMs = cameAtOnce ? this.outcome.startMs : this.#server.nowMs();
    this.#timeouts.requestEndMs = nowMs;
    this.outcome.requestEndMs = nowMs;
    this.#timers.armResponse(this.#timeouts.answerMs, nowMs);
    return true;
  }

  onDownstreamDrain(): void {
    if (this.#filters === undefined || this.#filters.onDrain()) this.#call.resumeAnswer();
  }

  resumeAnswer(): void {
    this.#call.resumeAnswer();
  }

  /** Behind its last word: no request will come any more. */
  release(): void {
    this.#timers.release();
  }

  onDownstreamClosed(): void {
    if (!this.#isActive) return;
    this.outcome.fail(FLAG.DC, "downstream_remote_disconnect", "");
    this.#call.giveUp();
    this.#finish();
  }

  /** The client resets a request that has not begun. */
  takeBack(head: RequestHead): void {
    this.#reset(head);
    this.onDownstreamClosed();
  }

  /** This process has no more time. A gRPC client whose answer has begun is told to call again. */
  endEarly(): void {
    if (!this.#isActive || !this.outcome.isGrpc || !this.answer.isBegun) return;
    this.#call.giveUp();
    this.answer.endGrpc(GRPC_STATUS.unavailable, "the sidecar stopped; call again");
    this.#finish();
  }

  /** Configuration has changed: a tunnel that filters would not let in any more is cut. */
  judgeTunnel(): void {
    if (!this.#isActive || this.#tunnel?.isOpen !== true) return;
    const denial = tunnelDenial(this.#server.filters, this.route.match, this.request, this.outcome);
    if (denial === undefined) return;
    this.#call.giveUp();
    this.breakOff(FLAG.UAEX, denial.details, denial.reason);
  }

  /** The bytes of a request were refused before it could begin. */
  refuse(reply: LocalReply, status: number, reason: string, head?: RequestHead): void {
    this.#reset(head);
    this.reply({ ...reply, status }, reason);
  }

  /** The body of the request under way is malformed. */
  abortRequest(status: number, reason: string): void {
    if (!this.#isActive) return;
    this.#call.giveUp();
    const reply = LOCAL_REPLY.downstreamProtocolError;
    if (this.answer.isBegun) this.breakOff(reply.flag, reply.details, reason);
    else this.reply({ ...reply, status }, reason);
  }

  onInterim(head: ResponseHead): void {
    this.answer.stream.sendInterim(head);
  }

  onAnswerHead(head: ResponseHead): void {
    const outcome = this.outcome;
    outcome.status = this.#tunnel?.settledStatus(head, this.request.isHttp2) ?? head.status;
    outcome.details = "via_upstream";
    outcome.noteGrpcStatus(head.headers);
    addHashCookie(this.route.action!, this.request, head.headers);
    this.answer.sendHead(head, this.route.match!, this.route.choice);
    if (head.bodyKind === BODY_TUNNEL) this.#openTunnel(this.#tunnel!);
  }

  onAnswerBody(bytes: Buffer, start: number, end: number): void {
    this.answer.noteBody(bytes, start, end);
    if (this.outcome.isGrpc) this.outcome.messages?.response.take(bytes, start, end);
    if (!this.answer.stream.sendBody(bytes, start, end)) this.#call.pauseAnswer();
  }

  onAnswerEnd(trailers: HeaderBlock | undefined): void {
    if (this.#tunnel?.isOpen === true && !this.#isRequestEnded) {
      this.#tunnel.hasResponseEnded = true;
      this.answer.stream.sendEnd(undefined);
      this.#armIdle();
      return;
    }
    if (trailers !== undefined) this.answer.noteTrailers(trailers);
    this.#call.leaveStream();
    this.answer.stream.sendEnd(trailers);
    this.#onAnswerGiven();
  }

  onAnswerSent(): void {
    this.#finish();
  }

  onRoom(): void {
    if (this.#filters?.onRequestRoom() !== true) this.#downstream.resumeRequest();
  }

  onCallFailed(failure: UpstreamFailure): void {
    const reason = "reason" in failure ? failure.reason : "";
    if (!this.answer.isBegun) {
      this.reply(replyForFailure(failure, this.#isRequestEnded), reason);
      return;
    }
    const { flag, details } = breakForFailure(failure);
    this.breakOff(flag, details, reason);
  }

  onNoConnection(outcome: "no-endpoint" | "overflow"): void {
    const reply = outcome === "overflow" ? LOCAL_REPLY.overflow : LOCAL_REPLY.noHealthyUpstream;
    this.reply(reply, this.outcome.clusterName);
  }

  onResponseTimeout(): void {
    this.#call.noteTimeout();
    this.#giveUp(LOCAL_REPLY.upstreamTimeout);
  }

  onStreamDuration(): void {
    this.#giveUp(atFault(LOCAL_REPLY.streamDuration, this.#isRequestEnded));
  }

  onIdle(): void {
    const isAnswerDue = this.#isRequestEnded || this.#tunnel !== undefined;
    this.#giveUp(isAnswerDue ? LOCAL_REPLY.answerIdle : LOCAL_REPLY.requestIdle);
  }

  /** A callback has thrown: the stream breaks off, and its end ends this exchange. */
  onFault(error: unknown): void {
    this.#server.faults.report("exchange", error);
    this.#downstream.reset();
    this.onDownstreamClosed();
  }

  #reset(head: RequestHead | undefined): void {
    const request = this.request;
    request.begin(head);
    this.answer.begin(head?.headers);
    this.outcome.begin(head, request.httpVersion, this.#server.nowMs());
    this.outcome.isGrpc = isGrpcRequest(head);
    if (this.outcome.isGrpc) this.#server.beginMessages(this.outcome);
    this.#tunnel = request.isForTunnel ? new Tunnel() : undefined;
    this.#call.reset();
    this.#isActive = true;
    this.#isRequestEnded = false;
    this.#requestTrailers = undefined;
    this.route.begin();
  }

  /** The upstream has accepted, and the client been told. */
  #openTunnel(tunnel: Tunnel): void {
    tunnel.isOpen = true;
    // As in Envoy, the route's timeout is for the answer, which has come.
    this.#timers.disarmResponse();
    this.#call.openTunnel();
    this.#downstream.resumeRequest();
    this.#armIdle();
  }

  /** The client sends no more; the upstream may. */
  #onTunnelRequestEnd(tunnel: Tunnel): void {
    this.#call.sendEnd(undefined, !tunnel.isOpen);
    if (tunnel.isOpen && tunnel.hasResponseEnded) {
      this.#call.leaveStream();
      this.#finish();
    } else if (tunnel.isOpen) this.#armIdle();
  }

  #act(match: RouteMatchResult): void {
    this.outcome.routeName = match.route.name;
    const { action } = match.route;
    const request = this.request;
    switch (action.kind) {
      case "forward":
        this.#forward(action, match);
        break;
      case "redirect":
        this.#redirectTo(action.status, redirectLocation(action, request, request.search), match);
        break;
      case "direct":
        this.sendOwn(action.status, DIRECT, directHeaders(action.body, match), action.body);
        break;
    }
  }

  #forward(action: ForwardAction, match: RouteMatchResult): void {
    const server = this.#server;
    const request = this.request;
    const head = request.head!;
    const cluster = this.route.take(action, this.outcome);
    if (cluster === undefined) {
      const status = action.clusterNotFoundStatus;
      this.reply({ ...LOCAL_REPLY.clusterNotFound, status }, this.outcome.clusterName);
      return;
    }
    this.route.apply(action, match);
    const mirrored =
      action.mirrors.length > 0 ? mirrorOf(action, request, this.outcome, server) : undefined;
    const retry = this.#timeouts.settle(action, request, this.outcome, server.config);
    this.answer.tellsAttempts = action.tellsClientAttempts;
    if (!this.#call.begin(cluster, retry, action.isUrgent)) {
      mirrored?.cancel();
      this.reply(LOCAL_REPLY.overflow, cluster.name);
      return;
    }
    if (mirrored !== undefined || head.bodyKind !== BODY_NONE) {
      this.#call.body.begin(retry, mirrored);
    }
    if (this.#isRequestEnded && !this.#sendHeldEnd()) return;
    const nowMs = this.#filters === undefined ? this.outcome.startMs : server.nowMs();
    this.#armIdle(nowMs);
    // Its request does not end before its answer: the route's timeout counts from here.
    if (this.#tunnel !== undefined) this.#timers.armResponse(this.#timeouts.answerMs, nowMs);
    if (this.#timeouts.streamMs > 0) {
      this.#timers.armStream(this.#timeouts.streamLeftMs(nowMs));
    }
    this.#call.connect(nowMs);
  }

  /** Filters held the request until it was whole. Returns false when it is malformed, and answered. */
  #sendHeldEnd(): boolean {
    if (this.#tunnel === undefined && !this.#onRequestWhole(this.#requestTrailers)) return false;
    this.#call.sendEnd(this.#requestTrailers, this.#tunnel !== undefined);
    return true;
  }

  #armIdle(nowMs = this.#server.nowMs()): void {
    const isLive = this.#tunnel?.isLive(this.#isRequestEnded) === true;
    const ofStream = isLive ? 0 : this.#server.config.streamIdleTimeoutMs;
    this.#timers.armIdle(this.route.action!.idleTimeoutMs ?? ofStream, nowMs);
  }

  /** A time limit is over. */
  #giveUp(reply: LocalReply): void {
    this.#call.giveUp();
    // The rest of a request that does not come is not waited for twice.
    if (!this.#isRequestEnded) this.#downstream.closeAfterResponse();
    if (this.answer.isBegun) this.breakOff(reply.flag, reply.details, "");
    else this.reply(reply, "");
  }

  #redirectTo(status: number, location: string, match: RouteMatchResult | undefined): void {
    this.sendOwn(status, DIRECT, redirectHeaders(location, match), "");
  }

  reply(reply: LocalReply, reason: string): void {
    this.answer.reply(reply, reason, this.request.head?.headers, this.route.match);
    this.#onAnswerGiven();
  }

  /** A response of this proxy's own. */
  sendOwn(status: number, details: string, headers: HeaderBlock, body: string): void {
    this.answer.sendOwn(status, details, headers, body);
    this.#onAnswerGiven();
  }

  sendStored(head: ResponseHead, details: string): void {
    this.answer.sendStored(head, details);
    this.answer.stream.sendEnd(undefined);
    // Of a client that takes nothing, nothing else would notice.
    if (this.#filters?.isHolding === true) {
      this.#timers.armIdle(this.#server.config.streamIdleTimeoutMs, this.#server.nowMs());
    }
    this.#onAnswerGiven();
  }

  /** The answer is complete, but for what filters keep of it. */
  #onAnswerGiven(): void {
    if (this.#filters?.isHolding === true) this.#timers.disarmResponse();
    else this.#finish();
  }

  breakOff(flag: number, details: string, reason: string): void {
    this.answer.cut(flag, details, reason);
    this.#finish();
  }

  #finish(): void {
    if (!this.#isActive) return;
    this.#isActive = false;
    this.#filters?.cancel();
    this.#timers.disarmAll();
    this.#call.end();
    this.outcome.metadata = this.request.metadata;
    this.#server.tracer?.end(this.outcome);
    this.#server.record(this.outcome);
  }
}
