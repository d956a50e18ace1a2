/** What is known about one request once it is over: filled in by the exchange, read by metrics and logs. */
import type { DynamicMetadata } from "../decision/dynamic-metadata.ts";
import { PRIORITY_DEFAULT } from "../decision/filters/admission-rule.ts";
import type { HttpVersion } from "../decision/request-view.ts";
import type { HeaderBlock } from "../http/header-block.ts";
import type { RequestHead } from "../http/request-head.ts";
import { grpcStatusOfHttp, parseGrpcStatus } from "../telemetry/grpc-status.ts";
import type { ServiceLabels } from "../telemetry/request-metrics.ts";
import { FLAG } from "../telemetry/response-flag.ts";
import type { ResponseMemory } from "./access-log/response-memory.ts";
import type { DownstreamConnection } from "./downstream-connection.ts";
import type { Endpoint } from "./endpoint.ts";
import type { OutcomeMessages } from "./outcome-messages.ts";
import type { RequestTrace } from "./tracing/request-trace.ts";

/** What the request came on. Streams change their connection between two requests. */
export interface RequestOrigin extends WireBytes {
  readonly connection: DownstreamConnection;
}

/** Bytes on the downstream wire, heads and framing included. */
export interface WireBytes {
  readonly requestBytes: number;
  readonly responseBytes: number;
}

export class RequestOutcome {
  readonly #origin: RequestOrigin;
  protocol: HttpVersion = "HTTP/1.1";
  method = "";
  /** The target as the client sent it. */
  target = "";
  authority = "";
  requestId = "";
  /** Monotonic milliseconds. */
  startMs = 0;
  headers: HeaderBlock | undefined;
  /** 0 when no response was sent. */
  status = 0;
  /** A request of gRPC, whose result is not its HTTP status. */
  isGrpc = false;
  /** What trailers or an answer without body said, or -1. */
  grpcStatus = -1;
  /** Of gRPC: its messages, and those of requests before on the same stream object. */
  messages: OutcomeMessages | undefined;
  /** Index into RESPONSE_FLAGS. */
  flag: number = FLAG.none;
  /** Envoy's `response_code_details`. */
  details = "";
  failureReason = "";
  routeName = "";
  clusterName = "";
  service: ServiceLabels | undefined;
  endpoint: Endpoint | undefined;
  attempts = 0;
  /** Class of the request where an app gets more than it can do: an index into PRIORITY_NAMES. */
  priority = PRIORITY_DEFAULT;
  /** Who it comes from: the connection's other end, or whom trusted proxies in front have named. */
  clientAddress = "";
  /** It comes from the listener's own network, and may ask the router for things. */
  isInternal = false;
  /** Milliseconds until the upstream's response head, or -1. */
  upstreamTimeMs = -1;
  /** Monotonic milliseconds when the whole request had come, and when the upstream's response head came; -1 before. */
  requestEndMs = -1;
  responseHeadMs = -1;
  /** Of bodies, without framing. */
  requestBodyBytes = 0;
  responseBodyBytes = 0;
  /** What filters have found out. */
  metadata: DynamicMetadata | undefined;
  /** Undefined until an access log wants something of a response remembered. Kept for the next request. */
  memory: ResponseMemory | undefined;
  /** Undefined until a request of the exchange is traced. Kept for the next. */
  trace: RequestTrace | undefined;

  constructor(origin: RequestOrigin) {
    this.#origin = origin;
  }

  /** The request ends without a whole answer of an upstream. `flag` is an index into RESPONSE_FLAGS. */
  fail(flag: number, details: string, reason: string): void {
    this.flag = flag;
    this.details = details;
    this.failureReason = reason;
  }

  get connection(): DownstreamConnection {
    return this.#origin.connection;
  }

  get wire(): WireBytes {
    return this.#origin;
  }

  /** For the next request. `head` is undefined when its bytes were refused. */
  begin(head: RequestHead | undefined, protocol: HttpVersion, startMs: number): void {
    this.protocol = protocol;
    this.method = head?.method ?? "";
    this.target = head?.target ?? "";
    this.authority = head?.authority ?? "";
    this.headers = head?.headers;
    this.requestId = "";
    this.startMs = startMs;
    this.status = 0;
    this.isGrpc = false;
    this.grpcStatus = -1;
    this.flag = FLAG.none;
    this.details = "";
    this.failureReason = "";
    this.routeName = "";
    this.clusterName = "";
    this.service = undefined;
    this.endpoint = undefined;
    this.attempts = 0;
    this.priority = PRIORITY_DEFAULT;
    this.clientAddress = "";
    this.isInternal = false;
    this.upstreamTimeMs = -1;
    this.requestEndMs = -1;
    this.responseHeadMs = -1;
    this.requestBodyBytes = 0;
    this.responseBodyBytes = 0;
    this.metadata = undefined;
    this.trace?.reset();
  }

  /** The upstream's response head has come, so long after the request was sent to it. */
  noteHead(upstreamTimeMs: number, nowMs: number): void {
    this.upstreamTimeMs = upstreamTimeMs;
    this.responseHeadMs = nowMs;
  }

  /** Takes what a head or a trailer section says about the result. */
  noteGrpcStatus(headers: HeaderBlock): void {
    if (!this.isGrpc) return;
    const text = headers.get("grpc-status");
    if (text !== undefined) this.grpcStatus = parseGrpcStatus(text);
  }

  /**
   * The code of gRPC that the client sees: its library reads the HTTP status where nothing else came. -1 where there
   * was no answer, -2 for requests other than gRPC's.
   */
  get grpcResult(): number {
    if (!this.isGrpc) return -2;
    if (this.status === 0) return -1;
    return this.grpcStatus < 0 ? grpcStatusOfHttp(this.status) : this.grpcStatus;
  }
}
