/**
 * One unary call of gRPC to a service that the proxy itself asks, over one of its clusters: on the same connections
 * and streams as requests, without a gRPC library.
 */
import { GRPC_REPLY_BYTES_MAX } from "../core/limits.ts";
import { TimerEntry, type TimerWheel } from "../core/timer-wheel.ts";
import type { HeaderBlock } from "../http/header-block.ts";
import { HeaderField, HeaderName } from "../http/header-field.ts";
import { GRPC_TIMEOUT } from "../http/known-headers.ts";
import { BODY_CHUNKED, RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { GRPC_STATUS, grpcStatusOfHttp, parseGrpcStatus } from "../telemetry/grpc-status.ts";
import { type CallbackFaults, type FaultOwner, guarded } from "./callback-faults.ts";
import type { Cluster } from "./cluster.ts";
import type { Endpoint } from "./endpoint.ts";
import { outlierStatusOf } from "./health/outlier-monitor.ts";
import type { ClientStream, ClientStreamHandler, UpstreamFailure } from "./stream.ts";

/** Told once, never from within `start`. */
export interface GrpcCallHandler {
  /** The one message of the answer, without its prefix. Valid during the call. */
  onGrpcReply(message: Buffer): void;
  onGrpcFailure(status: number, reason: string): void;
}

export interface GrpcCallOptions {
  readonly cluster: Cluster;
  /** `/package.Service/Method`. */
  readonly method: string;
  /** What the other end is told to be asked as. */
  readonly authority: string;
  /** Encoded, without a prefix. Nobody changes it any more. */
  readonly message: Uint8Array;
  /** For everything, a new connection included. 0 for no limit. */
  readonly timeoutMs: number;
  readonly nowMs: () => number;
  readonly timers: TimerWheel;
  readonly faults: CallbackFaults;
}

/** Flag of compression and length. */
const PREFIX_BYTES = 5;
const NOTHING: Buffer = Buffer.alloc(0);
const CONTENT_TYPE = new HeaderField(new HeaderName("content-type"), "application/grpc");
const TE = new HeaderField(new HeaderName("te"), "trailers");

export class GrpcCall implements ClientStreamHandler, FaultOwner {
  readonly #options: GrpcCallOptions;
  readonly #handler: GrpcCallHandler;
  readonly #timeout: TimerEntry;
  #endpoint: Endpoint | undefined;
  #outlierGeneration = 0;
  #stream: ClientStream | undefined;
  #isStarting = false;
  #isOver = false;
  #httpStatus = 0;
  /** -1 while none has come. */
  #grpcStatus = -1;
  #grpcMessage = "";
  #received = NOTHING;

  constructor(options: GrpcCallOptions, handler: GrpcCallHandler) {
    this.#options = options;
    this.#handler = handler;
    this.#timeout = new TimerEntry(
      guarded(this, () => this.#fail(GRPC_STATUS.deadlineExceeded, "no answer in time")),
    );
  }

  /** Returns why the call could not be made, and tells the handler nothing then. */
  start(): string | undefined {
    const { cluster, timers, timeoutMs, nowMs } = this.#options;
    const endpoint = cluster.pick(undefined);
    if (endpoint === undefined) return "no healthy upstream";
    if (!cluster.breaker.admitRequest()) return "overflow";
    this.#endpoint = endpoint;
    this.#outlierGeneration = endpoint.outlier?.generation ?? 0;
    if (timeoutMs > 0) timers.arm(this.#timeout, timeoutMs);
    this.#isStarting = true;
    const isTaken = endpoint.acquire(this, nowMs(), true);
    this.#isStarting = false;
    if (this.#isOver) return this.#grpcMessage;
    if (isTaken) return undefined;
    this.#finish();
    return "overflow";
  }

  /** Nobody waits for the answer any more. The handler is told nothing. */
  cancel(): void {
    if (this.#isOver) return;
    const stream = this.#stream;
    if (stream === undefined) this.#endpoint?.cancel(this);
    this.#finish();
    stream?.reset();
  }

  onStreamReady(stream: ClientStream): void {
    const { method, authority, message, timeoutMs } = this.#options;
    this.#stream = stream;
    this.#endpoint!.onRequestStart();
    const head = new RequestHead();
    head.method = "POST";
    head.bodyKind = BODY_CHUNKED;
    head.acceptsTrailers = true;
    head.headers.add(CONTENT_TYPE);
    head.headers.add(TE);
    if (timeoutMs > 0) head.headers.add(new HeaderField(GRPC_TIMEOUT, `${Math.ceil(timeoutMs)}m`));
    stream.sendHead(head, method, authority);
    const body = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
    body[0] = 0;
    body.writeUInt32BE(message.length, 1);
    body.set(message, PREFIX_BYTES);
    stream.sendBody(body, 0, body.length);
    stream.sendEnd(undefined);
  }

  onInterim(): void {}

  onResponseHead(head: ResponseHead): void {
    this.#endpoint?.outlier?.onStatus(outlierStatusOf(head, true), this.#outlierGeneration);
    this.#httpStatus = head.status;
    this.#readStatus(head.headers);
  }

  onResponseBody(bytes: Buffer, start: number, end: number): void {
    if (this.#isOver) return;
    if (this.#received.length + end - start > GRPC_REPLY_BYTES_MAX) {
      this.#fail(GRPC_STATUS.resourceExhausted, "the answer is too long");
      return;
    }
    this.#received = Buffer.concat([this.#received, bytes.subarray(start, end)]);
  }

  onResponseEnd(trailers: HeaderBlock | undefined): void {
    if (this.#isOver) return;
    if (trailers !== undefined) this.#readStatus(trailers);
    const status = this.#statusOfAnswer();
    const message = status === GRPC_STATUS.ok ? messageIn(this.#received) : undefined;
    this.#finish();
    if (message !== undefined) this.#handler.onGrpcReply(message);
    else if (status !== GRPC_STATUS.ok) this.#handler.onGrpcFailure(status, this.#grpcMessage);
    else this.#handler.onGrpcFailure(GRPC_STATUS.internal, "the answer is no message of gRPC");
  }

  onUpstreamFailure(failure: UpstreamFailure): void {
    if (this.#isOver) return;
    this.#endpoint?.outlier?.onLocalFailure(503, this.#outlierGeneration);
    this.#end(GRPC_STATUS.unavailable, textOf(failure));
  }

  onUpstreamDrain(): void {}

  onFault(error: unknown): void {
    this.#options.faults.report("gRPC call", error);
  }

  #readStatus(headers: HeaderBlock): void {
    const text = headers.get("grpc-status");
    if (text === undefined) return;
    this.#grpcStatus = parseGrpcStatus(text);
    this.#grpcMessage = decoded(headers.get("grpc-message") ?? "");
  }

  #statusOfAnswer(): number {
    if (this.#grpcStatus >= 0) return this.#grpcStatus;
    // gRPC over HTTP/2, "HTTP to gRPC Status Code Mapping".
    return this.#httpStatus === 200 ? GRPC_STATUS.unknown : grpcStatusOfHttp(this.#httpStatus);
  }

  /** Gives the stream up and tells it. */
  #fail(status: number, reason: string): void {
    if (this.#isOver) return;
    if (this.#stream !== undefined)
      this.#endpoint?.outlier?.onLocalFailure(504, this.#outlierGeneration);
    this.cancel();
    this.#handler.onGrpcFailure(status, reason);
  }

  /** The stream is gone, or there was none. */
  #end(status: number, reason: string): void {
    this.#finish();
    if (this.#isStarting) this.#grpcMessage = reason;
    else this.#handler.onGrpcFailure(status, reason);
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

/** gRPC over HTTP/2, "Percent-Encoded"; what is badly encoded is shown as it came. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function textOf(failure: UpstreamFailure): string {
  if ("reason" in failure) return `${failure.kind}: ${failure.reason}`;
  return "code" in failure ? `${failure.kind}: ${failure.code}` : failure.kind;
}

/** The one message of a body, or undefined when it is none, or compressed, which was not offered. */
function messageIn(body: Buffer): Buffer | undefined {
  if (body.length < PREFIX_BYTES || body[0] !== 0) return undefined;
  if (body.readUInt32BE(1) !== body.length - PREFIX_BYTES) return undefined;
  return body.subarray(PREFIX_BYTES);
}
