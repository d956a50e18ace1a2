/**
 * A Gateway in the place of the Service that routes in a mesh are for: MeshConfig's defaults, and the filters that its
 * routes need.
 */

import type { GatewayRoute } from "../../resource/gateway-attachment.ts";
import type { Gateway } from "../../resource/kinds/gateway.ts";
import { corsContribution } from "../filters/cors-filter.ts";
import type { IndexedPort, IndexedService, MeshIndex } from "../mesh-index.ts";
import { qualifiedName } from "../names.ts";
import { sessionContribution } from "../session-filter.ts";

export interface GatewayParent {
  readonly service: IndexedService;
  readonly port: IndexedPort;
}

export function gatewayParent(
  gateway: Gateway,
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
  const hasSessions = routes.some((route) =>
    route.spec.rules.some(({ sessionPersistence }) => sessionPersistence !== undefined),
  );
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
    // No policy is for a Service without a name: what remains are MeshConfig's defaults.
    settings: index.settingsOf.service("Service", ""),
    filters: {
      outbound: [
        ...(hasCors ? [corsContribution] : []),
        ...(hasSessions ? [sessionContribution(undefined)] : []),
      ],
      inbound: [],
      outboundConnections: [],
      inboundConnections: [],
    },
    ports: [port],
  };
  return { service, port };
}
