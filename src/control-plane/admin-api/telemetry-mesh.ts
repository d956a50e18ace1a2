/** What the mesh knows of services and their instances, as views of telemetry need it. */
import type { ObjectOf } from "../../resource/kind-map.ts";
import { endpointsOf } from "../../resource/kinds/external-service.ts";
import { hostOfCluster, serviceHost } from "../../translate/names.ts";
import type { InstanceView } from "../api-types.ts";
import type { InstanceFigures } from "../telemetry/store/instance-figures.ts";
import type { ResourceFigures, ServiceRef } from "../telemetry-types.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import { instanceViews } from "./instance-routes.ts";

/** What proxies told within so long is of the present. */
const FRESH_MS = 60_000;

export interface KnownService {
  readonly ref: ServiceRef;
  readonly host: string;
  /** `Workload`: a caller that has no Service. */
  readonly kind: "ExternalService" | "Service" | "Workload";
  readonly instances: readonly InstanceView[];
  /** Of hosts outside, whose health nobody reports. */
  readonly outside: number;
}

export function refText({ namespace, name }: ServiceRef): string {
  return `${namespace}/${name}`;
}

export function refFrom(text: string): ServiceRef {
  const slash = text.indexOf("/");
  return { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
}

/** By `namespace/name`, in the order of these. */
export function knownServices(deps: AdminApiDeps): ReadonlyMap<string, KnownService> {
  const instances = instanceViews(deps);
  const byService = new Map<string, InstanceView[]>();
  for (const instance of instances) {
    for (const name of instance.services) {
      const key = `${instance.namespace}/${name}`;
      const list = byService.get(key);
      if (list === undefined) byService.set(key, [instance]);
      else list.push(instance);
    }
  }
  const objects: readonly (ObjectOf<"ExternalService"> | ObjectOf<"Service">)[] = [
    ...deps.objects.list("ExternalService"),
    ...deps.objects.list("Service"),
  ];
  const known = objects.map((object): readonly [string, KnownService] => {
    const { namespace, name } = object.metadata;
    const key = `${namespace}/${name}`;
    return [
      key,
      {
        ref: { namespace, name },
        host: serviceHost(object.metadata, deps.info.trustDomain),
        kind: object.kind,
        instances: byService.get(key) ?? [],
        outside: object.kind === "ExternalService" ? endpointsOf(object.spec).length : 0,
      },
    ];
  });
  return new Map(known.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Somebody who calls others and has no Service. */
export function callerWithoutService(
  deps: AdminApiDeps,
  { namespace, name }: ServiceRef,
): KnownService | undefined {
  const isThere = deps.proxies
    .list()
    .some(({ node }) => node.scope.namespace === namespace && node.service === name);
  if (!isThere) return undefined;
  return { ref: { namespace, name }, host: "", kind: "Workload", instances: [], outside: 0 };
}

/** The figures of instances that told something lately, by `namespace/instance`. */
export async function freshFigures(
  deps: AdminApiDeps,
): Promise<ReadonlyMap<string, InstanceFigures>> {
  const sinceMs = deps.clock.nowMs() - FRESH_MS;
  const figures = await deps.telemetry.questions.ask("instances", { sinceMs });
  return new Map(figures.map((one) => [`${one.namespace}/${one.instance}`, one]));
}

export const NO_RESOURCES: ResourceFigures = {
  appCpuCores: null,
  appMemoryBytes: null,
  sidecarCpuCores: null,
  sidecarMemoryBytes: null,
};

export function resourcesOf(figures: InstanceFigures | undefined): ResourceFigures {
  if (figures === undefined) return NO_RESOURCES;
  return {
    appCpuCores: figures.appCpuCores,
    appMemoryBytes: figures.appMemoryBytes,
    sidecarCpuCores: figures.cpuCores,
    sidecarMemoryBytes: figures.memoryBytes,
  };
}

export function sumResources(all: readonly ResourceFigures[]): ResourceFigures {
  const sum = (field: keyof ResourceFigures): number | null => {
    const told = all.map((one) => one[field]).filter((value) => value !== null);
    return told.length === 0 ? null : told.reduce((total, value) => total + value, 0);
  };
  return {
    appCpuCores: sum("appCpuCores"),
    appMemoryBytes: sum("appMemoryBytes"),
    sidecarCpuCores: sum("sidecarCpuCores"),
    sidecarMemoryBytes: sum("sidecarMemoryBytes"),
  };
}

/** What callers have ejected of one service. */
export interface EjectedHosts {
  /** The most that any of them did; there may be more than are named. */
  readonly most: number;
  /** `address:port`, of all callers together. */
  readonly endpoints: ReadonlySet<string>;
}

/** By the cluster's host. */
export function ejectedHosts(
  figures: ReadonlyMap<string, InstanceFigures>,
): ReadonlyMap<string, EjectedHosts> {
  const byHost = new Map<string, { most: number; readonly endpoints: Set<string> }>();
  for (const { ejected, ejectedEndpoints } of figures.values()) {
    for (const [cluster, count] of Object.entries(ejected)) {
      const host = hostOfCluster(cluster);
      const known = byHost.get(host) ?? { most: 0, endpoints: new Set() };
      byHost.set(host, known);
      known.most = Math.max(known.most, count);
      for (const endpoint of ejectedEndpoints[cluster] ?? []) known.endpoints.add(endpoint);
    }
  }
  return byHost;
}

/** Whether some caller sends this instance nothing. */
export function isInstanceEjected(
  ejected: EjectedHosts | undefined,
  { address, ports }: Pick<InstanceView, "address" | "ports">,
): boolean {
  return (
    ejected !== undefined &&
    ports.some(
      ({ port, inboundPort }) =>
        ejected.endpoints.has(`${address}:${inboundPort}`) ||
        ejected.endpoints.has(`${address}:${port}`),
    )
  );
}

/** How many of a service's hosts are out for some caller. */
export function ejectedCount(ejected: EjectedHosts | undefined, service: KnownService): number {
  if (ejected === undefined) return 0;
  const named = service.instances.filter((one) => isInstanceEjected(ejected, one)).length;
  const total = service.instances.length + service.outside;
  const outside = service.instances.length === 0 ? ejected.endpoints.size : 0;
  return Math.min(Math.max(named, outside, ejected.most), total);
}
