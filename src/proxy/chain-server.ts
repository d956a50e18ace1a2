/** What serves the connections of one filter chain, whatever they carry. */
import { assertNever } from "../core/assert.ts";
import type { RouteTable } from "../decision/route-table.ts";
import { ChainAuthorization } from "./chain-authorization.ts";
import type { ChainLimits } from "./chain-limits.ts";
import type { CompatibilityMetrics } from "./compatibility-metrics.ts";
import type { FilterChainConfig } from "./config/filter-chain-config.ts";
import type { HttpServer } from "./http-server.ts";
import type { Http2StreamPool } from "./http2-server-stream.ts";
import type { PolicyMetrics } from "./policy-decisions.ts";
import type { TcpServer } from "./tcp-server.ts";

export type ChainServer = {
  /** What connections must pass first. */
  readonly limits: ChainLimits;
  /** What policies decide is counted with these. */
  readonly policyMetrics: PolicyMetrics;
  /** Says to its server which metrics are told. */
  readonly compatibility: CompatibilityMetrics;
} & (
  | {
      readonly kind: "http";
      readonly server: HttpServer;
      /** Of all its connections. */
      readonly http2Streams: Http2StreamPool;
    }
  | { readonly kind: "tcp"; readonly server: TcpServer }
);

/**
 * Goes on with another configuration of the same kind. `tables` are the route tables that come by name.
 * Requests take the new one from the next on, TCP connections keep theirs.
 */
export function reconfigure(
  chain: ChainServer,
  { service, limits, authorization, checks, metrics }: FilterChainConfig,
  tables: ReadonlyMap<string, RouteTable>,
): void {
  chain.limits.configure(limits);
  switch (chain.kind) {
    case "http":
      if (service.kind !== "http") break;
      chain.server.reconfigure(service.http);
      chain.server.routeTable = service.http.inlineRoutes ?? tables.get(service.http.routesName);
      break;
    case "tcp":
      if (service.kind !== "tcp") break;
      chain.server.config = service.tcp;
      chain.server.checks = checks;
      break;
    default:
      assertNever(chain, "kind of chain");
  }
  chain.server.authorize(new ChainAuthorization(authorization, chain.policyMetrics));
  chain.compatibility.apply(chain.server, metrics);
}
