/** The names that resources carry in xDS. Istio's forms, so that its dashboards and readers know them. */

/** What names a Service. */
export interface ServiceName {
  readonly name: string;
  readonly namespace: string;
}

/** `catalog.default.svc.tulle.local`. */
export function serviceHost(service: ServiceName, trustDomain: string): string {
  return `${service.name}.${service.namespace}.svc.${trustDomain}`;
}

/** The cluster, its load assignment and the route configuration of one Service port share this name. */
export function outboundName(host: string, port: number): string {
  return `outbound|${port}||${host}`;
}

/** The cluster of a port whose protocol is detected, for connections that are not HTTP: Istio's place for a subset. */
export function outboundTcpName(host: string, port: number): string {
  return `outbound|${port}|tcp|${host}`;
}

/** The host that a cluster's name ends in; empty where it has none. */
export function hostOfCluster(cluster: string): string {
  return cluster.split("|")[3] ?? "";
}

/** The cluster of a port whose Service has others that take over: what routes name instead of its own. */
export function failoverName(name: string): string {
  return name.replace(/^outbound\|/, "failover|");
}

/**
 * The cluster that stands for a backend that does not exist. No such cluster is ever sent, whoever waits
 * for the clusters of a route must not wait for it: its requests get 500 (see `backend.ts`).
 */
export function missingClusterName(host: string, port: number): string {
  return `missing|${port}||${host}`;
}

/** Whether a route names a backend that is known not to exist. */
export function isMissingClusterName(name: string): boolean {
  return name.startsWith("missing|");
}

export function outboundListenerName(address: string, listenPort: number): string {
  return `outbound|${address}:${listenPort}`;
}

/** The listener that answers name queries. */
export function dnsListenerName(address: string): string {
  return `dns|${address}`;
}

/** The cluster and the inline route configuration of one app port. */
export function inboundName(appPort: number): string {
  return `inbound|${appPort}||`;
}

/** The cluster of an app's port that is spoken to in HTTP/2. */
export function inboundHttp2Name(appPort: number): string {
  return `inbound|${appPort}|h2c|`;
}

export function inboundListenerName(inboundPort: number): string {
  return `inbound|${inboundPort}`;
}

/** The SNI of a connection to a Service port: Istio's form, which is legal in a host name. */
export function sniOf(host: string, port: number): string {
  return `outbound_.${port}_._.${host}`;
}

/** The identity of a workload, SPIFFE ID section 2. */
export function spiffeId(trustDomain: string, namespace: string, serviceAccount: string): string {
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
}

/** Of the control plane, whatever it is asked for. */
export function controlPlaneSpiffeId(trustDomain: string): string {
  return spiffeId(trustDomain, "tulle-system", "control-plane");
}

/** `default/catalog`: a map key, and how messages name an object. */
export function qualifiedName(object: ServiceName): string {
  return `${object.namespace}/${object.name}`;
}

/** Orders by code unit: the same on every machine and in every locale. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
