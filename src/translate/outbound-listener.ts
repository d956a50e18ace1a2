/** Listeners for what the app sends: one per routed Service port, on the Service's loopback address. */
import { create, type JsonObject } from "@bufbuild/protobuf";
import { TrafficDirection } from "../gen/envoy/config/core/v3/base_pb.js";
import { ListenerSchema } from "../gen/envoy/config/listener/v3/listener_pb.js";
import { keyOf } from "../resource/object.ts";
import type { FindingPlace, Findings } from "./findings.ts";
import { listenPortOf, parseLoopbackBlock, serviceAddress } from "./loopback-block.ts";
import type { IndexedPort, IndexedService, MeshIndex } from "./mesh-index.ts";
import type { ProxyScope } from "./mesh-snapshot.ts";
import { resourceOf, socketAddress } from "./message.ts";
import { outboundListenerName } from "./names.ts";
import { type ListenerChains, outboundChains } from "./outbound-chains.ts";
import { protocolMetadata } from "./protocol-metadata.ts";
import type { Attachments } from "./route/attachment.ts";
import { metricsMetadata } from "./telemetry/metrics-metadata.ts";
import type { TelemetryGroup } from "./telemetry/telemetry-index.ts";
import { tracingMetadata } from "./tracing/listener-tracing.ts";
import type { XdsResource } from "./translation.ts";

export interface OutboundPlanInput {
  readonly index: MeshIndex;
  readonly attachments: Attachments;
  /** Of the callers. */
  readonly telemetry: TelemetryGroup;
}

/** A listener, but for the address, which differs from sidecar to sidecar. */
export interface OutboundListenerPlan {
  readonly service: IndexedService;
  readonly port: IndexedPort;
  readonly listenPort: number;
  readonly chains: ListenerChains;
  /** By the callers' namespace, where consumer routes ask for other chains. */
  readonly consumerChains: ReadonlyMap<string, ListenerChains>;
  /** Of the listener's metadata. */
  readonly tracing: JsonObject | undefined;
  readonly metrics: JsonObject | undefined;
}

/** Made once per snapshot and group of callers: the filter chains of a port are the same for every sidecar of it. */
export function planOutboundListeners(
  { index, attachments, telemetry }: OutboundPlanInput,
  findings: Findings,
): readonly OutboundListenerPlan[] {
  return index.services.flatMap((service) => {
    const portByListenPort = new Map<number, number>();
    return service.ports.flatMap((indexed) => {
      const { port } = indexed.port;
      const listenPort = listenPortOf(port);
      const holder = portByListenPort.get(listenPort);
      if (holder !== undefined) {
        const place = { object: keyOf(service.service.resource), path: portPath(service, indexed) };
        const message = `ports ${holder} and ${port} both need the listener port ${listenPort}`;
        findings.add("listener-conflict", place, message);
        return [];
      }
      portByListenPort.set(listenPort, port);
      const context = { index, service, port: indexed, telemetry, findings };
      const tcp = attachments.tcp.get(indexed.name);
      const tls = attachments.tls.get(indexed.name);
      const producer = { tcp: tcp?.producer ?? [], tls: tls?.producer ?? [] };
      const consumers = new Set([...(tcp?.consumer.keys() ?? []), ...(tls?.consumer.keys() ?? [])]);
      const consumerChains = new Map(
        [...consumers].map((namespace) => {
          const routes = {
            tcp: tcp?.consumer.get(namespace) ?? producer.tcp,
            tls: tls?.consumer.get(namespace) ?? producer.tls,
          };
          return [namespace, outboundChains(routes, context)];
        }),
      );
      const chains = outboundChains(producer, context);
      const effective = telemetry.of([service.key]);
      const tracing = tracingMetadata(effective.tracing, index.snapshot);
      const metrics = metricsMetadata(effective.metrics, "CLIENT");
      return [{ service, port: indexed, listenPort, chains, consumerChains, tracing, metrics }];
    });
  });
}

/** The listeners of one sidecar. A sidecar whose block is not usable gets none, and a finding that says so. */
export function outboundListeners(
  plans: readonly OutboundListenerPlan[],
  scope: ProxyScope,
  report: { readonly findings: Findings; readonly place: FindingPlace },
): readonly XdsResource[] {
  const base = parseLoopbackBlock(scope.loopbackBlock);
  if (base === undefined) {
    const message = `${JSON.stringify(scope.loopbackBlock)} is not a /18 of 127.0.0.0/8; the app can call no service`;
    report.findings.add("address-exhausted", report.place, message);
    return [];
  }
  return plans.flatMap((plan) => {
    const { service, port, listenPort, chains, consumerChains, tracing, metrics } = plan;
    const address = serviceAddress(base, service.service.serviceIndex);
    if (address === undefined) {
      const place = { object: keyOf(service.service.resource), path: "status.serviceIndex" };
      const message = `index ${service.service.serviceIndex} lies outside a sidecar's block`;
      report.findings.add("address-exhausted", place, message);
      return [];
    }
    const name = outboundListenerName(address, listenPort);
    const listener = create(ListenerSchema, {
      name,
      address: socketAddress(address, listenPort),
      ...(consumerChains.get(scope.namespace) ?? chains),
      trafficDirection: TrafficDirection.OUTBOUND,
      metadata: protocolMetadata(port.protocol, port.protocolOrigin, undefined, tracing, metrics),
    });
    return [resourceOf(ListenerSchema, name, listener)];
  });
}

function portPath(service: IndexedService, port: IndexedPort): string {
  return `spec.ports[${service.service.resource.spec.ports.indexOf(port.port)}]`;
}
