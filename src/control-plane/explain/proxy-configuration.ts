/**
 * The xDS resources of one proxy by name, read from wherever they are: as the control plane encodes them, as translation
 * makes them, or from a proxy's own configuration dump. Each is decoded when it is asked for.
 */
import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { type Cluster, ClusterSchema } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
} from "../../gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { type Listener, ListenerSchema } from "../../gen/envoy/config/listener/v3/listener_pb.js";
import {
  type RouteConfiguration,
  RouteConfigurationSchema,
} from "../../gen/envoy/config/route/v3/route_pb.js";
import type { XdsResource } from "../../translate/translation.ts";
import type { ProxySnapshot } from "../../xds/snapshot.ts";
import {
  CLUSTER_TYPE_URL,
  ENDPOINT_TYPE_URL,
  LISTENER_TYPE_URL,
  ROUTE_TYPE_URL,
} from "../../xds/type-urls.ts";

export interface ProxyConfiguration {
  readonly listeners: () => readonly Listener[];
  readonly routeNames: () => readonly string[];
  readonly route: (name: string) => RouteConfiguration | undefined;
  readonly cluster: (name: string) => Cluster | undefined;
  readonly endpoints: (name: string) => ClusterLoadAssignment | undefined;
}

/** Resources by name, each made when it is asked for. */
export interface ResourceGroup<T> {
  readonly names: () => readonly string[];
  readonly get: (name: string) => T | undefined;
}

export interface ResourceGroups {
  readonly listeners: ResourceGroup<Listener>;
  readonly routes: ResourceGroup<RouteConfiguration>;
  readonly clusters: ResourceGroup<Cluster>;
  readonly endpoints: ResourceGroup<ClusterLoadAssignment>;
}

export function proxyConfiguration(groups: ResourceGroups): ProxyConfiguration {
  const { listeners, routes, clusters, endpoints } = groups;
  return {
    listeners: () => listeners.names().flatMap((name) => listeners.get(name) ?? []),
    routeNames: routes.names,
    route: routes.get,
    cluster: clusters.get,
    // A cluster of a fixed set brings its endpoints along.
    endpoints: (name) => endpoints.get(name) ?? clusters.get(name)?.loadAssignment,
  };
}

/** What the control plane hands to the ADS server for one proxy. */
export function configurationOfSnapshot(snapshot: ProxySnapshot): ProxyConfiguration {
  const group = <S extends DescMessage>(
    typeUrl: string,
    schema: S,
  ): ResourceGroup<MessageShape<S>> => {
    const resources = snapshot.resources.get(typeUrl);
    return {
      names: () => [...(resources?.keys() ?? [])],
      get: (name) => {
        const resource = resources?.get(name);
        return resource === undefined ? undefined : fromBinary(schema, resource.bytes);
      },
    };
  };
  return proxyConfiguration({
    listeners: group(LISTENER_TYPE_URL, ListenerSchema),
    routes: group(ROUTE_TYPE_URL, RouteConfigurationSchema),
    clusters: group(CLUSTER_TYPE_URL, ClusterSchema),
    endpoints: group(ENDPOINT_TYPE_URL, ClusterLoadAssignmentSchema),
  });
}

/** What translation makes for one proxy. */
export function configurationOfTranslation(resources: readonly XdsResource[]): ProxyConfiguration {
  const group = <T>(typeUrl: string): ResourceGroup<T> => {
    const byName = new Map(
      resources
        .filter((resource) => resource.typeUrl === typeUrl)
        .map(({ name, message }) => [name, message as unknown as T]),
    );
    return { names: () => [...byName.keys()], get: (name) => byName.get(name) };
  };
  return proxyConfiguration({
    listeners: group(LISTENER_TYPE_URL),
    routes: group(ROUTE_TYPE_URL),
    clusters: group(CLUSTER_TYPE_URL),
    endpoints: group(ENDPOINT_TYPE_URL),
  });
}
