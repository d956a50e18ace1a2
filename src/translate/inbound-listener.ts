/** Listeners for what others send to the app: mutual TLS in front of each port that it serves. */
import { create } from "@bufbuild/protobuf";
import { TrafficDirection } from "../gen/envoy/config/core/v3/base_pb.js";
import { ListenerSchema } from "../gen/envoy/config/listener/v3/listener_pb.js";
import { targetPortOf } from "../resource/kinds/service.ts";
import { inboundCluster } from "./cluster.ts";
import { INBOUND_IDLE_TIMEOUT_MS, UNDELIVERED_FLAG, UNDELIVERED_HEADER } from "./defaults.ts";
import { type FindingPlace, type Findings, within } from "./findings.ts";
import { httpConnectionManager } from "./http-connection-manager.ts";
import { type IndexedService, isSelected, type MeshIndex } from "./mesh-index.ts";
import type { MeshInstancePort, ProxyScope } from "./mesh-snapshot.ts";
import { duration, resourceOf, socketAddress } from "./message.ts";
import { inboundListenerName, inboundName } from "./names.ts";
import type { XdsResource } from "./translation.ts";
import { downstreamTls } from "./transport-socket.ts";

/** The app's side of one sidecar. */
export interface InboundResources {
  readonly listeners: readonly XdsResource[];
  readonly clusters: readonly XdsResource[];
}

export function inboundResources(
  index: MeshIndex,
  scope: ProxyScope,
  report: { readonly findings: Findings; readonly place: FindingPlace },
): InboundResources {
  const listeners: XdsResource[] = [];
  const clusters: XdsResource[] = [];
  for (const [position, port] of scope.ports.entries()) {
    if (port.inboundPort === undefined) continue;
    if (port.protocol !== "http") {
      const place = within(report.place, `ports[${position}]`);
      const message = `port ${port.port} speaks ${port.protocol}; only HTTP/1.1 is accepted`;
      report.findings.add("protocol-unsupported", place, message);
      continue;
    }
    listeners.push(inboundListener(index, scope.address, port, port.inboundPort));
    clusters.push(inboundCluster(port.port, servicesBehind(index, scope, port)));
  }
  return { listeners, clusters };
}

/**
 * The route has no timeout of its own: the caller's sidecar knows the rule and its policy. What it retries is
 * only a connection to the app that broke before the request was written to it.
 */
function inboundListener(
  index: MeshIndex,
  address: string,
  port: MeshInstancePort,
  inboundPort: number,
): XdsResource {
  const name = inboundListenerName(inboundPort);
  const target = inboundName(port.port);
  const manager = httpConnectionManager({
    statPrefix: target,
    accessLog: [...index.accessLogs],
    commonHttpProtocolOptions: { idleTimeout: duration(INBOUND_IDLE_TIMEOUT_MS) },
    streamIdleTimeout: duration(INBOUND_IDLE_TIMEOUT_MS),
    localReplyConfig: {
      mappers: [
        {
          filter: {
            filterSpecifier: { case: "responseFlagFilter", value: { flags: [UNDELIVERED_FLAG] } },
          },
          headersToAdd: [{ header: { key: UNDELIVERED_HEADER, value: "1" } }],
        },
      ],
    },
    routeSpecifier: {
      case: "routeConfig",
      value: {
        name: target,
        responseHeadersToRemove: [UNDELIVERED_HEADER],
        virtualHosts: [
          {
            name: target,
            domains: ["*"],
            routes: [
              {
                name: "default",
                match: { pathSpecifier: { case: "prefix", value: "/" } },
                action: {
                  case: "route",
                  value: {
                    clusterSpecifier: { case: "cluster", value: target },
                    timeout: duration(0),
                    retryPolicy: { retryOn: "reset-before-request", numRetries: 1 },
                  },
                },
              },
            ],
          },
        ],
        // Clusters come in a message of their own, maybe after this one.
        validateClusters: false,
      },
    },
  });
  const listener = create(ListenerSchema, {
    name,
    address: socketAddress(address, inboundPort),
    filterChains: [{ filters: [manager], transportSocket: downstreamTls() }],
    trafficDirection: TrafficDirection.INBOUND,
  });
  return resourceOf(ListenerSchema, name, listener);
}

/** Services that lead to this port of the app, for the labels of its metrics. */
function servicesBehind(
  index: MeshIndex,
  scope: ProxyScope,
  port: MeshInstancePort,
): readonly IndexedService[] {
  return index.services.filter(({ service, ports }) => {
    const { metadata, spec } = service.resource;
    if (metadata.namespace !== scope.namespace || !isSelected(scope.labels, spec.selector)) {
      return false;
    }
    return ports.some((candidate) => {
      const wanted = targetPortOf(candidate.port);
      return wanted === port.port || wanted === port.name;
    });
  });
}
