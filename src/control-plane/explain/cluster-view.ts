/** Where a route sends requests: its clusters with their share, and the endpoints that may get one, or why they do not. */

import type { MessageShape } from "@bufbuild/protobuf";
import type { HashOrigin } from "../../decision/hash-policy.ts";
import { NOT_IN_SUBSET } from "../../decision/load-balancing/endpoint-subset.ts";
import type { RequestView } from "../../decision/request-view.ts";
import type { ForwardAction } from "../../decision/route.ts";
import { choiceAt, hashRemainder, remainderOf } from "../../decision/weighted-clusters.ts";
import {
  type Cluster,
  Cluster_LbPolicy as LbPolicy,
} from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import { HealthStatus } from "../../gen/envoy/config/core/v3/health_check_pb.js";
import type {
  LbEndpoint,
  LocalityLbEndpointsSchema,
} from "../../gen/envoy/config/endpoint/v3/endpoint_components_pb.js";
import type { EffectiveSetting } from "../api-types.ts";
import type { ExplainedCaller, ExplainedCluster, ExplainedEndpoint } from "./explain-types.ts";
import type { ProxyConfiguration } from "./proxy-configuration.ts";
import {
  candidatesInUse,
  type ExplainedSubsetting,
  type SubsetCandidate,
  subsettingOf,
} from "./subset-view.ts";

type Locality = MessageShape<typeof LocalityLbEndpointsSchema>;

export interface KnownToCaller {
  readonly configuration: ProxyConfiguration;
  readonly from: Pick<ExplainedCaller, "proxy">;
}

/** The largest share first. What a header decides instead of chance gets all of it. */
export function clusterViews(
  action: ForwardAction,
  request: RequestView,
  known: KnownToCaller,
): readonly ExplainedCluster[] {
  const { split } = action;
  const value = hashValue(action, request) ?? headerValue(action, request);
  const chosen = value === undefined ? undefined : choiceAt(split, value);
  return split.choices
    .map((choice) => {
      const byChance = split.total === 0 ? 0 : choice.weight / split.total;
      const share = chosen === undefined ? byChance : choice === chosen ? 1 : 0;
      return clusterView(choice.cluster, { weight: choice.weight, share }, known);
    })
    .sort((a, b) => b.share - a.share);
}

function headerValue({ split }: ForwardAction, request: RequestView): number | undefined {
  const given = split.randomHeader === "" ? undefined : request.header(split.randomHeader);
  return given === undefined ? undefined : remainderOf(given, split.total);
}

/** Undefined too where the hash is one of the client's connection, or of a cookie that it gets first. */
function hashValue({ split, hashPolicy }: ForwardAction, request: RequestView): number | undefined {
  if (!split.isByHash || hashPolicy === undefined) return undefined;
  const hashes = CONNECTIONS.map((origin) => {
    let hash: readonly [number, number] | undefined;
    const setHash = (high: number, low: number): void => {
      hash = [high, low];
    };
    hashPolicy.apply(request, origin, { setHash, setCookie: () => {} });
    return hash as readonly [number, number] | undefined;
  });
  const [first, second] = hashes;
  if (first === undefined || second === undefined) return undefined;
  const isOfRequest = first[0] === second[0] && first[1] === second[1];
  return isOfRequest ? hashRemainder(first[0], first[1], split.total) : undefined;
}

/** What both hash alike does not depend on the connection. */
const CONNECTIONS: readonly HashOrigin[] = [
  { remoteAddress: "127.0.0.1", remotePort: 1, localAddress: "127.0.0.1", localPort: 1 },
  { remoteAddress: "127.0.0.2", remotePort: 2, localAddress: "127.0.0.2", localPort: 2 },
];

function clusterView(
  name: string,
  { weight, share }: { readonly weight: number; readonly share: number },
  { configuration, from }: KnownToCaller,
): ExplainedCluster {
  const cluster = configuration.cluster(name);
  const assignmentName = cluster?.edsClusterConfig?.serviceName || name;
  const localities = configuration.endpoints(assignmentName)?.endpoints ?? [];
  const subsetting = cluster === undefined ? undefined : subsettingOf(cluster);
  const candidates = localities.flatMap(candidatesOf);
  const inUse =
    subsetting === undefined || from.proxy === null
      ? undefined
      : candidatesInUse(candidates, subsetting, from.proxy);
  return {
    name,
    exists: cluster !== undefined,
    weight,
    share,
    loadBalancer: cluster === undefined ? "none" : loadBalancerOf(cluster, subsetting),
    endpoints: endpointViews(candidates, panicThreshold(cluster), inUse),
    settings: cluster === undefined ? [] : clusterSettings(cluster, subsetting),
  };
}

/** The first policy of the list, with Envoy's name cut to what tells it apart. */
function loadBalancerOf(cluster: Cluster, subsetting: ExplainedSubsetting | undefined): string {
  const first = cluster.loadBalancingPolicy?.policies[0]?.typedExtensionConfig;
  if (first !== undefined) {
    const name = subsetting?.child || first.name;
    return name.replace(/^(envoy|tulle)\.load_balancing_policies\./, "");
  }
  return (LbPolicy[cluster.lbPolicy] ?? "ROUND_ROBIN").toLowerCase();
}

/** Envoy's default, in percent. */
const PANIC_PERCENT = 50;

function panicThreshold(cluster: Cluster | undefined): number {
  return cluster?.commonLbConfig?.healthyPanicThreshold?.value ?? PANIC_PERCENT;
}

interface Candidate extends SubsetCandidate {
  readonly locality: Locality;
}

function candidatesOf(locality: Locality): readonly Candidate[] {
  const { region = "", zone = "", subZone = "" } = locality.locality ?? {};
  return locality.lbEndpoints.map((endpoint) => ({
    locality,
    endpoint,
    address: addressText(
      endpoint.hostIdentifier.case === "endpoint"
        ? endpoint.hostIdentifier.value.address
        : undefined,
    ),
    priority: locality.priority,
    zone: `${region}/${zone}/${subZone}`,
    zoneWeight: locality.loadBalancingWeight ?? 0,
    isHealthy: isHealthy(endpoint),
  }));
}

/** `inUse`: those that the caller uses; undefined where it uses all, or nobody knows who calls. */
function endpointViews(
  all: readonly Candidate[],
  panicPercent: number,
  inUse: ReadonlySet<SubsetCandidate> | undefined,
): readonly ExplainedEndpoint[] {
  const healthy = all.filter(({ endpoint }) => isHealthy(endpoint));
  const firstPriority = Math.min(...healthy.map(({ locality }) => locality.priority), Infinity);
  const isPanic = all.length > 0 && (100 * healthy.length) / all.length < panicPercent;
  return all.map((candidate) => {
    const { locality, endpoint, address } = candidate;
    const isInUse = inUse?.has(candidate) ?? null;
    const against = reasonAgainst(endpoint, locality, { firstPriority, isPanic });
    const reason = against ?? (isInUse === false ? NOT_IN_SUBSET : null);
    return {
      address,
      workload: workloadOf(endpoint),
      zone: locality.locality?.zone ?? "",
      priority: locality.priority,
      weight: endpoint.loadBalancingWeight ?? 1,
      health: (HealthStatus[endpoint.healthStatus] ?? "UNKNOWN").toLowerCase(),
      inSubset: isInUse === null ? null : isInUse && (candidate.isHealthy || isPanic),
      eligible: reason === null,
      reason,
      live: null,
    };
  });
}

function isHealthy({ healthStatus }: LbEndpoint): boolean {
  return healthStatus === HealthStatus.UNKNOWN || healthStatus === HealthStatus.HEALTHY;
}

function reasonAgainst(
  endpoint: LbEndpoint,
  { priority }: Locality,
  state: { readonly firstPriority: number; readonly isPanic: boolean },
): string | null {
  if (endpoint.healthStatus === HealthStatus.DRAINING) {
    return "it is draining: it finishes what it has and gets nothing new";
  }
  if (!isHealthy(endpoint)) {
    return state.isPanic
      ? null
      : `its health is ${(HealthStatus[endpoint.healthStatus] ?? "").toLowerCase()}`;
  }
  if (priority > state.firstPriority) {
    return `its priority is ${priority}: used when too few of priority ${state.firstPriority} are healthy`;
  }
  return null;
}

function workloadOf({ metadata }: LbEndpoint): string | null {
  const identity = metadata?.filterMetadata["istio"]?.["workload"];
  // `name;namespace;service;version;cluster`, as Istio writes it.
  const [name = "", namespace = ""] = typeof identity === "string" ? identity.split(";") : [];
  return name === "" ? null : namespace === "" ? name : `${namespace}/${name}`;
}

interface AddressMessage {
  readonly address: { readonly case: string | undefined; readonly value?: unknown };
}

function addressText(address: AddressMessage | undefined): string {
  if (address?.address.case === "pipe") {
    return (address.address.value as { readonly path: string }).path;
  }
  if (address?.address.case !== "socketAddress") return "-";
  const socket = address.address.value as {
    readonly address: string;
    readonly portSpecifier: { readonly value?: unknown };
  };
  const host = socket.address.includes(":") ? `[${socket.address}]` : socket.address;
  return `${host}:${String(socket.portSpecifier.value ?? "")}`;
}

/** Read from the cluster itself; who asked for it is found elsewhere. */
function clusterSettings(
  cluster: Cluster,
  subsetting: ExplainedSubsetting | undefined,
): readonly EffectiveSetting[] {
  const origin = `cluster ${cluster.name}`;
  const setting = (field: string, value: string): EffectiveSetting => ({ field, value, origin });
  const thresholds = cluster.circuitBreakers?.thresholds[0];
  const limits = [
    ["connections", thresholds?.maxConnections],
    ["pending requests", thresholds?.maxPendingRequests],
    ["requests", thresholds?.maxRequests],
    ["retries", thresholds?.maxRetries],
  ] as const;
  const bounded = limits.filter(([, value]) => value !== undefined && value < UNLIMITED);
  return [
    setting("tls", cluster.transportSocket === undefined ? "no" : "yes"),
    ...(subsetting === undefined
      ? []
      : [setting("subsetting", `each caller uses ${subsetting.size} of them`)]),
    ...(bounded.length === 0
      ? []
      : [setting("circuitBreaker", bounded.map(([name, max]) => `${max} ${name}`).join(", "))]),
    ...(cluster.outlierDetection === undefined ? [] : [setting("outlierDetection", "on")]),
    ...(cluster.healthChecks.length === 0
      ? []
      : [setting("healthChecks", String(cluster.healthChecks.length))]),
  ];
}

/** As translation writes "no limit". */
const UNLIMITED = 0xffff_ffff;
