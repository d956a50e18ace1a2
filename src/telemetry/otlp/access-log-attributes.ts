/**
 * What an access log record of OTLP calls its values: written by sidecars (and by Envoy, from the same formats), read by the
 * control plane's receiver. OpenTelemetry's names where it has one, ours begin with `mesh.`. Envoy writes every
 * value as text, our sidecar numbers as integers: a reader takes both. What a request has no value for our sidecar leaves
 * out, Envoy writes `-`. The record's time is that of the request's beginning, its trace is `trace_id` and `span_id` of the record itself.
 */

/** `event_name` of the record; also the attribute `event.name`, which is all that Envoy can set. */
export const ACCESS_EVENT = "mesh.access";
/** The same for a request that a policy refused or whose credentials were not good. */
export const SECURITY_EVENT = "mesh.security";

/** Of a record for somebody who watches requests for a while: it is neither kept nor passed on. */
export const TAP_ATTRIBUTE = { event: "mesh.tap", id: "mesh.tap.id" } as const;

export const ACCESS_ATTRIBUTE = {
  eventName: "event.name",
  /** `source`: the caller's sidecar tells; `destination`: the called one. */
  reporter: "mesh.reporter",
  /** Istio's `start_time`: ISO 8601. The record's own time is the same moment. */
  startTime: "mesh.start_time",
  method: "http.request.method",
  /** Target with query, parameters with secrets redacted. */
  path: "url.path",
  authority: "server.address",
  /** `HTTP/1.1`, `HTTP/2`. */
  protocol: "mesh.protocol",
  /** 0 or missing: no answer. */
  responseCode: "http.response.status_code",
  /** A number; missing where the request is none of gRPC's. */
  grpcStatus: "rpc.grpc.status_code",
  /** Envoy's response flags with commas between them; missing without any. */
  responseFlags: "mesh.response_flags",
  responseCodeDetails: "mesh.response_code_details",
  connectionTerminationDetails: "mesh.connection_termination_details",
  /** Why the upstream could not be reached, or which condition of which policy denied. */
  failureReason: "mesh.upstream_transport_failure_reason",
  /** Milliseconds. */
  duration: "mesh.duration",
  /** Milliseconds until the upstream's response head. */
  upstreamServiceTime: "mesh.upstream_service_time",
  bytesReceived: "http.request.size",
  bytesSent: "http.response.size",
  attempts: "mesh.attempts",
  routeName: "mesh.route.name",
  /** `outbound|80||catalog.default.svc.tulle.local` or `inbound|8080||`: tells the called Service where nothing else does. */
  upstreamCluster: "mesh.upstream.cluster",
  upstreamHost: "mesh.upstream.host",
  downstreamLocalAddress: "mesh.downstream_local_address",
  downstreamRemoteAddress: "client.address",
  requestedServerName: "tls.client.server_name",
  userAgent: "user_agent.original",
  forwardedFor: "mesh.x_forwarded_for",
  requestId: "mesh.request_id",
  /** SPIFFE id of the caller, as its certificate proved it. Of reporter `destination` only. */
  sourcePrincipal: "mesh.source.principal",
  /** Of the called Service, as clusters name it. Envoy leaves these three out. */
  destinationHost: "mesh.destination.host",
  destinationService: "mesh.destination.service",
  destinationNamespace: "mesh.destination.namespace",
  /** Of a denial: `default/catalog-readers`, the number of its rule, and what of the request did not fit. */
  policy: "mesh.policy",
  policyRule: "mesh.policy.rule",
  policyReason: "mesh.policy.reason",
  requestBody: "mesh.request.body",
  responseBody: "mesh.response.body",
} as const;

/** Before the lower-case name of a captured header field. */
export const REQUEST_HEADER_PREFIX = "http.request.header.";
export const RESPONSE_HEADER_PREFIX = "http.response.header.";
