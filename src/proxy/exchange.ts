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
import type { DirectResponse, ForwardAction, RedirectRule } from "../decision/route.ts";
import type { RouteMatchResult } from "../decision/route-table.ts";
import { type ClusterChoice, choiceAt } from "../decision/weighted-clusters.ts";
import type { HeaderBlock } from "../http/header-block.ts";
import { HEADER } from "../http/header-name.ts";
import type { RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { RETRY_BODY_BYTES_MAX } from "../core/limits.ts";
import type { ServiceLabels } from "../telemetry/request-metrics.ts";
import { FLAG, RESPONSE_FLAGS } from "../telemetry/response-flag.ts";
import { newRequestId } from "../telemetry/request-id.ts";
import type { Cluster } from "./cluster.ts";
import type { Endpoint } from "./endpoint.ts";
import type { HttpServer } from "./http-server.ts";
import { LOCAL_REPLY, type LocalReply, localReplyBody } from "./local-reply.ts";
import { sendMirrors } from "./mirror.ts";
import { canonicalPath } from "./request-path.ts";
import { redirectLocation } from "./redirect.ts";
import type { ClientStream, ClientStreamHandler, ServerStream, UpstreamFailure } from "./stream.ts";

export class Exchange implements RequestView, ClientStreamHandler {
  readonly downstream: ServerStream;
  readonly #server: HttpServer;
  readonly #timeout: TimerEntry;
  readonly #idleTimeout: TimerEntry;

  method = "";
  path = "";
  query = "";
  authority = "";
  #head: RequestHead | undefined;
  #target = "";
  /** The target as the client sent it, for the access log. */
  originalTarget = "";
  startMs = 0;
  requestId = "";
  #isActive = false;
  #isRequestEnded = false;
  #requestTrailers: HeaderBlock | undefined;
  #isHeadSent = false;

  #match: RouteMatchResult | undefined;
  #action: ForwardAction | undefined;
  #choice: ClusterChoice | undefined;
  #cluster: Cluster | undefined;
  endpoint: Endpoint | undefined;
  #failedEndpoint: Endpoint | undefined;
  #stream: ClientStream | undefined;
  #isWaiting = false;
  attempts = 0;
  #sentAtMs = 0;
  /** Body bytes that arrived before there was a connection to send them on. */
  #pendingBody: Buffer[] = [];
  #pendingBytes = 0;

  status = 0;
  flag: number = FLAG.none;
  details = "";
  /** Milliseconds until the upstream's response head, or -1. */
  upstreamTimeMs = -1;
  failureReason = "";

  constructor(downstream: ServerStream, server: HttpServer) {
    this.downstream = downstream;
    this.#server = server;
    this.#timeout = new TimerEntry(() => this.#onTimeout());
    this.#idleTimeout = new TimerEntry(() => this.#onIdleTimeout());
  }

  get scheme(): string {
    return this.downstream.connection.scheme;
  }

  get routeName(): string {
    return this.#match?.route.name ?? "";
  }

  get clusterName(): string {
    return this.#choice?.cluster ?? "";
  }

  get service(): ServiceLabels | undefined {
    return this.#cluster?.service;
  }

  get requestHeaders(): HeaderBlock | undefined {
    return this.#head?.headers;
  }

  header(lowerName: string): string | undefined {
    return this.#head?.headers.get(lowerName);
  }

  begin(head: RequestHead): void {
    this.#reset(head);
    const server = this.#server;
    if (head.upgrade !== "") return this.#reply(LOCAL_REPLY.upgradeRefused, `Upgrade: ${head.upgrade}`);
    if (head.method === "CONNECT") return this.#reply(LOCAL_REPLY.connectRefused, "");
    const path = canonicalPath(head, server.config.pathNormalization);
    if (path.kind === "refused") return this.#reply(LOCAL_REPLY.pathInvalid, "");
    this.path = path.path;
    this.query = head.queryAt < 0 ? "" : head.target.slice(head.queryAt + 1);
    if (path.kind === "redirect") return this.#redirectTo(307, this.#withQuery(path.path));
    server.config.prepareRequest(this, head);
    const match = server.routeTable?.match(this);
    this.#match = match;
    if (match === undefined) return this.#reply(LOCAL_REPLY.noRoute, "");
    const action = match.route.action;
    switch (action.kind) {
      case "forward":
        return this.#forward(action);
      case "redirect":
        return this.#redirect(action);
      case "direct":
        return this.#direct(action);
    }
  }

  onRequestBody(bytes: Buffer, start: number, end: number): void {
    if (!this.#isActive) return;
    const stream = this.#stream;
    if (stream !== undefined) {
      if (!stream.sendBody(bytes, start, end)) this.downstream.pauseRequest();
      return;
    }
    this.#pendingBody.push(Buffer.from(bytes.subarray(start, end)));
    this.#pendingBytes += end - start;
    if (this.#pendingBytes >= RETRY_BODY_BYTES_MAX) this.downstream.pauseRequest();
  }

  onRequestEnd(trailers: HeaderBlock | undefined): void {
    this.#isRequestEnded = true;
    if (!this.#isActive) return;
    this.#requestTrailers = trailers;
    this.#stream?.sendEnd(trailers);
    this.#armTimeout();
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
    if (this.flag === FLAG.none) this.flag = FLAG.DC;
    this.details ||= "downstream_remote_disconnect";
    this.#giveUpUpstream();
    this.#finish();
  }

  /** The bytes of a request were refused before it could begin. */
  refuse(reply: LocalReply, status: number, reason: string): void {
    this.#reset(undefined);
    this.#reply({ ...reply, status }, reason);
  }

  /** The body of the request under way is malformed. */
  abortRequest(status: number, code: string, message: string): void {
    if (!this.#isActive) return;
    this.#giveUpUpstream();
    if (this.#isHeadSent) {
      this.flag = FLAG.DPE;
      this.downstream.reset();
      this.#finish();
      return;
    }
    this.#reply({ ...LOCAL_REPLY.downstreamProtocolError, status }, `${message} (${code})`);
  }

  onStreamReady(stream: ClientStream): void {
    this.#isWaiting = false;
    this.#stream = stream;
    const head = this.#head!;
    const endpoint = this.endpoint!;
    endpoint.onRequestStart();
    // A connection that was at hand costs no time: the clock need not be read again.
    this.#sentAtMs = this.#isInBegin ? this.startMs : this.#server.nowMs();
    stream.sendHead(head, this.#target, this.authority);
    for (const chunk of this.#pendingBody) stream.sendBody(chunk, 0, chunk.length);
    this.#pendingBody.length = 0;
    this.#pendingBytes = 0;
    if (this.#isRequestEnded) stream.sendEnd(this.#requestTrailers);
    else this.downstream.resumeRequest();
    if (!this.#isInBegin) stream.flush();
  }

  onInterim(head: ResponseHead): void {
    this.downstream.sendInterim(head);
  }

  onResponseHead(head: ResponseHead): void {
    const server = this.#server;
    const nowMs = server.nowMs();
    this.upstreamTimeMs = nowMs - this.#sentAtMs;
    this.endpoint!.observeLatency(this.upstreamTimeMs, nowMs);
    if (this.#shouldRetryStatus(head.status)) {
      this.#stream?.reset();
      this.#leaveStream(false);
      if (this.#tryAgain()) return;
    }
    this.status = head.status;
    this.details = "via_upstream";
    this.#isHeadSent = true;
    server.timers.request.disarm(this.#timeout);
    const headers = head.headers;
    const match = this.#match!;
    applyMutations(this.#choice!.responseMutations, headers);
    applyMutations(match.route.responseMutations, headers);
    applyMutations(match.virtualHost.responseMutations, headers);
    const table = server.routeTable;
    if (table !== undefined) applyMutations(table.responseMutations, headers);
    server.config.prepareResponse(this, headers);
    this.downstream.sendHead(head);
  }

  onResponseBody(bytes: Buffer, start: number, end: number): void {
    if (!this.downstream.sendBody(bytes, start, end)) this.#stream?.pauseResponse();
  }

  onResponseEnd(trailers: HeaderBlock | undefined): void {
    this.#leaveStream(true);
    this.downstream.sendEnd(trailers);
    this.#finish();
  }

  onUpstreamFailure(failure: UpstreamFailure): void {
    const hadStream = this.#stream !== undefined;
    const mayHaveArrived = hadStream;
    this.#isWaiting = false;
    this.#leaveStream(false);
    if (!this.#isActive) return;
    this.#failedEndpoint = this.endpoint;
    if (this.#isHeadSent) {
      this.flag = failure.kind === "protocol-error" ? FLAG.UPE : FLAG.UC;
      this.details = "upstream_reset_after_response_started{connection_termination}";
      this.failureReason = "reason" in failure ? failure.reason : failure.kind;
      this.downstream.reset();
      this.#finish();
      return;
    }
    if (this.#mayRetry(failure, mayHaveArrived) && this.#tryAgain()) return;
    this.#reply(replyFor(failure), "reason" in failure ? failure.reason : "");
  }

  onUpstreamDrain(): void {
    this.downstream.resumeRequest();
  }

  onUpstreamTurnEnd(): void {
    this.downstream.flush();
  }

  #isInBegin = false;

  #reset(head: RequestHead | undefined): void {
    this.#head = head;
    this.method = head?.method ?? "";
    this.authority = head?.authority ?? "";
    this.originalTarget = head?.target ?? "";
    this.path = "";
    this.query = "";
    this.startMs = this.#server.nowMs();
    this.requestId = "";
    this.#isActive = true;
    this.#isRequestEnded = false;
    this.#requestTrailers = undefined;
    this.#isHeadSent = false;
    this.#match = undefined;
    this.#action = undefined;
    this.#choice = undefined;
    this.#cluster = undefined;
    this.endpoint = undefined;
    this.#failedEndpoint = undefined;
    this.attempts = 0;
    this.status = 0;
    this.flag = FLAG.none;
    this.details = "";
    this.upstreamTimeMs = -1;
    this.failureReason = "";
  }

  #withQuery(path: string): string {
    return this.query === "" && !this.originalTarget.endsWith("?") ? path : `${path}?${this.query}`;
  }

  #forward(action: ForwardAction): void {
    const server = this.#server;
    const head = this.#head!;
    const match = this.#match!;
    this.#action = action;
    const split = action.split;
    const choice =
      split.choices.length === 1 ? split.choices[0]! : choiceAt(split, this.#splitValue(action));
    this.#choice = choice;
    const cluster = server.clusters.get(choice.cluster);
    if (cluster === undefined) {
      const status = action.clusterNotFoundStatus;
      return this.#reply({ ...LOCAL_REPLY.clusterNotFound, status }, choice.cluster);
    }
    this.#cluster = cluster;
    const headers = head.headers;
    applyMutations(choice.requestMutations, headers);
    applyMutations(match.route.requestMutations, headers);
    applyMutations(match.virtualHost.requestMutations, headers);
    const table = server.routeTable!;
    applyMutations(table.requestMutations, headers);
    if (action.rewritePath !== undefined) this.path = action.rewritePath(this.path);
    this.authority = choice.hostRewrite ?? action.hostRewrite ?? this.authority;
    const isUntouched = action.rewritePath === undefined && !head.hasSpecialBytes;
    this.#target = isUntouched ? head.target : this.#withQuery(this.path);
    if (action.mirrors.length > 0) sendMirrors(action.mirrors, this, head, this.#target, server);
    server.config.announceTimeout(headers, action.timeoutMs);
    if (!cluster.admitRequest()) return this.#reply(LOCAL_REPLY.overflow, cluster.name);
    this.#isCounted = true;
    if (server.config.streamIdleTimeoutMs > 0 || action.idleTimeoutMs !== undefined) this.#armIdle();
    this.#isInBegin = true;
    this.#connect();
    this.#isInBegin = false;
  }

  #isCounted = false;

  /** Picks an endpoint and asks it for a connection. */
  #connect(): void {
    const cluster = this.#cluster!;
    const endpoint = cluster.pick(this.#failedEndpoint);
    if (endpoint === undefined) return this.#reply(LOCAL_REPLY.noHealthyUpstream, cluster.name);
    this.endpoint = endpoint;
    this.attempts += 1;
    this.#isWaiting = true;
    if (!endpoint.acquire(this)) {
      this.#isWaiting = false;
      this.#reply(LOCAL_REPLY.overflow, cluster.name);
    }
  }

  #splitValue(action: ForwardAction): number {
    const split = action.split;
    if (split.randomHeader !== "") {
      const given = Number.parseInt(this.header(split.randomHeader) ?? "", 10);
      if (given >= 0) return given % split.total;
    }
    return Math.floor(this.#server.prng.next() * split.total);
  }

  #mayRetry(failure: UpstreamFailure, mayHaveArrived: boolean): boolean {
    const rule = this.#action?.retry;
    if (rule === undefined) return false;
    if (!mayHaveArrived) return rule.onConnectFailure || rule.onResetBeforeRequest;
    // Bytes of the request left: only a rule that accepts a second delivery lets it go again.
    return rule.onReset && failure.kind === "connection-closed" && this.#canReplay();
  }

  #shouldRetryStatus(status: number): boolean {
    const rule = this.#action!.retry;
    if (rule.retriesMax === 0 || !this.#canReplay()) return false;
    if (this.attempts > rule.retriesMax) return false;
    if (rule.statuses.has(status)) return true;
    if (rule.on5xx && status >= 500) return true;
    return rule.onGatewayError && status >= 502 && status <= 504;
  }

  /** Whether the whole request can be sent again: bodies are not kept once they were sent. */
  #canReplay(): boolean {
    return this.#isRequestEnded && this.#head!.bodyKind === 0;
  }

  #tryAgain(): boolean {
    if (this.attempts > this.#action!.retry.retriesMax) return false;
    this.#cluster!.retries += 1;
    this.#connect();
    return true;
  }

  /** Ends this exchange's part in the upstream stream. */
  #leaveStream(_isComplete: boolean): void {
    if (this.#stream === undefined) return;
    this.#stream = undefined;
    this.endpoint!.onRequestEnd();
  }

  #giveUpUpstream(): void {
    if (this.#isWaiting) {
      this.#isWaiting = false;
      this.endpoint?.cancel(this);
    }
    const stream = this.#stream;
    if (stream === undefined) return;
    this.#leaveStream(false);
    stream.reset();
  }

  #armTimeout(): void {
    const action = this.#action;
    if (action === undefined || this.#isHeadSent) return;
    if (action.timeoutMs > 0) this.#server.timers.request.arm(this.#timeout, action.timeoutMs);
  }

  #armIdle(): void {
    const ms = this.#action?.idleTimeoutMs ?? this.#server.config.streamIdleTimeoutMs;
    if (ms > 0) {
      this.#bytesWhenIdleArmed = this.#bytesSoFar();
      this.#server.timers.idle.arm(this.#idleTimeout, ms);
    }
  }

  #bytesWhenIdleArmed = 0;

  #bytesSoFar(): number {
    return this.downstream.requestBytes + this.downstream.responseBytes;
  }

  #onTimeout(): void {
    this.#giveUpUpstream();
    this.#reply(LOCAL_REPLY.upstreamTimeout, `${this.#action?.timeoutMs ?? 0} ms`);
    this.downstream.flush();
  }

  #onIdleTimeout(): void {
    if (this.#bytesSoFar() !== this.#bytesWhenIdleArmed) {
      this.#armIdle();
      return;
    }
    this.#giveUpUpstream();
    if (this.#isHeadSent) {
      this.flag = FLAG.SI;
      this.details = "stream_idle_timeout";
      this.downstream.reset();
      this.#finish();
      return;
    }
    this.#reply(LOCAL_REPLY.streamIdle, "");
    this.downstream.flush();
  }

  #redirect(rule: RedirectRule): void {
    const location = redirectLocation(rule, this);
    this.#redirectTo(rule.status, location);
  }

  #redirectTo(status: number, location: string): void {
    this.status = status;
    this.details = "direct_response";
    this.#sendLocal(status, `location: ${location}\r\n`, "");
  }

  #direct(action: DirectResponse): void {
    this.status = action.status;
    this.details = "direct_response";
    this.#sendLocal(action.status, action.body === "" ? "" : "content-type: text/plain\r\n", action.body);
  }

  #reply(reply: LocalReply, reason: string): void {
    this.status = reply.status;
    this.flag = reply.flag;
    this.details = reply.details;
    this.failureReason = reason;
    const accept = this.#head?.headers.indexOf(HEADER.accept) ?? -1;
    const wantsJson = accept >= 0 && this.#head!.headers.value(accept).includes("json");
    const body = localReplyBody(reply, reason, RESPONSE_FLAGS[reply.flag]!, wantsJson);
    const type = wantsJson ? "application/json" : "text/plain";
    this.#sendLocal(reply.status, `content-type: ${type}\r\n`, body);
  }

  #sendLocal(status: number, lines: string, body: string): void {
    this.#isHeadSent = true;
    const extra = this.#server.config.localReplyLines;
    this.downstream.sendLocal(status, lines + extra, body);
    this.#finish();
  }

  #finish(): void {
    if (!this.#isActive) return;
    this.#isActive = false;
    const timers = this.#server.timers;
    timers.request.disarm(this.#timeout);
    timers.idle.disarm(this.#idleTimeout);
    this.#pendingBody.length = 0;
    this.#pendingBytes = 0;
    if (this.#isCounted) {
      this.#isCounted = false;
      this.#cluster!.releaseRequest();
    }
    this.#server.record(this);
  }

  /** For configuration hooks: the request id to use, made when there is none. */
  ensureRequestId(headers: HeaderBlock): void {
    const at = headers.indexOf(HEADER["x-request-id"]);
    if (at >= 0) {
      this.requestId = headers.value(at);
      return;
    }
    this.requestId = newRequestId();
    headers.add("x-request-id", this.requestId);
  }
}

function replyFor(failure: UpstreamFailure): LocalReply {
  switch (failure.kind) {
    case "connect-failed":
      return LOCAL_REPLY.connectFailed;
    case "connect-timeout":
      return LOCAL_REPLY.connectTimeout;
    case "tls-failed":
      return LOCAL_REPLY.tlsFailed;
    case "connection-closed":
      return LOCAL_REPLY.connectionClosed;
    case "protocol-error":
      return LOCAL_REPLY.upstreamProtocolError;
  }
}
