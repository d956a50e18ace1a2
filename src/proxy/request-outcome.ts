/** What is known about one request once it is over: filled in by the exchange, read by metrics and logs. */
import type { HeaderBlock } from "../http/header-block.ts";
import type { RequestHead } from "../http/request-head.ts";
import type { ServiceLabels } from "../telemetry/request-metrics.ts";
import { FLAG } from "../telemetry/response-flag.ts";
import type { DownstreamConnection } from "./downstream-connection.ts";
import type { Endpoint } from "./endpoint.ts";

/** Bytes on the downstream wire, heads and framing included. */
export interface WireBytes {
  readonly requestBytes: number;
  readonly responseBytes: number;
}

export class RequestOutcome {
  readonly connection: DownstreamConnection;
  readonly wire: WireBytes;
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
  /** Milliseconds until the upstream's response head, or -1. */
  upstreamTimeMs = -1;

  constructor(connection: DownstreamConnection, wire: WireBytes) {
    this.connection = connection;
    this.wire = wire;
  }

  /** For the next request. `head` is undefined when its bytes were refused. */
  begin(head: RequestHead | undefined, startMs: number): void {
    this.method = head?.method ?? "";
    this.target = head?.target ?? "";
    this.authority = head?.authority ?? "";
    this.headers = head?.headers;
    this.requestId = "";
    this.startMs = startMs;
    this.status = 0;
    this.flag = FLAG.none;
    this.details = "";
    this.failureReason = "";
    this.routeName = "";
    this.clusterName = "";
    this.service = undefined;
    this.endpoint = undefined;
    this.attempts = 0;
    this.upstreamTimeMs = -1;
  }
}
