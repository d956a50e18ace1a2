/**
 * The time limits of one request, and what the upstream is told of them with each try: what its route says, unless
 * the deadline of a gRPC client or fields of a trusted caller say otherwise. Used again for each request of its
 * exchange.
 */
import { type GrpcDeadlineRule, grpcAnswerMs, grpcStreamMs } from "../decision/deadline-rule.ts";
import { formatGrpcTimeout, parseGrpcTimeout } from "../decision/grpc-timeout.ts";
import { appliesTo, type RetryRule, withoutRetries } from "../decision/retry-rule.ts";
import { EXPECTED_TIMEOUT, type ForwardAction } from "../decision/route.ts";
import type { HeaderBlock } from "../http/header-block.ts";
import { HeaderField } from "../http/header-field.ts";
import { ATTEMPT_COUNT, GRPC_TIMEOUT } from "../http/known-headers.ts";
import type { HttpConfig } from "./http-config.ts";
import type { RequestOutcome } from "./request-outcome.ts";
import { type RequestOverrides, takeOverrides } from "./request-overrides.ts";
import type { RoutedRequest } from "./routed-request.ts";

const FIRST_ATTEMPT = new HeaderField(ATTEMPT_COUNT, "1");

export class RequestTimeouts {
  /** From the end of the request to the end of its answer. 0 means no limit, as in all of these. */
  answerMs = 0;
  tryMs = 0;
  tryIdleMs = 0;
  /** Of the whole stream, from its beginning. */
  streamMs = 0;
  /** Monotonic: when all of the request had come, or -1. */
  requestEndMs = -1;
  #isHedged = false;
  #isGrpc = false;
  /** What the client asked for, once a try has told something else. */
  #grpcAskedMs: number | undefined;
  #beginMs = 0;
  #action: ForwardAction | undefined;
  #config: HttpConfig | undefined;

  /** For a request that is about to be forwarded. Tells the upstream what holds. Returns the rule for its retries. */
  settle(
    action: ForwardAction,
    request: RoutedRequest,
    { isInternal, isGrpc, startMs }: RequestOutcome,
    config: HttpConfig,
  ): RetryRule {
    const { headers } = request.head!;
    const applies = appliesTo(action.retry, request);
    const overrides = isInternal
      ? takeOverrides(headers, action.retry, config.respectsExpectedTimeout)
      : undefined;
    this.#begin(action, config, headers, isGrpc, overrides, startMs);
    this.#announce(headers);
    if (overrides === undefined) return applies ? action.retry : action.unretried;
    return applies ? overrides.retry : withoutRetries(overrides.retry);
  }

  /** `beginMs`: when the request began. */
  #begin(
    action: ForwardAction,
    config: HttpConfig,
    headers: HeaderBlock,
    isGrpc: boolean,
    overrides: RequestOverrides | undefined,
    beginMs: number,
  ): void {
    const { deadline, retry } = action;
    this.#action = action;
    this.#config = config;
    this.#beginMs = beginMs;
    this.#isGrpc = isGrpc;
    this.#grpcAskedMs = undefined;
    this.answerMs = action.timeoutMs;
    this.tryMs = overrides?.retry.perTryTimeoutMs ?? retry.perTryTimeoutMs;
    this.tryIdleMs = retry.perTryIdleTimeoutMs;
    this.#isHedged = overrides?.retry.isHedged ?? retry.isHedged;
    this.streamMs = deadline.streamMs ?? config.streamDurationMs;
    this.requestEndMs = -1;
    if (deadline.grpc !== undefined) this.#readDeadline(deadline.grpc, headers);
    if (overrides?.answerMs !== undefined) this.answerMs = overrides.answerMs;
    // As in Envoy: a try that may take as long as all of them together has no limit of its own.
    if (this.answerMs > 0 && this.tryMs >= this.answerMs) this.tryMs = 0;
  }

  /** The fields of the first try. */
  #announce(headers: HeaderBlock): void {
    const action = this.#action!;
    if (action.tellsUpstreamAttempts) headers.set(FIRST_ATTEMPT);
    const { deadline } = action;
    if (deadline.isOfStream && this.#isGrpc && this.streamMs > 0) {
      headers.set(new HeaderField(GRPC_TIMEOUT, formatGrpcTimeout(this.streamMs)));
    }
    const isPlain =
      this.answerMs === action.timeoutMs && this.tryMs === action.retry.perTryTimeoutMs;
    if (isPlain && !this.#setsAnswer()) {
      this.#config!.announceTimeout(headers, action.expectedTimeout);
    } else {
      this.#tellRest(headers, 0);
    }
  }

  /** The fields of a later try: what is left by now, and which try it is. */
  announceRetry(headers: HeaderBlock, attempt: number, nowMs: number): void {
    const action = this.#action!;
    if (action.tellsUpstreamAttempts) headers.set(new HeaderField(ATTEMPT_COUNT, String(attempt)));
    // As in Envoy: the time counts from the end of the request.
    this.#tellRest(headers, this.requestEndMs < 0 ? 0 : nowMs - this.requestEndMs);
    const { deadline } = action;
    if (!this.#isGrpc || this.#setsAnswer()) return;
    // Envoy repeats what the first try was told. A server that works on for nobody helps nobody.
    this.#grpcAskedMs ??= grpcTimeoutOf(headers);
    const wholeMs = deadline.isOfStream && this.streamMs > 0 ? this.streamMs : this.#grpcAskedMs;
    if (wholeMs === undefined) return;
    const leftMs = Math.max(1, wholeMs - (nowMs - this.#beginMs));
    headers.set(new HeaderField(GRPC_TIMEOUT, formatGrpcTimeout(leftMs)));
  }

  /** What is left for the answer of a try that begins after a pause, or infinite. */
  leftMs(nowMs: number): number {
    if (this.answerMs === 0 || this.requestEndMs < 0) return Number.POSITIVE_INFINITY;
    return this.answerMs - (nowMs - this.requestEndMs);
  }

  /** What is left of the limit that the stream has, at least 1. */
  streamLeftMs(nowMs: number): number {
    return Math.max(1, this.streamMs - (nowMs - this.#beginMs));
  }

  #readDeadline(rule: GrpcDeadlineRule, headers: HeaderBlock): void {
    if (rule.sets === "answer") {
      if (this.#isGrpc) this.answerMs = grpcAnswerMs(rule, grpcTimeoutOf(headers));
      return;
    }
    const askedMs = grpcTimeoutOf(headers);
    // Envoy asks nobody whether the request is one of gRPC. A deadline that has passed is over at once.
    if (askedMs !== undefined) this.streamMs = Math.max(1, grpcStreamMs(rule, askedMs));
  }

  /** It is the client of gRPC that says how long the answer may take. */
  #setsAnswer(): boolean {
    return this.#isGrpc && this.#action!.deadline.grpc?.sets === "answer";
  }

  #tellRest(headers: HeaderBlock, elapsedMs: number): void {
    let ms = this.#isHedged || this.tryMs === 0 ? this.answerMs : this.tryMs;
    if (ms === 0) return;
    // 0 would mean no limit.
    if (this.answerMs > 0) ms = Math.min(ms, Math.max(1, this.answerMs - elapsedMs));
    ms = Math.trunc(ms);
    this.#config!.announceTimeout(headers, new HeaderField(EXPECTED_TIMEOUT, String(ms)));
    if (this.#setsAnswer()) {
      headers.set(new HeaderField(GRPC_TIMEOUT, formatGrpcTimeout(ms)));
    }
  }
}

function grpcTimeoutOf(headers: HeaderBlock): number | undefined {
  const text = headers.get(GRPC_TIMEOUT.lower);
  return text === undefined ? undefined : parseGrpcTimeout(text);
}
