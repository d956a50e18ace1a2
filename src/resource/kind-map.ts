/** Every kind by its name. A new kind adds one line here and one in registry.ts. */

import type { AuthorizationPolicy } from "./kinds/authorization-policy.ts";
import type { CachePolicy } from "./kinds/cache-policy.ts";
import type { ExternalService } from "./kinds/external-service.ts";
import type { FaultPolicy } from "./kinds/fault-policy.ts";
import type { Gateway } from "./kinds/gateway.ts";
import type { GrpcRoute } from "./kinds/grpc-route.ts";
import type { HttpRoute } from "./kinds/http-route.ts";
import type { MeshConfig } from "./kinds/mesh-config.ts";
import type { PeerAuthentication } from "./kinds/peer-authentication.ts";
import type { RateLimitPolicy } from "./kinds/rate-limit-policy.ts";
import type { RequestAuthentication } from "./kinds/request-authentication.ts";
import type { Revocation } from "./kinds/revocation.ts";
import type { Rollout } from "./kinds/rollout.ts";
import type { RouteFilter } from "./kinds/route-filter.ts";
import type { SecurityPolicy } from "./kinds/security-policy.ts";
import type { Service } from "./kinds/service.ts";
import type { TcpRoute } from "./kinds/tcp-route.ts";
import type { TelemetryExporter } from "./kinds/telemetry-exporter.ts";
import type { TelemetryPolicy } from "./kinds/telemetry-policy.ts";
import type { TlsRoute } from "./kinds/tls-route.ts";
import type { TrafficPolicy } from "./kinds/traffic-policy.ts";
import type { TrustDomainFederation } from "./kinds/trust-domain-federation.ts";
import type { Workload } from "./kinds/workload.ts";
import type { WorkloadAttestor } from "./kinds/workload-attestor.ts";

export interface KindMap {
  readonly ExternalService: ExternalService;
  readonly AuthorizationPolicy: AuthorizationPolicy;
  readonly CachePolicy: CachePolicy;
  readonly FaultPolicy: FaultPolicy;
  readonly Gateway: Gateway;
  readonly GRPCRoute: GrpcRoute;
  readonly HTTPRoute: HttpRoute;
  readonly MeshConfig: MeshConfig;
  readonly Revocation: Revocation;
  readonly PeerAuthentication: PeerAuthentication;
  readonly Rollout: Rollout;
  readonly RateLimitPolicy: RateLimitPolicy;
  readonly RequestAuthentication: RequestAuthentication;
  readonly RouteFilter: RouteFilter;
  readonly SecurityPolicy: SecurityPolicy;
  readonly Service: Service;
  readonly TCPRoute: TcpRoute;
  readonly TelemetryPolicy: TelemetryPolicy;
  readonly TLSRoute: TlsRoute;
  readonly TelemetryExporter: TelemetryExporter;
  readonly TrafficPolicy: TrafficPolicy;
  readonly TrustDomainFederation: TrustDomainFederation;
  readonly Workload: Workload;
  readonly WorkloadAttestor: WorkloadAttestor;
}

export type KindName = keyof KindMap;
export type ObjectOf<K extends KindName> = KindMap[K];
export type StatusOf<K extends KindName> = NonNullable<KindMap[K]["status"]>;

/** Any object of the mesh; `kind` tells which. */
export type AnyObject = KindMap[KindName];
