/**
 * A Gateway in the place of the Service that routes in a mesh are for: MeshConfig's defaults, and the filters that its
 * routes need.
 */

import type { GatewayRoute } from "../../resource/gateway-attachment.ts";
import { corsContribution } from "../filters/cors-filter.ts";
import type { FilterContribution } from "../filters/filter-contribution.ts";
import type { IndexedPort, IndexedService, MeshIndex } from "../mesh-index.ts";
import { qualifiedName } from "../names.ts";
import { edgeSettings } from "../route/edge-settings.ts";
import { sessionContribution } from "../session-filter.ts";
import type { GatewayPlan } from "./gateway-plan.ts";

export interface GatewayParent {
  readonly service: IndexedService;
  readonly port: IndexedPort;
  /** Filters before and behind those that ask who may pass. */
  readonly before: readonly FilterContribution[];
  readonly behind: readonly FilterContribution[];
}

export function gatewayParent(
  { gateway, logins }: GatewayPlan,
  portNumber: number,
  routes: readonly GatewayRoute[],
  index: MeshIndex,
): GatewayParent {
  const { metadata } = gateway;
  const key = qualifiedName(metadata);
  const hasCors = routes.some(
    (route) =>
      route.kind === "HTTPRoute" &&
      route.spec.rules.some(({ filters }) => filters?.some(({ type }) => type === "CORS")),
  );
  // No policy is for a Service without a name: what remains are MeshConfig's defaults.
  const settings = index.settingsOf.service("Service", "");
  const hasSessions = routes.some((route) =>
    route.spec.rules.some(
      (rule) =>
        (rule.sessionPersistence ??
          edgeSettings(route, rule, { index, fallback: settings }).sessionPersistence) !==
        undefined,
    ),
  );
  const auth = index.routeAuth.get(key) ?? [];
  // A preflight has no cookies: it is answered before a login is asked for.
  const before = [...(hasCors ? [corsContribution] : []), ...logins.filters, ...auth];
  const behind = hasSessions ? [sessionContribution(settings.sessionPersistence)] : [];
  const port: IndexedPort = {
    port: { port: portNumber, protocol: "TCP" } as IndexedPort["port"],
    name: `gateway|${portNumber}|${key}`,
    protocol: "http",
    protocolOrigin: "the Gateway's listener",
    tcpCluster: undefined,
    requestCluster: "",
    streamCluster: undefined,
    isExternal: false,
    targets: [],
  };
  const service: IndexedService = {
    service: {
      resource: { ...gateway, apiVersion: "v1", kind: "Service", spec: { ports: [] }, status: {} },
      serviceIndex: 0,
    },
    external: undefined,
    key,
    host: key,
    settings,
    filters: {
      outbound: [...before, ...behind],
      inbound: [],
      outboundConnections: [],
      inboundConnections: [],
    },
    ports: [port],
  };
  return { service, port, before, behind };
}
