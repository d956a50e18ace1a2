/**
 * What translation reads: the mesh as it stands at one store revision, and who the proxy is that asks.
 * Both are plain data, so that a golden test, `tulle plan` and the control plane build them alike.
 */

import type { PublicJwk } from "../decision/spiffe/bundle-document.ts";
import type { IdentityPolicy } from "../identity/identity-policy.ts";
import type { AuthorizationPolicy } from "../resource/kinds/authorization-policy.ts";
import type { CachePolicy } from "../resource/kinds/cache-policy.ts";
import type { ExternalService } from "../resource/kinds/external-service.ts";
import type { FaultPolicy } from "../resource/kinds/fault-policy.ts";
import type { Gateway } from "../resource/kinds/gateway.ts";
import type { GrpcRoute } from "../resource/kinds/grpc-route.ts";
import type { HttpRoute } from "../resource/kinds/http-route.ts";
import type { MeshConfig } from "../resource/kinds/mesh-config.ts";
import type { PeerAuthentication } from "../resource/kinds/peer-authentication.ts";
import type { RateLimitPolicy } from "../resource/kinds/rate-limit-policy.ts";
import type { RequestAuthentication } from "../resource/kinds/request-authentication.ts";
import type { RouteFilter } from "../resource/kinds/route-filter.ts";
import type { SecurityPolicy } from "../resource/kinds/security-policy.ts";
import type { Service } from "../resource/kinds/service.ts";
import type { TcpRoute } from "../resource/kinds/tcp-route.ts";
import type { TelemetryPolicy } from "../resource/kinds/telemetry-policy.ts";
import type { TlsRoute } from "../resource/kinds/tls-route.ts";
import type { TrafficPolicy } from "../resource/kinds/traffic-policy.ts";
import type { MeshObject, ObjectStatus } from "../resource/object.ts";
import type { InstanceProtocol } from "../resource/port-protocol.ts";
import type { FetchedKeySets } from "./jwt/key-source.ts";

/** The mesh at one revision. Lists may come in any order: translation sorts what it emits. */
export interface MeshSnapshot {
  /** The store revision that this is a picture of. */
  readonly revision: number;
  /** When it was taken, in milliseconds since the epoch: what has ended by then has no effect. Undefined: nothing has. */
  readonly asOfMs?: number;
  /** `tulle.local`. */
  readonly trustDomain: string;
  /** Every root that peers may chain to, PEM, concatenated. */
  readonly trustBundlePem: string;
  /** Who is revoked, and the roots that certificates are to be under. Undefined: nobody, any. */
  readonly identityPolicy?: IdentityPolicy;
  /** Keys for tokens, and other trust domains. Undefined: none. */
  readonly spiffeTrust?: SpiffeTrust;
  /** Where proxies ask the control plane for more than configuration: `127.0.0.1:15012`. Undefined or empty: nowhere yet. */
  readonly controlPlaneAddress?: string;
  /** Undefined until someone applies one: every default holds. */
  readonly meshConfig: MeshConfig | undefined;
  readonly services: readonly MeshService[];
  readonly externalServices: readonly MeshExternalService[];
  readonly grpcRoutes: readonly GrpcRoute[];
  readonly httpRoutes: readonly HttpRoute[];
  readonly tcpRoutes: readonly TcpRoute[];
  readonly tlsRoutes: readonly TlsRoute[];
  readonly rateLimitPolicies: readonly RateLimitPolicy[];
  readonly routeFilters: readonly RouteFilter[];
  readonly trafficPolicies: readonly TrafficPolicy[];
  readonly cachePolicies: readonly CachePolicy[];
  readonly faultPolicies: readonly FaultPolicy[];
  /** Undefined: none. */
  readonly gateways?: readonly Gateway[];
  /** Undefined: none. */
  readonly securityPolicies?: readonly (SecurityPolicy | ClosedSecurityPolicy)[];
  /** Undefined: none. */
  readonly requestAuthentications?: readonly RequestAuthentication[];
  /** Keys of issuers that were fetched. Undefined: none yet. */
  readonly keySets?: FetchedKeySets;
  /** Undefined: none. */
  readonly peerAuthentications?: readonly PeerAuthentication[];
  /** Undefined: none. */
  readonly authorizationPolicies?: readonly AuthorizationPolicy[];
  /** Undefined: none. */
  readonly telemetryPolicies?: readonly TelemetryPolicy[];
  readonly instances: readonly MeshInstance[];
}

/** In place of a SecurityPolicy that cannot be translated: nobody passes where it holds. Never in the store. */
export type ClosedSecurityPolicy = MeshObject<
  "SecurityPolicy",
  { readonly targetRefs: SecurityPolicy["spec"]["targetRefs"]; readonly isClosed: true },
  ObjectStatus
>;

/** What is trusted beside the mesh's own roots. The same object until something changes. */
export interface SpiffeTrust {
  /** By which tokens of this trust domain are verified. */
  readonly jwtKeys: readonly PublicJwk[];
  readonly federated: readonly FederatedBundle[];
}

/** The roots and keys of another trust domain. Without roots no certificate of it is trusted. */
export interface FederatedBundle {
  readonly trustDomain: string;
  readonly rootsPem: string;
  readonly rootsDer: readonly Buffer[];
  readonly jwtKeys: readonly PublicJwk[];
}

/** A Service with what the control plane allocated to it. */
export interface MeshService {
  readonly resource: Service;
  /** Of a headless one, by name: instances that callers reach one by one. */
  readonly instances?: readonly AddressedInstance[];
  /** Offset of its outbound address within each sidecar's loopback block, from 0. Stable for the Service's life. */
  readonly serviceIndex: number;
}

/** An instance with a name and an address of its own. */
export interface AddressedInstance {
  readonly name: string;
  /** As that of a Service. */
  readonly serviceIndex: number;
  /** Whether it is among the addresses of its Service: nobody knows it to be unwell. */
  readonly isUsable: boolean;
}

/** Hosts outside the mesh, with what the control plane allocated to them. */
export interface MeshExternalService {
  readonly resource: ExternalService;
  /** As that of a Service. */
  readonly serviceIndex: number;
}

/** One instance of a service: a registered sidecar, or a Workload object. */
export interface MeshInstance {
  /** `catalog-v1-x7k2p`. Unique in its namespace. */
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  /** Of its identity, where that is not the mesh's own. */
  readonly trustDomain?: string;
  /** What the selectors of Services are held against. */
  readonly labels: Readonly<Record<string, string>>;
  /** Empty when unknown. */
  readonly zone: string;
  /** IP literal where peers reach its inbound listeners. */
  readonly address: string;
  readonly ports: readonly MeshInstancePort[];
  readonly health: MeshInstanceHealth;
  /** Its share among the instances of a service; 1 when nobody says. */
  readonly weight: number;
}

export interface MeshInstancePort {
  /** `http`. May be empty. */
  readonly name: string;
  /** Where the app listens, on loopback. */
  readonly port: number;
  /** Where its sidecar accepts mutual TLS for that port. Undefined without a sidecar: `port` takes plain text. */
  readonly inboundPort?: number;
  readonly protocol: InstanceProtocol;
}

/**
 * `unhealthy` endpoints stay listed but get no requests; `draining` ones finish what they have. `unknown`
 * gets requests: nobody watches a Workload that is written by hand. A registered instance whose
 * sidecar has not reported yet is `unhealthy`.
 */
export type MeshInstanceHealth = "healthy" | "unhealthy" | "draining" | "unknown";

/** Who asks, taken from the client certificate and node metadata, which must agree. */
export interface ProxyScope {
  /** `catalog-v1-x7k2p`. */
  readonly nodeId: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Where it runs; empty when unknown. */
  readonly zone: string;
  /** IP literal that its inbound listeners bind. */
  readonly address: string;
  readonly ports: readonly MeshInstancePort[];
  /** `127.37.64.0/18`: the addresses that its outbound listeners may bind. */
  readonly loopbackBlock: string;
  /** A gateway has no app beside it: it takes requests from outside, by the Gateway that it runs. */
  readonly role: "sidecar" | "gateway";
  /** Name of the Gateway, in the proxy's namespace. */
  readonly gateway?: string;
}
