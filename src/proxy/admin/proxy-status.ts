/**
 * What a proxy tells of itself besides its metrics, as plain data: one worker's, or that of several as
 * if they were one. Counts add up; what all workers have alike is taken from the first.
 */
import type { Cluster } from "../cluster.ts";
import type { DataPlane } from "../data-plane.ts";
import type { Endpoint } from "../endpoint.ts";
import type { ProxyListener } from "../listener.ts";
import type { BindError } from "../listener-binder.ts";

export interface EndpointStatus {
  readonly key: string;
  readonly host: string;
  readonly port: number;
  /** Bits of HEALTH_FLAG: of several workers those that any of them has. */
  readonly healthFlags: number;
  readonly weight: number;
  readonly priority: number;
  readonly zone: string;
  readonly workload: string;
  readonly connectionCount: number;
  readonly connectFailures: number;
  readonly activeRequests: number;
  readonly requestsTotal: number;
  /** Whether this proxy uses it, where it uses a part of the cluster's endpoints: any worker of several. */
  readonly isInSubset: boolean | undefined;
  /** Of several workers the mean by their requests. */
  readonly ewmaMs: number;
}

export interface ClusterStatus {
  readonly name: string;
  readonly endpoints: readonly EndpointStatus[];
}

export interface ListenerStatus {
  readonly name: string;
  readonly direction: "inbound" | "outbound";
  readonly host: string;
  readonly port: number;
  /** Connections by what they turned out to speak. */
  readonly accepted: Readonly<Record<string, number>>;
}

export interface ProxyStatus {
  readonly clusters: readonly ClusterStatus[];
  /** Bound ones. */
  readonly listeners: readonly ListenerStatus[];
  readonly secretNames: readonly string[];
  readonly warmingListeners: readonly string[];
  readonly bindErrors: ReadonlyMap<string, BindError>;
}

/** The part of the dynamic resources that is told. */
export interface DynamicStatus {
  readonly warming: readonly string[];
  readonly bindErrors: ReadonlyMap<string, BindError>;
}

export const NOTHING_DYNAMIC: DynamicStatus = { warming: [], bindErrors: new Map() };

export function statusOf(proxy: DataPlane, dynamic: DynamicStatus): ProxyStatus {
  return {
    clusters: [...proxy.clusters.values()].map(clusterStatus),
    listeners: [
      ...[...proxy.listeners.values()].map(listenerStatus),
      ...proxy.dnsListeners.status.map((status) => ({
        ...status,
        direction: "outbound" as const,
        accepted: {},
      })),
    ],
    secretNames: proxy.secrets.names,
    warmingListeners: dynamic.warming,
    bindErrors: dynamic.bindErrors,
  };
}

/** A listener counts as bound when every worker has bound it. */
export function mergeStatuses(statuses: readonly ProxyStatus[]): ProxyStatus {
  return {
    clusters: mergeByKey(
      statuses.map(({ clusters }) => clusters),
      ({ name }) => name,
      mergeClusters,
    ),
    listeners: mergeByKey(
      statuses.map(({ listeners }) => listeners),
      ({ name }) => name,
      mergeListeners,
    ).filter(({ name }) => statuses.every((status) => hasListener(status, name))),
    secretNames: [...new Set(statuses.flatMap(({ secretNames }) => secretNames))],
    warmingListeners: [...new Set(statuses.flatMap((status) => status.warmingListeners))],
    bindErrors: new Map(statuses.flatMap(({ bindErrors }) => [...bindErrors])),
  };
}

function listenerStatus({ config, port, protocols }: ProxyListener): ListenerStatus {
  const accepted = Object.entries(protocols).map(([protocol, { value }]) => [protocol, value]);
  return {
    ...{ name: config.name, direction: config.direction, host: config.address.host, port },
    accepted: Object.fromEntries(accepted),
  };
}

function hasListener({ listeners }: ProxyStatus, wanted: string): boolean {
  return listeners.some(({ name }) => name === wanted);
}

function mergeListeners(a: ListenerStatus, b: ListenerStatus): ListenerStatus {
  const accepted: Record<string, number> = { ...a.accepted };
  for (const [protocol, count] of Object.entries(b.accepted)) {
    accepted[protocol] = (accepted[protocol] ?? 0) + count;
  }
  return { ...a, accepted };
}

function clusterStatus({ name, endpoints, hosts }: Cluster): ClusterStatus {
  const members = hosts.members === undefined ? undefined : new Set(hosts.members);
  return {
    name,
    endpoints: endpoints.map((endpoint) => endpointStatus(endpoint, members?.has(endpoint))),
  };
}

function endpointStatus(endpoint: Endpoint, isInSubset: boolean | undefined): EndpointStatus {
  const { host, port, weight, priority, zone, workload } = endpoint.info;
  const {
    healthFlags,
    key,
    connectionCount,
    connectFailures,
    activeRequests,
    requestsTotal,
    ewmaMs,
  } = endpoint;
  return {
    ...{ key, host, port, healthFlags, weight, priority, zone, workload: workload.workload },
    ...{ connectionCount, connectFailures, activeRequests, requestsTotal, isInSubset, ewmaMs },
  };
}

function mergeClusters(a: ClusterStatus, b: ClusterStatus): ClusterStatus {
  const endpoints = mergeByKey([a.endpoints, b.endpoints], ({ key }) => key, mergeEndpoints);
  return { name: a.name, endpoints };
}

function mergeEndpoints(a: EndpointStatus, b: EndpointStatus): EndpointStatus {
  const requestsTotal = a.requestsTotal + b.requestsTotal;
  const weighted = a.ewmaMs * a.requestsTotal + b.ewmaMs * b.requestsTotal;
  return {
    ...a,
    healthFlags: a.healthFlags | b.healthFlags,
    connectionCount: a.connectionCount + b.connectionCount,
    connectFailures: a.connectFailures + b.connectFailures,
    activeRequests: a.activeRequests + b.activeRequests,
    requestsTotal,
    isInSubset: a.isInSubset || b.isInSubset,
    ewmaMs: requestsTotal === 0 ? a.ewmaMs : weighted / requestsTotal,
  };
}

function mergeByKey<T>(
  lists: readonly (readonly T[])[],
  keyOf: (item: T) => string,
  merge: (a: T, b: T) => T,
): readonly T[] {
  const byKey = new Map<string, T>();
  for (const item of lists.flat()) {
    const known = byKey.get(keyOf(item));
    byKey.set(keyOf(item), known === undefined ? item : merge(known, item));
  }
  return [...byKey.values()];
}
