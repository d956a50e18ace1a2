/**
 * One span that has ended, as it is told to a receiver or kept for a while: filled in place, so that a request costs no
 * object. Strings of requests are valid as long as their request is.
 */
import type { WorkloadLabels } from "../request-metrics.ts";
import { PARENT_AT, SPAN_AT } from "./trace-context.ts";

/** SpanKind of OTLP. */
export const KIND_SERVER = 2;
export const KIND_CLIENT = 3;

/** Why a span is told although its trace is not sampled. */
export const KEPT_NOT = 0;
export const KEPT_ERROR = 1;
export const KEPT_SLOW = 2;
/** Somebody else has kept its trace. */
export const KEPT_WANTED = 3;
/** Values of the attribute `mesh.kept`, by number. */
export const KEPT_NAMES = ["", "error", "slow", "wanted"] as const;

/** What a policy adds to spans: name and value. */
export interface SpanTag {
  readonly name: string;
  readonly value: string;
}

export class SpanDraft {
  /** As in a TraceContext. */
  readonly ids = new Int32Array(PARENT_AT + 2);
  traceFlags = 0;
  kind: number = KIND_SERVER;
  kept: number = KEPT_NOT;
  /** Milliseconds since 1970, with their fraction. */
  startMs = 0;
  durationMs = 0;
  /** 0 without an answer. */
  status = 0;
  /** Code of gRPC, -1 without an answer, -2 for other requests. */
  grpcStatus = -2;
  /** Index into RESPONSE_FLAGS. */
  flag = 0;
  /** Tries before this one. */
  resendCount = 0;
  isMirror = false;
  isHttps = false;
  /** `1.1`. */
  httpVersion = "";
  method = "";
  /** Without its query. */
  path = "";
  authority = "";
  routeName = "";
  /** What of the path the route asks for: `/items/*`; empty where it asks for nothing that can be said so. */
  routePath = "";
  clusterName = "";
  /** `address:port` of who has answered, or was to. */
  endpoint = "";
  /** Of who is called, for clients. */
  destination: WorkloadLabels | undefined;
  /** Of the other end, as its certificate proved it. */
  peerPrincipal = "";
  clientAddress = "";
  userAgent = "";
  requestId = "";
  details = "";
  failureReason = "";
  tags: readonly SpanTag[] = [];

  /** Span and parent of a context's words. */
  takeIds(ids: Int32Array): void {
    const own = this.ids;
    // Word by word: the built-in way costs more than so few words do.
    for (let i = 0; i < own.length; i++) own[i] = ids[i]!;
  }

  /** Of a try beside its request's own span. */
  setSpan(high: number, low: number): void {
    this.ids[SPAN_AT] = high;
    this.ids[SPAN_AT + 1] = low;
  }

  /** Becomes the same span as another one. */
  copy(other: SpanDraft): void {
    this.takeIds(other.ids);
    this.traceFlags = other.traceFlags;
    this.kind = other.kind;
    this.kept = other.kept;
    this.startMs = other.startMs;
    this.durationMs = other.durationMs;
    this.status = other.status;
    this.grpcStatus = other.grpcStatus;
    this.flag = other.flag;
    this.resendCount = other.resendCount;
    this.isMirror = other.isMirror;
    this.isHttps = other.isHttps;
    this.httpVersion = other.httpVersion;
    this.method = other.method;
    this.path = other.path;
    this.authority = other.authority;
    this.routeName = other.routeName;
    this.routePath = other.routePath;
    this.clusterName = other.clusterName;
    this.endpoint = other.endpoint;
    this.destination = other.destination;
    this.peerPrincipal = other.peerPrincipal;
    this.clientAddress = other.clientAddress;
    this.userAgent = other.userAgent;
    this.requestId = other.requestId;
    this.details = other.details;
    this.failureReason = other.failureReason;
    this.tags = other.tags;
  }
}
