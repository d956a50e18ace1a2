/**
 * One request and its response: the router. Chooses route, cluster and endpoint, carries bytes both
 * ways with back-pressure, retries what provably never left, and records the outcome. An exchange
 * belongs to a server stream and is used again for the stream's next request.
 *
 *   idle ─ begin ─> waiting for a connection ─ ready ─> sending ─ answer ends ─> idle
 *                        │ failed, retries left │
 *                        └──────────────────────┘
 */
import type { ForwardAction } from "../decision/route.ts";
import type { RouteMatchResult } from "../decision/route-table.ts";
import type { ClusterChoice } from "../decision/weighted-clusters.ts";
import type { HeaderBlock } from "../http/header-block.ts";
import { BODY_NONE, BODY_TUNNEL, type RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { FLAG } from "../telemetry/response-flag.ts";
import { chooseCluster } from "./cluster-choice.ts";
import { type ExchangeTimerHandler, ExchangeTimers } from "./exchange-timers.ts";
import { becomeGrpcAnswer, isGrpcRequest } from "./grpc-answer.ts";
import { type GrpcWebCall, grpcWebCall, NOT_BASE64 } from "./grpc-web.ts";
import type { HttpServer } from "./http-server.ts";
import {
  breakForFailure,
  LOCAL_REPLY,
  type LocalReply,
  localAnswer,
  replyForFailure,
} from "./local-reply.ts";
import { mirrorOf } from "./mirrored-request.ts";
import { directHeaders, redirectHeaders } from "./own-answer-headers.ts";
import { redirectLocation } from "./redirect.ts";
import { RequestBody } from "./request-body.ts";
import { RequestOutcome } from "./request-outcome.ts";
import { isUnprocessed, mayRetryAnswer, mayRetryFailure, retryPauseMs } from "./retry-decision.ts";
import { applyRequestMutations, applyResponseMutations } from "./route-mutations.ts";
import { RoutedRequest } from "./routed-request.ts";
import type { ClientStream, ClientStreamHandler, ServerStream, UpstreamFailure } from "./stream.ts";
import { Tunnel, tunnelRefusal } from "./tunnel.ts";
import { UpstreamTries } from "./upstream-tries.ts";

/** Envoy's `response_code_details` of what routes answer. */
const DIRECT = "direct_response";

export class Exchange implements ClientStreamHandler, ExchangeTimerHandler {
  readonly #codec: ServerStream;
  /** Where answers are written to: the codec, or what translates for it. */
  #downstream: ServerStream;
  #web: GrpcWebCall | undefined;
  readonly #server: HttpServer;
  readonly #outcome: RequestOutcome;
  readonly #timers: ExchangeTimers;
  readonly #tries: UpstreamTries;
  readonly #request: RoutedRequest;
  readonly #requestBody = new RequestBody();
  readonly #tunnel = new Tunnel();

  #isActive = false;
  #isRequestEnded = false;
  #requestTrailers: HeaderBlock | undefined;
  #isHeadSent = false;

  #match: RouteMatchResult | undefined;
  #action: ForwardAction | undefined;
  #choice: ClusterChoice | undefined;
  /** The connection that is ready now was at hand. */
  #isInBegin = false;
  #sentAtMs = 0;

  constructor(downstream: ServerStream, server: HttpServer) {
    this.#codec = downstream;
    this.#downstream = downstream;
    this.#server = server;
    this.#request = new RoutedRequest(downstream);
    this.#outcome = new RequestOutcome(downstream);
    this.#timers = new ExchangeTimers(server.timers, this, downstream, server.nowMs);
    this.#tries = new UpstreamTries(server.clusters, this, downstream.connection.isHttp2);
  }

  begin(head: RequestHead): void {
    this.#reset(head);
    const server = this.#server;
    const request = this.#request;
    const path = request.normalize(server.config.pathNormalization);
    if (path.kind === "refused") {
      this.#reply(LOCAL_REPLY.pathInvalid, "");
      return;
    }
    if (path.kind === "redirect") {
      this.#redirectTo(307, path.path + request.search, undefined);
      return;
    }
    server.config.prepareRequest(this.#outcome, head.headers);
    const match = server.routeTable?.match(request);
    const refusal = tunnelRefusal(head, match, server.config, request.isHttp2);
    if (refusal !== undefined) this.#reply(refusal, head.upgrade);
    else if (match === undefined) this.#reply(LOCAL_REPLY.noRoute, "");
    else this.#act(match);
  }

  onRequestBody(bytes: Buffer, start: number, end: number): void {
    if (!this.#isActive) return;
    const stream = this.#tunnel.isHeld ? undefined : this.#tries.stream;
    const taken = this.#requestBody.take(stream, bytes, start, end);
    if (taken === "full") this.#downstream.pauseRequest();
    else if (taken === "malformed") this.abortRequest(400, NOT_BASE64);
  }

  onRequestEnd(trailers: HeaderBlock | undefined): void {
    this.#isRequestEnded = true;
    if (!this.#isActive) return;
    if (this.#tunnel.isWanted) {
      this.#onTunnelRequestEnd();
      return;
    }
    if (!this.#requestBody.finish()) {
      this.abortRequest(400, NOT_BASE64);
      return;
    }
    this.#requestTrailers = trailers;
    // Envoy's reading of the route timeout: from here to the end of the response.
    this.#timers.armResponse(this.#action!.timeoutMs, this.#server.nowMs());
    const stream = this.#tries.stream;
    if (stream !== undefined) {
      stream.sendEnd(trailers);
      this.#timers.armTry(this.#action!.retry.perTryTimeoutMs);
    }
  }

  onDownstreamDrain(): void {
    this.#tries.stream?.resumeResponse();
  }

  /** No request will come any more. */
  release(): void {
    this.onDownstreamClosed();
    this.#timers.release();
  }

  onDownstreamClosed(): void {
    if (!this.#isActive) return;
    this.#outcome.fail(FLAG.DC, "downstream_remote_disconnect", "");
    this.#giveUpUpstream();
    this.#finish();
  }

  /** The bytes of a request were refused before it could begin. */
  refuse(reply: LocalReply, status: number, reason: string): void {
    this.#reset(undefined);
    this.#reply({ ...reply, status }, reason);
  }

  /** The body of the request under way is malformed. */
  abortRequest(status: number, reason: string): void {
    if (!this.#isActive) return;
    this.#giveUpUpstream();
    if (this.#isHeadSent) this.#cut(FLAG.DPE, LOCAL_REPLY.downstreamProtocolError.details, reason);
    else this.#reply({ ...LOCAL_REPLY.downstreamProtocolError, status }, reason);
  }

  onStreamReady(stream: ClientStream): void {
    this.#tries.onReady(stream);
    // A connection that was at hand costs no time: the clock need not be read again.
    this.#sentAtMs = this.#isInBegin ? this.#outcome.startMs : this.#server.nowMs();
    const { head, target, authority } = this.#request;
    stream.sendHead(head!, target, authority);
    if (!this.#tunnel.isWanted) this.#requestBody.sendTo(stream);
    if (this.#isRequestEnded || this.#tunnel.isWanted) {
      if (!this.#tunnel.isWanted) stream.sendEnd(this.#requestTrailers);
      this.#timers.armTry(this.#action!.retry.perTryTimeoutMs);
    } else {
      this.#downstream.resumeRequest();
    }
  }

  onInterim(head: ResponseHead): void {
    this.#downstream.sendInterim(head);
  }

  onResponseHead(head: ResponseHead): void {
    const server = this.#server;
    const outcome = this.#outcome;
    const nowMs = server.nowMs();
    outcome.upstreamTimeMs = nowMs - this.#sentAtMs;
    this.#tries.endpoint!.observeLatency(outcome.upstreamTimeMs, nowMs);
    const retry = this.#action!.retry;
    const mayRetry = retry.retriesMax > 0 && mayRetryAnswer(retry, head, this.#tryState(true));
    if (mayRetry && this.#tries.admitRetry()) {
      this.#giveUpUpstream();
      this.#tryAgainLater();
      return;
    }
    outcome.status = this.#tunnel.settledStatus(head, this.#request.isHttp2);
    outcome.details = "via_upstream";
    outcome.noteGrpcStatus(head.headers);
    this.#isHeadSent = true;
    const isTunnel = head.bodyKind === BODY_TUNNEL;
    if (!isTunnel) this.#requestBody.release();
    this.#timers.disarmTry();
    applyResponseMutations(this.#match!, this.#choice, head.headers);
    server.config.prepareResponse(outcome, head.headers);
    this.#downstream.sendHead(head);
    if (isTunnel) this.#openTunnel();
  }

  onResponseBody(bytes: Buffer, start: number, end: number): void {
    // Not active: a retry gave this answer up in the middle of its bytes.
    if (!this.#isActive || !this.#isHeadSent) return;
    if (!this.#downstream.sendBody(bytes, start, end)) this.#tries.stream?.pauseResponse();
  }

  onResponseEnd(trailers: HeaderBlock | undefined): void {
    if (this.#tunnel.isOpen && !this.#isRequestEnded) {
      this.#tunnel.hasResponseEnded = true;
      this.#downstream.sendEnd(undefined);
      this.#armIdle();
      return;
    }
    if (trailers !== undefined) this.#outcome.noteGrpcStatus(trailers);
    this.#tries.leaveStream();
    this.#downstream.sendEnd(trailers);
    this.#finish();
  }

  onUpstreamFailure(failure: UpstreamFailure): void {
    const state = this.#tryState(this.#tries.stream !== undefined && !isUnprocessed(failure));
    this.#timers.disarmTry();
    this.#tries.onFailed();
    if (!this.#isActive) return;
    const reason = "reason" in failure ? failure.reason : "";
    if (this.#isHeadSent) {
      const { flag, details } = breakForFailure(failure);
      this.#cut(flag, details, reason);
    } else if (mayRetryFailure(this.#action!.retry, failure, state) && this.#tries.admitRetry()) {
      // Another endpoint may well be fine: only the same one, and a request that was sent, need a pause.
      if (state.mayHaveArrived || !this.#tries.hasOtherEndpoint) this.#tryAgainLater();
      else this.#connect(this.#server.nowMs());
    } else {
      this.#reply(replyForFailure(failure), reason);
    }
  }

  onUpstreamDrain(): void {
    this.#downstream.resumeRequest();
  }

  onResponseTimeout(): void {
    this.#giveUp(LOCAL_REPLY.upstreamTimeout);
  }

  onTryTimeout(): void {
    const { stream } = this.#tries;
    this.onUpstreamFailure({ kind: "try-timeout" });
    stream?.reset();
  }

  onRetryDue(): void {
    this.#connect(this.#server.nowMs());
  }

  onIdle(): void {
    const isAnswerDue = this.#isRequestEnded || this.#tunnel.isWanted;
    this.#giveUp(isAnswerDue ? LOCAL_REPLY.answerIdle : LOCAL_REPLY.requestIdle);
  }

  /** A callback has thrown: the stream breaks off, and its end ends this exchange. */
  onFault(error: unknown): void {
    this.#server.faults.report("exchange", error);
    this.#downstream.reset();
    this.onDownstreamClosed();
  }

  #reset(head: RequestHead | undefined): void {
    const request = this.#request;
    request.begin(head);
    this.#web = this.#server.config.hasGrpcWeb ? grpcWebCall(head, this.#codec) : undefined;
    this.#downstream = this.#web ?? this.#codec;
    this.#outcome.begin(head, request.httpVersion, this.#server.nowMs());
    this.#outcome.isGrpc = this.#web !== undefined || isGrpcRequest(head);
    this.#tunnel.begin(request.isForTunnel);
    this.#tries.reset();
    this.#isActive = true;
    this.#isRequestEnded = false;
    this.#requestTrailers = undefined;
    this.#isHeadSent = false;
    this.#match = undefined;
    this.#action = undefined;
    this.#choice = undefined;
  }

  /** The upstream has accepted, and the client been told. */
  #openTunnel(): void {
    const stream = this.#tries.stream!;
    this.#tunnel.open();
    // As in Envoy, the route's timeout is for the answer, which has come.
    this.#timers.disarmResponse();
    this.#requestBody.sendTo(stream);
    this.#requestBody.release();
    if (this.#isRequestEnded) stream.sendEnd(undefined);
    this.#downstream.resumeRequest();
    this.#armIdle();
  }

  /** The client sends no more; the upstream may. */
  #onTunnelRequestEnd(): void {
    if (!this.#tunnel.isOpen) return;
    this.#tries.stream!.sendEnd(undefined);
    if (!this.#tunnel.hasResponseEnded) {
      this.#armIdle();
      return;
    }
    this.#tries.leaveStream();
    this.#finish();
  }

  #act(match: RouteMatchResult): void {
    this.#match = match;
    this.#outcome.routeName = match.route.name;
    const { action } = match.route;
    const request = this.#request;
    switch (action.kind) {
      case "forward":
        this.#forward(action, match);
        break;
      case "redirect":
        this.#redirectTo(action.status, redirectLocation(action, request, request.search), match);
        break;
      case "direct":
        this.#sendOwn(action.status, DIRECT, directHeaders(action.body, match), action.body);
        break;
    }
  }

  #forward(action: ForwardAction, match: RouteMatchResult): void {
    const server = this.#server;
    const request = this.#request;
    const head = request.head!;
    this.#action = action;
    const choice = chooseCluster(action.split, request, server.prng);
    this.#choice = choice;
    this.#outcome.clusterName = choice.cluster;
    const cluster = server.clusters.get(choice.cluster);
    if (cluster === undefined) {
      const status = action.clusterNotFoundStatus;
      this.#reply({ ...LOCAL_REPLY.clusterNotFound, status }, choice.cluster);
      return;
    }
    this.#outcome.service = cluster.service;
    applyRequestMutations(match, choice, head.headers, request.httpVersion);
    request.rewrite(action, choice, server.config);
    const mirrored = action.mirrors.length > 0 ? mirrorOf(action, request, server) : undefined;
    server.config.announceTimeout(head.headers, action);
    if (!this.#tries.begin(cluster)) {
      this.#reply(LOCAL_REPLY.overflow, cluster.name);
      return;
    }
    if (mirrored !== undefined || head.bodyKind !== BODY_NONE) {
      this.#requestBody.begin(action.retry, this.#web, mirrored);
    }
    this.#armIdle(this.#outcome.startMs);
    // Its request does not end before its answer: the route's timeout counts from here.
    if (this.#tunnel.isWanted) this.#timers.armResponse(action.timeoutMs, this.#outcome.startMs);
    this.#isInBegin = true;
    this.#connect(this.#outcome.startMs);
    this.#isInBegin = false;
  }

  #connect(nowMs: number): void {
    const outcome = this.#tries.connect(nowMs);
    if (outcome === "asked") return;
    const reply = outcome === "overflow" ? LOCAL_REPLY.overflow : LOCAL_REPLY.noHealthyUpstream;
    this.#reply(reply, this.#outcome.clusterName);
  }

  #tryState(mayHaveArrived: boolean) {
    return {
      attempts: this.#tries.count,
      mayHaveArrived,
      canReplay: this.#requestBody.isWhole,
    };
  }

  #tryAgainLater(): void {
    const pauseMs = retryPauseMs(this.#action!.retry, this.#tries.count, this.#server.prng);
    this.#timers.armRetry(pauseMs);
  }

  #giveUpUpstream(): void {
    this.#timers.disarmTry();
    this.#timers.disarmRetry();
    this.#tries.giveUp();
  }

  #armIdle(nowMs = this.#server.nowMs()): void {
    const ms = this.#tunnel.idleMs(this.#action!, this.#server.config, this.#isRequestEnded);
    this.#timers.armIdle(ms, nowMs);
  }

  /** A time limit is over. */
  #giveUp(reply: LocalReply): void {
    this.#giveUpUpstream();
    // The rest of a request that does not come is not waited for twice.
    if (!this.#isRequestEnded) this.#downstream.closeAfterResponse();
    if (this.#isHeadSent) this.#cut(reply.flag, reply.details, "");
    else this.#reply(reply, "");
  }

  #redirectTo(status: number, location: string, match: RouteMatchResult | undefined): void {
    this.#sendOwn(status, DIRECT, redirectHeaders(location, match), "");
  }

  #reply(reply: LocalReply, reason: string): void {
    this.#outcome.flag = reply.flag;
    this.#outcome.failureReason = reason;
    const { headers, body } = localAnswer(reply, reason, this.#request.head?.headers, this.#match);
    this.#sendOwn(reply.status, reply.details, headers, body);
  }

  /** A response of this proxy's own. */
  #sendOwn(status: number, details: string, headers: HeaderBlock, body: string): void {
    const outcome = this.#outcome;
    outcome.status = status;
    outcome.details = details;
    this.#isHeadSent = true;
    if (outcome.isGrpc) {
      outcome.status = 200;
      outcome.grpcStatus = becomeGrpcAnswer(status, headers, body);
    }
    this.#server.config.prepareOwnAnswer(outcome.flag, headers);
    this.#downstream.sendLocal(outcome.status, headers, outcome.isGrpc ? "" : body);
    this.#finish();
  }

  /** Breaks a response off that has begun, so that the client cannot take it for complete. */
  #cut(flag: number, details: string, reason: string): void {
    this.#outcome.fail(flag, details, reason);
    this.#downstream.reset();
    this.#finish();
  }

  #finish(): void {
    if (!this.#isActive) return;
    this.#isActive = false;
    this.#timers.disarmAll();
    this.#requestBody.reset();
    this.#tries.end();
    this.#outcome.endpoint = this.#tries.endpoint;
    this.#outcome.attempts = this.#tries.count;
    this.#server.record(this.#outcome);
  }
}
