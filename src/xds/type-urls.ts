/**
 * The type URLs of the xDS v3 resources that Tulle serves and consumes, and the facts of the protocol
 * that depend on the type: which types have a wildcard, which ones a state-of-the-world response
 * lists completely, and the make-before-break order of pushes.
 */

const PREFIX = "type.googleapis.com/";

export const LISTENER_TYPE_URL = `${PREFIX}envoy.config.listener.v3.Listener`;
export const ROUTE_TYPE_URL = `${PREFIX}envoy.config.route.v3.RouteConfiguration`;
export const CLUSTER_TYPE_URL = `${PREFIX}envoy.config.cluster.v3.Cluster`;
export const ENDPOINT_TYPE_URL = `${PREFIX}envoy.config.endpoint.v3.ClusterLoadAssignment`;
export const SECRET_TYPE_URL = `${PREFIX}envoy.extensions.transport_sockets.tls.v3.Secret`;
export const EXTENSION_TYPE_URL = `${PREFIX}envoy.config.core.v3.TypedExtensionConfig`;
export const VIRTUAL_HOST_TYPE_URL = `${PREFIX}envoy.config.route.v3.VirtualHost`;
export const SCOPED_ROUTE_TYPE_URL = `${PREFIX}envoy.config.route.v3.ScopedRouteConfiguration`;
export const RUNTIME_TYPE_URL = `${PREFIX}envoy.service.runtime.v3.Runtime`;

/**
 * The order in which additions and changes are sent (xDS protocol, "Eventual consistency
 * considerations"): clusters, what clusters need, listeners, routes. A type that is not listed has
 * no order and is sent at once.
 */
export const PUSH_ORDER: readonly string[] = [
  CLUSTER_TYPE_URL,
  ENDPOINT_TYPE_URL,
  SECRET_TYPE_URL,
  LISTENER_TYPE_URL,
  SCOPED_ROUTE_TYPE_URL,
  ROUTE_TYPE_URL,
  VIRTUAL_HOST_TYPE_URL,
];

/** Short names for logs, tables and metric labels. */
const SHORT_NAMES: ReadonlyMap<string, string> = new Map([
  [LISTENER_TYPE_URL, "LDS"],
  [ROUTE_TYPE_URL, "RDS"],
  [CLUSTER_TYPE_URL, "CDS"],
  [ENDPOINT_TYPE_URL, "EDS"],
  [SECRET_TYPE_URL, "SDS"],
  [EXTENSION_TYPE_URL, "ECDS"],
  [VIRTUAL_HOST_TYPE_URL, "VHDS"],
  [SCOPED_ROUTE_TYPE_URL, "SRDS"],
  [RUNTIME_TYPE_URL, "RTDS"],
]);

/** "CDS", "EDS", … or the type URL itself when it has no short name. */
export function shortTypeName(typeUrl: string): string {
  return SHORT_NAMES.get(typeUrl) ?? typeUrl;
}

/** These are only ever asked for by name, because another resource refers to them. */
const NAMED_ONLY: ReadonlySet<string> = new Set([
  ROUTE_TYPE_URL,
  ENDPOINT_TYPE_URL,
  SECRET_TYPE_URL,
  EXTENSION_TYPE_URL,
  VIRTUAL_HOST_TYPE_URL,
  RUNTIME_TYPE_URL,
]);

/** Whether `*`, or no name at all in the first request, means every resource of this type. */
export function hasWildcard(typeUrl: string): boolean {
  return !NAMED_ONLY.has(typeUrl);
}

/**
 * Whether a state-of-the-world response of this type lists everything that the client is to keep, so
 * that leaving a name out deletes it (xDS protocol, "Deleting resources": LDS and CDS only).
 */
export function isFullState(typeUrl: string): boolean {
  return typeUrl === LISTENER_TYPE_URL || typeUrl === CLUSTER_TYPE_URL;
}
