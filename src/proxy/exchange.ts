/**
 * One request and its response: the router. Chooses route, cluster and endpoint, carries bytes both
 * ways with back-pressure, retries what provably never left, and records the outcome. An exchange
 * belongs to a server stream and is used again for the stream's next request.
 *
 *   idle ─ begin ─> waiting for a connection ─ ready ─> sending ─ answer ends ─> idle
 *                        │ failed, retries left │
 *                        └──────────────────────┘
 */
import { TimerEntry } from "../core/timer-wheel.ts";
import { applyMutations } from "../decision/header-mutation.ts";
import type { RequestView } from "../decision/request-view.ts";
import type { DirectResponse, ForwardAction } from "../decision/route.ts";
import type { RouteMatchResult } from "../decision/route-table.ts";
import { type ClusterChoice, choiceAt } from "../decision/weighted-clusters.ts";
import type { HeaderBlock } from "../http/header-block.ts";
import { HEADER } from "../http/header-name.ts";
import { BODY_NONE, type RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { FLAG, RESPONSE_FLAGS } from "../telemetry/response-flag.ts";
import type { Cluster } from "./cluster.ts";
import type { Endpoint } from "./endpoint.ts";
import type { HttpServer } from "./http-server.ts";
import { LOCAL_REPLY, type LocalReply, localReplyBody, replyForFailure } from "./local-reply.ts";
import { sendMirrors } from "./mirror.ts";
import { ownAnswerLines } from "./own-answer-lines.ts";
import { PendingBody } from "./pending-body.ts";
import { redirectLocation } from "./redirect.ts";
import { RequestOutcome } from "./request-outcome.ts";
import { canonicalPath } from "./request-path.ts";
import { mayRetryFailure, mayRetryStatus, type TryState } from "./retry-decision.ts";
import type { ClientStream, ClientStreamHandler, ServerStream, UpstreamFailure } from "./stream.ts";

export class Exchange implements RequestView, ClientStreamHandler {
  readonly #downstream: ServerStream;
  readonly #server: HttpServer;
  readonly #outcome: RequestOutcome;
  readonly #timeout: TimerEntry;
  readonly #tryTimeout: TimerEntry;
  readonly #idleTimeout: TimerEntry;
  readonly #pendingBody = new PendingBody();

  method = "";
  path = "";
  query = "";
  authority = "";
  #head: RequestHead | undefined;
  /** What is sent upstream as request target. */
  #target = "";
  #isActive = false;
  #isRequestEnded = false;
  #requestTrailers: HeaderBlock | undefined;
  #isHeadSent = false;

  #match: RouteMatchResult | undefined;
  #action: ForwardAction | undefined;
  #choice: ClusterChoice | undefined;
  #cluster: Cluster | undefined;
  #endpoint: Endpoint | undefined;
  #failedEndpoint: Endpoint | undefined;
  #stream: ClientStream | undefined;
  /** In an endpoint's queue for a connection. */
  #isWaiting = false;
  /** Counted against the cluster's limit of requests. */
  #isCounted = false;
  /** Within `begin`: the server stream flushes the upstream at the end of its turn. */
  #isInBegin = false;
  #sentAtMs = 0;
  #bytesWhenIdleArmed = 0;

  constructor(downstream: ServerStream, server: HttpServer) {
    this.#downstream = downstream;
    this.#server = server;
    this.#outcome = new RequestOutcome(downstream.connection, downstream);
    this.#timeout = new TimerEntry(() => this.#onTimeout(LOCAL_REPLY.upstreamTimeout));
    this.#tryTimeout = new TimerEntry(() => this.#onTryTimeout());
    this.#idleTimeout = new TimerEntry(() => this.#onIdleTimeout());
  }

  get scheme(): string {
    return this.#downstream.connection.scheme;
  }

  header(lowerName: string): string | undefined {
    return this.#head?.headers.get(lowerName);
  }

  headerValues(lowerName: string): readonly string[] {
    return this.#head?.headers.valuesOf(lowerName) ?? [];
  }

  begin(head: RequestHead): void {
    this.#reset(head);
    const server = this.#server;
    // RFC 9110 section 7.8: an Upgrade may be ignored; clients that offer h2c go on in HTTP/1.1.
    if (head.upgrade !== "" && head.upgrade.toLowerCase() !== "h2c") {
      this.#reply(LOCAL_REPLY.upgradeRefused, `Upgrade: ${head.upgrade}`);
      return;
    }
    if (head.method === "CONNECT") {
      this.#reply(LOCAL_REPLY.connectRefused, "");
      return;
    }
    const path = canonicalPath(head, server.config.pathNormalization);
    if (path.kind === "refused") {
      this.#reply(LOCAL_REPLY.pathInvalid, "");
      return;
    }
    this.path = path.path;
    this.query = head.queryAt < 0 ? "" : head.target.slice(head.queryAt + 1);
    if (path.kind === "redirect") {
      this.#redirectTo(307, path.path + this.#search, undefined);
      return;
    }
    server.config.prepareRequest(this.#outcome, head.headers);
    this.#match = server.routeTable?.match(this);
    if (this.#match === undefined) this.#reply(LOCAL_REPLY.noRoute, "");
    else this.#act(this.#match);
  }

  onRequestBody(bytes: Buffer, start: number, end: number): void {
    if (!this.#isActive) return;
    const stream = this.#stream;
    const hasRoom =
      stream === undefined
        ? this.#pendingBody.add(bytes, start, end)
        : stream.sendBody(bytes, start, end);
    if (!hasRoom) this.#downstream.pauseRequest();
  }

  onRequestEnd(trailers: HeaderBlock | undefined): void {
    this.#isRequestEnded = true;
    if (!this.#isActive) return;
    this.#requestTrailers = trailers;
    this.#stream?.sendEnd(trailers);
    const timeoutMs = this.#action?.timeoutMs ?? 0;
    if (timeoutMs > 0) this.#server.timers.request.arm(this.#timeout, timeoutMs);
    if (this.#stream !== undefined) this.#armTryTimeout();
  }

  /** The downstream's turn is over: what was gathered for the upstream leaves now. */
  flushUpstream(): void {
    this.#stream?.flush();
  }

  onDownstreamDrain(): void {
    this.#stream?.resumeResponse();
  }

  onDownstreamClosed(): void {
    if (!this.#isActive) return;
    const outcome = this.#outcome;
    outcome.flag = FLAG.DC;
    outcome.details = "downstream_remote_disconnect";
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
    this.#isWaiting = false;
    this.#stream = stream;
    this.#endpoint!.onRequestStart();
    // A connection that was at hand costs no time: the clock need not be read again.
    this.#sentAtMs = this.#isInBegin ? this.#outcome.startMs : this.#server.nowMs();
    stream.sendHead(this.#head!, this.#target, this.authority);
    this.#pendingBody.sendTo(stream);
    if (this.#isRequestEnded) {
      stream.sendEnd(this.#requestTrailers);
      this.#armTryTimeout();
    } else {
      this.#downstream.resumeRequest();
    }
    if (!this.#isInBegin) stream.flush();
  }

  onInterim(head: ResponseHead): void {
    this.#downstream.sendInterim(head);
  }

  onResponseHead(head: ResponseHead): void {
    const server = this.#server;
    const outcome = this.#outcome;
    const nowMs = server.nowMs();
    outcome.upstreamTimeMs = nowMs - this.#sentAtMs;
    this.#endpoint!.observeLatency(outcome.upstreamTimeMs, nowMs);
    if (mayRetryStatus(this.#action!.retry, head.status, this.#tryState(true))) {
      this.#giveUpUpstream();
      this.#tryAgain();
      return;
    }
    outcome.status = head.status;
    outcome.details = "via_upstream";
    this.#isHeadSent = true;
    server.timers.request.disarm(this.#tryTimeout);
    const headers = head.headers;
    const match = this.#match!;
    applyMutations(this.#choice!.responseMutations, headers);
    applyMutations(match.route.responseMutations, headers);
    applyMutations(match.virtualHost.responseMutations, headers);
    applyMutations(match.table.responseMutations, headers);
    server.config.prepareResponse(outcome, headers);
    this.#downstream.sendHead(head);
  }

  onResponseBody(bytes: Buffer, start: number, end: number): void {
    // Not active: a retry gave this answer up in the middle of its bytes.
    if (!this.#isActive || !this.#isHeadSent) return;
    if (!this.#downstream.sendBody(bytes, start, end)) this.#stream?.pauseResponse();
  }

  onResponseEnd(trailers: HeaderBlock | undefined): void {
    this.#leaveStream();
    this.#downstream.sendEnd(trailers);
    this.#finish();
  }

  onUpstreamFailure(failure: UpstreamFailure): void {
    const state = this.#tryState(this.#stream !== undefined);
    this.#isWaiting = false;
    this.#leaveStream();
    if (!this.#isActive) return;
    this.#failedEndpoint = this.#endpoint;
    const reason = "reason" in failure ? failure.reason : "";
    if (this.#isHeadSent) {
      const flag = failure.kind === "protocol-error" ? FLAG.UPE : FLAG.UC;
      this.#cut(flag, "upstream_reset_after_response_started{connection_termination}", reason);
    } else if (this.#action !== undefined && mayRetryFailure(this.#action.retry, failure, state)) {
      this.#tryAgain();
    } else {
      this.#reply(replyForFailure(failure), reason);
    }
  }

  onUpstreamDrain(): void {
    this.#downstream.resumeRequest();
  }

  onUpstreamTurnEnd(): void {
    this.#downstream.flush();
  }

  #reset(head: RequestHead | undefined): void {
    this.#outcome.begin(head, this.#server.nowMs());
    this.#head = head;
    this.method = head?.method ?? "";
    this.authority = head?.authority ?? "";
    this.path = "";
    this.query = "";
    this.#isActive = true;
    this.#isRequestEnded = false;
    this.#requestTrailers = undefined;
    this.#isHeadSent = false;
    this.#match = undefined;
    this.#action = undefined;
    this.#choice = undefined;
    this.#cluster = undefined;
    this.#endpoint = undefined;
    this.#failedEndpoint = undefined;
  }

  /** The query with its `?`. */
  get #search(): string {
    return this.#head!.queryAt < 0 ? "" : `?${this.query}`;
  }

  #act(match: RouteMatchResult): void {
    this.#outcome.routeName = match.route.name;
    const action = match.route.action;
    switch (action.kind) {
      case "forward":
        this.#forward(action, match);
        break;
      case "redirect":
        this.#redirectTo(action.status, redirectLocation(action, this, this.#search), match);
        break;
      case "direct":
        this.#direct(action, match);
        break;
    }
  }

  #forward(action: ForwardAction, match: RouteMatchResult): void {
    const server = this.#server;
    const head = this.#head!;
    this.#action = action;
    const split = action.split;
    const choice =
      split.choices.length === 1 ? split.choices[0]! : choiceAt(split, this.#splitValue(action));
    this.#choice = choice;
    this.#outcome.clusterName = choice.cluster;
    const cluster = server.clusters.get(choice.cluster);
    if (cluster === undefined) {
      const status = action.clusterNotFoundStatus;
      this.#reply({ ...LOCAL_REPLY.clusterNotFound, status }, choice.cluster);
      return;
    }
    this.#cluster = cluster;
    this.#outcome.service = cluster.service;
    const headers = head.headers;
    applyMutations(choice.requestMutations, headers);
    applyMutations(match.route.requestMutations, headers);
    applyMutations(match.virtualHost.requestMutations, headers);
    applyMutations(match.table.requestMutations, headers);
    this.#rewrite(action, choice, head);
    if (action.mirrors.length > 0) sendMirrors(action.mirrors, this, head, this.#target, server);
    server.config.announceTimeout(headers, action.timeoutMs);
    if (!cluster.admitRequest()) {
      this.#reply(LOCAL_REPLY.overflow, cluster.name);
      return;
    }
    this.#isCounted = true;
    this.#armIdle();
    this.#isInBegin = true;
    this.#connect(cluster);
    this.#isInBegin = false;
  }

  #rewrite(action: ForwardAction, choice: ClusterChoice, head: RequestHead): void {
    const isUntouched = action.rewritePath === undefined && !head.hasSpecialBytes;
    const { path, authority } = this;
    if (action.rewritePath !== undefined) this.path = action.rewritePath(path);
    this.#target = isUntouched ? head.target : this.path + this.#search;
    this.authority = choice.hostRewrite ?? action.hostRewrite ?? authority;
    const originalPath = action.rewritePath === undefined ? undefined : path + this.#search;
    const originalHost = action.hostRewrite === undefined ? undefined : authority;
    this.#server.config.announceRewrite(head.headers, originalPath, originalHost);
  }

  #splitValue(action: ForwardAction): number {
    const { randomHeader, total } = action.split;
    if (randomHeader !== "") {
      const given = Number.parseInt(this.header(randomHeader) ?? "", 10);
      if (given >= 0) return given % total;
    }
    return Math.floor(this.#server.prng.next() * total);
  }

  /** Picks an endpoint and asks it for a connection. */
  #connect(cluster: Cluster): void {
    const endpoint = cluster.pick(this.#failedEndpoint);
    if (endpoint === undefined) {
      this.#reply(LOCAL_REPLY.noHealthyUpstream, cluster.name);
      return;
    }
    this.#endpoint = endpoint;
    this.#outcome.endpoint = endpoint;
    this.#outcome.attempts += 1;
    this.#isWaiting = true;
    if (endpoint.acquire(this)) return;
    this.#isWaiting = false;
    this.#reply(LOCAL_REPLY.overflow, cluster.name);
  }

  #tryState(mayHaveArrived: boolean): TryState {
    return {
      attempts: this.#outcome.attempts,
      mayHaveArrived,
      canReplay: this.#isRequestEnded && this.#head?.bodyKind === BODY_NONE,
    };
  }

  #tryAgain(): void {
    const cluster = this.#cluster!;
    cluster.retries += 1;
    this.#connect(cluster);
  }

  /** Ends this exchange's part in the upstream stream. */
  #leaveStream(): void {
    if (this.#stream === undefined) return;
    this.#stream = undefined;
    this.#endpoint!.onRequestEnd();
  }

  #giveUpUpstream(): void {
    if (this.#isWaiting) {
      this.#isWaiting = false;
      this.#endpoint?.cancel(this);
    }
    const stream = this.#stream;
    this.#leaveStream();
    stream?.reset();
  }

  #armTryTimeout(): void {
    const timeoutMs = this.#action?.retry.perTryTimeoutMs ?? 0;
    if (timeoutMs > 0) this.#server.timers.request.arm(this.#tryTimeout, timeoutMs);
  }

  #armIdle(): void {
    const ms = this.#action?.idleTimeoutMs ?? this.#server.config.streamIdleTimeoutMs;
    if (ms <= 0) return;
    this.#bytesWhenIdleArmed = this.#bytesSoFar();
    this.#server.timers.idle.arm(this.#idleTimeout, ms);
  }

  #bytesSoFar(): number {
    return this.#downstream.requestBytes + this.#downstream.responseBytes;
  }

  #onTryTimeout(): void {
    const failure: UpstreamFailure = { kind: "try-timeout" };
    const stream = this.#stream;
    this.onUpstreamFailure(failure);
    stream?.reset();
    this.#downstream.flush();
  }

  #onIdleTimeout(): void {
    if (this.#bytesSoFar() !== this.#bytesWhenIdleArmed) this.#armIdle();
    else this.#onTimeout(this.#isRequestEnded ? LOCAL_REPLY.answerIdle : LOCAL_REPLY.requestIdle);
  }

  #onTimeout(reply: LocalReply): void {
    this.#giveUpUpstream();
    if (this.#isHeadSent) this.#cut(reply.flag, reply.details, "");
    else this.#reply(reply, "");
    this.#downstream.flush();
  }

  #redirectTo(status: number, location: string, match: RouteMatchResult | undefined): void {
    const lines = ownAnswerLines(["location", location], match);
    this.#sendOwn(status, "direct_response", lines, "");
  }

  #direct({ status, body }: DirectResponse, match: RouteMatchResult): void {
    const lines = ownAnswerLines(body === "" ? undefined : ["content-type", "text/plain"], match);
    this.#sendOwn(status, "direct_response", lines, body);
  }

  #reply(reply: LocalReply, reason: string): void {
    this.#outcome.flag = reply.flag;
    this.#outcome.failureReason = reason;
    const headers = this.#head?.headers;
    const accept = headers?.indexOf(HEADER.accept) ?? -1;
    const wantsJson =
      headers !== undefined && accept >= 0 && headers.value(accept).includes("json");
    const body = localReplyBody(reply, reason, RESPONSE_FLAGS[reply.flag]!, wantsJson);
    const type = wantsJson ? "application/json" : "text/plain";
    this.#sendOwn(reply.status, reply.details, `content-type: ${type}\r\n`, body);
  }

  /** A response of this proxy's own. */
  #sendOwn(status: number, details: string, lines: string, body: string): void {
    this.#outcome.status = status;
    this.#outcome.details = details;
    this.#isHeadSent = true;
    this.#downstream.sendLocal(status, lines + this.#server.config.localReplyLines, body);
    this.#finish();
  }

  /** Breaks a response off that has begun, so that the client cannot take it for complete. */
  #cut(flag: number, details: string, reason: string): void {
    this.#outcome.flag = flag;
    this.#outcome.details = details;
    this.#outcome.failureReason = reason;
    this.#downstream.reset();
    this.#finish();
  }

  #finish(): void {
    if (!this.#isActive) return;
    this.#isActive = false;
    const { request, idle } = this.#server.timers;
    request.disarm(this.#timeout);
    request.disarm(this.#tryTimeout);
    idle.disarm(this.#idleTimeout);
    this.#pendingBody.clear();
    if (this.#isCounted) {
      this.#isCounted = false;
      this.#cluster!.releaseRequest();
    }
    this.#server.record(this.#outcome);
  }
}
