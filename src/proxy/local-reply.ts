/**
 * The one table of answers that the proxy gives itself: status, Envoy response flag, Envoy response
 * code details, and a sentence that tells a person what happened and what to check.
 */
import type { RouteMatchResult } from "../decision/route-table.ts";
import type { HeaderBlock } from "../http/header-block.ts";
import { HEADER } from "../http/header-name.ts";
import { GRPC_STATUS } from "../telemetry/grpc-status.ts";
import { FLAG, RESPONSE_FLAGS } from "../telemetry/response-flag.ts";
import { APPLICATION_JSON, ownAnswerHeaders, TEXT_PLAIN } from "./own-answer-headers.ts";
import type { UpstreamFailure } from "./stream.ts";

export interface LocalReply {
  readonly status: number;
  /** Index into RESPONSE_FLAGS. */
  readonly flag: number;
  /** Envoy's `response_code_details`. */
  readonly details: string;
  readonly message: string;
  /** What clients of gRPC get, where it is not what the status means to them. */
  readonly grpcStatus?: number;
}

export const LOCAL_REPLY = {
  noRoute: {
    status: 404,
    flag: FLAG.NR,
    details: "route_not_found",
    message:
      "no route matches this request; check the host, path, method and headers of the routes",
  },
  clusterNotFound: {
    status: 503,
    flag: FLAG.NC,
    details: "cluster_not_found",
    message: "the route names a cluster that this proxy does not have",
  },
  noHealthyUpstream: {
    status: 503,
    flag: FLAG.UH,
    details: "no_healthy_upstream",
    message: "no healthy upstream: the service has no instance that can take the request",
  },
  overflow: {
    status: 503,
    flag: FLAG.UO,
    details: "upstream_reset_before_response_started{overflow}",
    message: "a circuit breaker of the upstream cluster is open: too many connections or requests",
  },
  connectFailed: {
    status: 503,
    flag: FLAG.UF,
    details: "upstream_reset_before_response_started{connection_failure}",
    message: "the upstream could not be connected to",
  },
  connectTimeout: {
    status: 503,
    flag: FLAG.UF,
    details: "upstream_reset_before_response_started{connection_timeout}",
    message: "connecting to the upstream took longer than the connect timeout",
  },
  tlsFailed: {
    status: 503,
    flag: FLAG.UF,
    details: "upstream_reset_before_response_started{connection_failure,TLS_error}",
    message: "the TLS connection to the upstream failed",
  },
  connectionClosed: {
    status: 503,
    flag: FLAG.UC,
    details: "upstream_reset_before_response_started{connection_termination}",
    message: "the upstream closed the connection before it answered",
  },
  streamReset: {
    status: 503,
    flag: FLAG.UR,
    details: "upstream_reset_before_response_started{remote_reset}",
    message: "the upstream reset the stream before it answered",
  },
  streamRefused: {
    status: 503,
    flag: FLAG.UR,
    details: "upstream_reset_before_response_started{remote_refused_stream_reset}",
    message: "the upstream did not take the request",
  },
  upstreamProtocolError: {
    status: 502,
    flag: FLAG.UPE,
    details: "upstream_reset_before_response_started{protocol_error}",
    message: "the upstream's answer breaks its protocol",
  },
  upstreamTimeout: {
    status: 504,
    flag: FLAG.UT,
    details: "response_timeout",
    message: "the upstream did not answer within the route's timeout",
  },
  tryTimeout: {
    status: 504,
    flag: FLAG.UT,
    details: "upstream_per_try_timeout",
    message: "the upstream did not answer within the route's limit for a single try",
  },
  tryIdleTimeout: {
    status: 504,
    flag: FLAG.UT,
    details: "upstream_per_try_idle_timeout",
    message: "the upstream was silent for longer than the route allows a single try",
  },
  upstreamDuration: {
    status: 504,
    flag: FLAG.UMSDR,
    details: "upstream_max_stream_duration_reached",
    message: "the stream took longer than its cluster allows",
  },
  streamDuration: {
    status: 504,
    flag: FLAG.none,
    details: "max_duration_timeout",
    message: "the request took longer than its deadline, or than the route allows a stream",
    grpcStatus: GRPC_STATUS.deadlineExceeded,
  },
  requestIdle: {
    status: 408,
    flag: FLAG.SI,
    details: "stream_idle_timeout",
    message: "the rest of the request did not come within the stream idle timeout",
  },
  answerIdle: {
    status: 504,
    flag: FLAG.SI,
    details: "stream_idle_timeout",
    message: "the upstream was silent for longer than the stream idle timeout",
  },
  requestHeadTimeout: {
    status: 408,
    flag: FLAG.none,
    details: "request_header_timeout",
    message: "the request head did not arrive in time",
  },
  downstreamProtocolError: {
    status: 400,
    flag: FLAG.DPE,
    details: "http1.codec_error",
    message: "the request breaks HTTP/1.1",
  },
  pathInvalid: {
    status: 400,
    flag: FLAG.none,
    details: "path_normalization_failed",
    message: "the path cannot be brought into a canonical form",
  },
  underscoreName: {
    status: 400,
    flag: FLAG.DPE,
    details: "http1.unexpected_underscore",
    message: "a header name has an underscore, which this listener refuses",
  },
  misdirected: {
    status: 421,
    flag: FLAG.none,
    details: "misdirected_request",
    message:
      "the connection was made for another host, which proves itself otherwise: connect for this one",
  },
  upgradeRefused: {
    status: 403,
    flag: FLAG.none,
    details: "upgrade_failed",
    message: "neither the route nor the listener allows this protocol upgrade; see upgrade_configs",
  },
  websocketKeyMissing: {
    status: 400,
    flag: FLAG.none,
    details: "upgrade_failed",
    message: "a WebSocket's handshake needs a Sec-WebSocket-Key (RFC 6455 section 4.2.1)",
  },
  faultAbort: {
    status: 503,
    flag: FLAG.FI,
    details: "fault_filter_abort",
    message: "a fault that is injected on purpose; see the FaultPolicies of the service",
  },
  concurrencyLimit: {
    status: 503,
    flag: FLAG.OM,
    details: "reached_concurrency_limit",
    message: "the app has as many requests as it can work on; load is shed",
  },
  rateLimited: {
    status: 429,
    flag: FLAG.RL,
    details: "local_rate_limited",
    message: "too many requests: a rate limit is used up",
  },
  serviceRateLimited: {
    status: 429,
    flag: FLAG.RL,
    details: "request_rate_limited",
    message: "too many requests: a limit that all instances share is used up",
  },
  rateLimitServiceFailed: {
    status: 500,
    flag: FLAG.RLSE,
    details: "rate_limiter_error",
    message:
      "the rate limit service did not answer, and the limit's policy lets nothing through then",
  },
  accessDenied: {
    status: 403,
    flag: FLAG.UAEX,
    // With the policy that matched behind it: see `denialDetails`.
    details: "rbac_access_denied_matched_policy",
    message: "access denied: an authorization policy does not allow this request",
  },
  requestTooLarge: {
    status: 413,
    flag: FLAG.none,
    details: "request_payload_too_large",
    message: "the request's body is longer than what its authorization service may be told",
  },
  authzDenied: {
    status: 403,
    flag: FLAG.UAEX,
    details: "ext_authz_denied",
    message: "access denied: the external authorization service does not allow this",
  },
  authzFailed: {
    status: 403,
    flag: FLAG.UAEX,
    details: "ext_authz_error",
    message: "access denied: the external authorization service could not be asked",
  },
  authzInvalid: {
    status: 500,
    flag: FLAG.UAEX,
    details: "ext_authz_invalid",
    message: "the external authorization service answered with malformed header fields",
  },
  onlyIfCached: {
    status: 504,
    flag: FLAG.none,
    details: "cache_only_if_cached",
    message: "the request wants a stored response (only-if-cached), and there is none that fits",
  },
  connectRefused: {
    status: 404,
    flag: FLAG.NR,
    details: "route_not_found",
    message: "no route takes CONNECT for this host; it needs a connect_matcher",
  },
} as const satisfies Record<string, LocalReply>;

export interface LocalAnswer {
  readonly headers: HeaderBlock;
  readonly body: string;
}

/**
 * What a local reply says: JSON for clients that accept JSON, else a line of text. `reason` adds what is
 * known about this one case. `requestHeaders` are undefined when they could not be read; `match`
 * is its route, if it has one by then, whose header changes hold here, too.
 */
export function localAnswer(
  reply: LocalReply,
  reason: string,
  requestHeaders: HeaderBlock | undefined,
  match: RouteMatchResult | undefined,
): LocalAnswer {
  const message = reason === "" ? reply.message : `${reply.message}: ${reason}`;
  const accept = requestHeaders?.indexOf(HEADER.accept) ?? -1;
  if (
    requestHeaders === undefined ||
    accept < 0 ||
    !requestHeaders.value(accept).includes("json")
  ) {
    return { headers: ownAnswerHeaders(TEXT_PLAIN, match), body: `${message}\n` };
  }
  const { status, flag, details } = reply;
  const value = { status, flag: RESPONSE_FLAGS[flag], details, message };
  const headers = ownAnswerHeaders(APPLICATION_JSON, match);
  return { headers, body: `${JSON.stringify(value)}\n` };
}

/** `isRequestWhole`: all of the request had come by then. */
export function replyForFailure(failure: UpstreamFailure, isRequestWhole = true): LocalReply {
  switch (failure.kind) {
    case "connect-failed":
      return LOCAL_REPLY.connectFailed;
    case "connect-timeout":
      return LOCAL_REPLY.connectTimeout;
    case "tls-failed":
      return LOCAL_REPLY.tlsFailed;
    case "connection-closed":
      return LOCAL_REPLY.connectionClosed;
    case "stream-refused":
      return LOCAL_REPLY.streamRefused;
    case "stream-reset":
      return LOCAL_REPLY.streamReset;
    case "protocol-error":
      return LOCAL_REPLY.upstreamProtocolError;
    case "try-timeout":
      return LOCAL_REPLY.tryTimeout;
    case "try-idle-timeout":
      return LOCAL_REPLY.tryIdleTimeout;
    case "stream-duration":
      return atFault(LOCAL_REPLY.upstreamDuration, isRequestWhole);
  }
}

/** As in Envoy, who has used the time up shows in the status: 408 where it was the client. */
export function atFault(reply: LocalReply, isRequestWhole: boolean): LocalReply {
  return isRequestWhole ? reply : { ...reply, status: 408 };
}

/** What is told of an answer that breaks off behind its head. */
export function breakForFailure(failure: UpstreamFailure): Pick<LocalReply, "flag" | "details"> {
  switch (failure.kind) {
    case "protocol-error":
      return { flag: FLAG.UPE, details: "upstream_reset_after_response_started{protocol_error}" };
    case "stream-duration":
      return { flag: FLAG.UMSDR, details: LOCAL_REPLY.upstreamDuration.details };
    case "stream-refused":
      return {
        flag: FLAG.UR,
        details: "upstream_reset_after_response_started{remote_refused_stream_reset}",
      };
    case "stream-reset":
      return { flag: FLAG.UR, details: "upstream_reset_after_response_started{remote_reset}" };
    default:
      return {
        flag: FLAG.UC,
        details: "upstream_reset_after_response_started{connection_termination}",
      };
  }
}
