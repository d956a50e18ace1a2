/**
 * The answer of one exchange on its way to the client: whose it is, what filters and routes change in it, and
 * whether it has begun. Used again for each request of its exchange.
 */
import type { RouteMatchResult } from "../decision/route-table.ts";
import type { ClusterChoice } from "../decision/weighted-clusters.ts";
import type { HeaderBlock } from "../http/header-block.ts";
import { HeaderField } from "../http/header-field.ts";
import { ATTEMPT_COUNT } from "../http/known-headers.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { FLAG } from "../telemetry/response-flag.ts";
import type { LogNeeds } from "./access-log/log-needs.ts";
import { ResponseMemory } from "./access-log/response-memory.ts";
import type { ResponseEditor } from "./filters/http-filter.ts";
import { becomeGrpcAnswer, grpcTrailers } from "./grpc-answer.ts";
import type { HttpServer } from "./http-server.ts";
import { type LocalReply, localAnswer } from "./local-reply.ts";
import type { RequestOutcome } from "./request-outcome.ts";
import { applyResponseMutations } from "./route-mutations.ts";
import type { ServerStream } from "./stream.ts";

export class ExchangeAnswer {
  readonly #codec: ServerStream;
  readonly #server: HttpServer;
  readonly #outcome: RequestOutcome;
  /** Where it is written to: the codec, or what filters have put before it. */
  stream: ServerStream;
  /** Its head was sent. */
  isBegun = false;
  /** Its client is told how many tries there were. */
  tellsAttempts = false;
  /** Most requests have none. */
  #editors: ResponseEditor[] | undefined;
  /** What access logs want remembered; undefined where that is nothing. */
  #needs: LogNeeds | undefined;

  constructor(codec: ServerStream, server: HttpServer, outcome: RequestOutcome) {
    this.#codec = codec;
    this.#server = server;
    this.#outcome = outcome;
    this.stream = codec;
  }

  /** For the next request. */
  begin(requestHeaders: HeaderBlock | undefined): void {
    this.#needs = this.#server.logNeeds;
    if (this.#needs !== undefined) {
      this.#outcome.memory ??= new ResponseMemory();
      this.#outcome.memory.begin(this.#needs, requestHeaders);
    }
    this.stream = this.#codec;
    this.isBegun = false;
    this.tellsAttempts = false;
    this.#editors = undefined;
  }

  /** Changes the head of whatever answer the request gets. The last to ask is the first to change it, as in Envoy. */
  editBy(editor: ResponseEditor): void {
    this.#editors ??= [];
    this.#editors.push(editor);
  }

  noteRequestBody(bytes: Buffer, start: number, end: number): void {
    this.#outcome.requestBodyBytes += end - start;
    if (this.#needs !== undefined) this.#outcome.memory?.addRequestBody(bytes, start, end);
  }

  noteBody(bytes: Buffer, start: number, end: number): void {
    this.#outcome.responseBodyBytes += end - start;
    if (this.#needs !== undefined) this.#outcome.memory?.addResponseBody(bytes, start, end);
  }

  noteTrailers(trailers: HeaderBlock): void {
    this.#outcome.noteGrpcStatus(trailers);
    if (this.#needs !== undefined) this.#outcome.memory?.noteTrailers(this.#needs, trailers);
  }

  /** The head of an upstream's answer, behind which its body comes. */
  sendHead(head: ResponseHead, match: RouteMatchResult, choice: ClusterChoice | undefined): void {
    this.isBegun = true;
    if (this.tellsAttempts) this.#tellAttempts(head.headers);
    applyResponseMutations(match, choice, head.headers);
    if (this.#editors !== undefined) this.#edit(head.status, head.headers);
    this.#server.config.prepareResponse(this.#outcome, head.headers);
    this.#completeHead(head.headers);
    this.stream.sendHead(head);
  }

  /** The head of an answer that a filter has kept, as routes changed it when it came. */
  sendStored(head: ResponseHead, details: string): void {
    const outcome = this.#outcome;
    outcome.status = head.status;
    outcome.details = details;
    this.isBegun = true;
    if (this.#editors !== undefined) this.#edit(head.status, head.headers);
    this.#server.config.prepareStoredAnswer(outcome, head.headers);
    this.#completeHead(head.headers);
    this.stream.sendHead(head);
  }

  /** An answer of this proxy's own: see `localAnswer`. */
  reply(
    reply: LocalReply,
    reason: string,
    requestHeaders: HeaderBlock | undefined,
    match: RouteMatchResult | undefined,
  ): void {
    this.#outcome.flag = reply.flag;
    this.#outcome.failureReason = reason;
    // Filters answer before the route acts.
    if (match !== undefined) this.#outcome.routeName = match.route.name;
    const { headers, body } = localAnswer(reply, reason, requestHeaders, match);
    this.sendOwn(reply.status, reply.details, headers, body, reply.grpcStatus);
  }

  /** The same, with everything given. `grpcStatus`: what clients of gRPC get, unless the status tells. */
  sendOwn(
    status: number,
    details: string,
    headers: HeaderBlock,
    body: string,
    grpcStatus?: number,
  ): void {
    const outcome = this.#outcome;
    outcome.status = status;
    outcome.details = details;
    this.isBegun = true;
    if (outcome.isGrpc) {
      outcome.status = 200;
      outcome.grpcStatus = becomeGrpcAnswer(status, headers, body, grpcStatus);
    }
    if (this.tellsAttempts) this.#tellAttempts(headers);
    if (this.#editors !== undefined) this.#edit(status, headers);
    this.#server.config.prepareOwnAnswer(outcome.flag, outcome.routeName, headers);
    this.#completeHead(headers);
    if (!outcome.isGrpc) outcome.responseBodyBytes = Buffer.byteLength(body);
    this.stream.sendLocal(outcome.status, headers, outcome.isGrpc ? "" : body);
  }

  /** Ends an answer of gRPC, whatever is missing of it, with another status than its upstream's. */
  endGrpc(status: number, message: string): void {
    this.#outcome.fail(FLAG.LR, "drain_time_over", message);
    this.#outcome.grpcStatus = status;
    this.stream.sendEnd(grpcTrailers(status, message));
  }

  /** Breaks it off behind its head, so that the client cannot take it for complete. */
  cut(flag: number, details: string, reason: string): void {
    this.#outcome.fail(flag, details, reason);
    this.stream.reset();
  }

  /** Before it is sent: what happened on the way stands in it, and what logs want of it is remembered. */
  #completeHead(headers: HeaderBlock): void {
    const { config, nodeId } = this.#server;
    config.proxyStatus?.addTo(headers, this.#outcome, nodeId);
    if (this.#needs !== undefined) this.#outcome.memory?.noteHead(this.#needs, headers);
  }

  #tellAttempts(headers: HeaderBlock): void {
    // As in Envoy, a try that found no endpoint is one.
    const attempts = Math.max(1, this.#outcome.attempts);
    headers.set(new HeaderField(ATTEMPT_COUNT, String(attempts)));
  }

  #edit(status: number, headers: HeaderBlock): void {
    const editors = this.#editors!;
    for (let i = editors.length - 1; i >= 0; i--) editors[i]!.editResponse(status, headers);
  }
}
