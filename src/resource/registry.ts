/** The list of kinds, and how to find one: by what a document says, or by what a person types. */

import type { KindDefinition } from "./kind.ts";
import type { AnyObject, KindMap, KindName } from "./kind-map.ts";
import { authorizationPolicyKind } from "./kinds/authorization-policy.ts";
import { cachePolicyKind } from "./kinds/cache-policy.ts";
import { externalServiceKind } from "./kinds/external-service.ts";
import { faultPolicyKind } from "./kinds/fault-policy.ts";
import { gatewayKind } from "./kinds/gateway.ts";
import { grpcRouteKind } from "./kinds/grpc-route.ts";
import { httpRouteKind } from "./kinds/http-route.ts";
import { meshConfigKind } from "./kinds/mesh-config.ts";
import { peerAuthenticationKind } from "./kinds/peer-authentication.ts";
import { rateLimitPolicyKind } from "./kinds/rate-limit-policy.ts";
import { requestAuthenticationKind } from "./kinds/request-authentication.ts";
import { revocationKind } from "./kinds/revocation.ts";
import { rolloutKind } from "./kinds/rollout.ts";
import { routeFilterKind } from "./kinds/route-filter.ts";
import { securityPolicyKind } from "./kinds/security-policy.ts";
import { serviceKind } from "./kinds/service.ts";
import { tcpRouteKind } from "./kinds/tcp-route.ts";
import { telemetryExporterKind } from "./kinds/telemetry-exporter.ts";
import { telemetryPolicyKind } from "./kinds/telemetry-policy.ts";
import { tlsRouteKind } from "./kinds/tls-route.ts";
import { trafficPolicyKind } from "./kinds/traffic-policy.ts";
import { trustDomainFederationKind } from "./kinds/trust-domain-federation.ts";
import { workloadKind } from "./kinds/workload.ts";
import { workloadAttestorKind } from "./kinds/workload-attestor.ts";
import { nearestName } from "./nearest-name.ts";

/** A definition whose objects are of some known kind. */
export type AnyKindDefinition = KindDefinition<AnyObject>;

export interface Registry {
  /** In alphabetical order. */
  readonly kinds: readonly AnyKindDefinition[];
  /** By the exact `apiVersion` and `kind` of a document. */
  find(apiVersion: string, kind: string): AnyKindDefinition | undefined;
  /** By the exact kind. */
  ofKind(kind: KindName): AnyKindDefinition;
  /** By kind, plural or short name, in any case, as typed by a person. */
  lookup(name: string): AnyKindDefinition | undefined;
  /** The kind that somebody who typed `name` probably meant. */
  suggest(name: string): string | undefined;
}

const DEFINITIONS: { readonly [K in KindName]: KindDefinition<KindMap[K]> } = {
  ExternalService: externalServiceKind,
  AuthorizationPolicy: authorizationPolicyKind,
  CachePolicy: cachePolicyKind,
  FaultPolicy: faultPolicyKind,
  Gateway: gatewayKind,
  GRPCRoute: grpcRouteKind,
  HTTPRoute: httpRouteKind,
  MeshConfig: meshConfigKind,
  Revocation: revocationKind,
  PeerAuthentication: peerAuthenticationKind,
  Rollout: rolloutKind,
  RateLimitPolicy: rateLimitPolicyKind,
  RequestAuthentication: requestAuthenticationKind,
  RouteFilter: routeFilterKind,
  SecurityPolicy: securityPolicyKind,
  Service: serviceKind,
  TCPRoute: tcpRouteKind,
  TelemetryPolicy: telemetryPolicyKind,
  TLSRoute: tlsRouteKind,
  TelemetryExporter: telemetryExporterKind,
  TrafficPolicy: trafficPolicyKind,
  TrustDomainFederation: trustDomainFederationKind,
  Workload: workloadKind,
  WorkloadAttestor: workloadAttestorKind,
};

/** Every kind of this release. */
export const registry: Registry = createRegistry();

function createRegistry(): Registry {
  const kinds: readonly AnyKindDefinition[] = Object.values(DEFINITIONS);
  const byName = new Map<string, AnyKindDefinition>();
  for (const kind of kinds) {
    for (const name of [kind.kind, kind.plural, ...kind.shortNames]) {
      byName.set(name.toLowerCase(), kind);
    }
  }
  return {
    kinds,
    find: (apiVersion, kind) =>
      kinds.find((known) => known.kind === kind && known.apiVersion === apiVersion),
    ofKind: (kind) => DEFINITIONS[kind],
    lookup: (name) => byName.get(name.toLowerCase()),
    suggest: (name) => {
      const nearest = nearestName(name, byName.keys());
      return nearest === undefined ? undefined : byName.get(nearest)?.kind;
    },
  };
}
