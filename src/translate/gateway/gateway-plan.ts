/** Gateways resolved once for a snapshot: what is attached to their listeners, and what is wrong with it. */
import { attachToGateways, type GatewayAttachment } from "../../resource/gateway-attachment.ts";
import { keyOf } from "../../resource/object.ts";
import type { Findings } from "../findings.ts";
import type { MeshSnapshot } from "../mesh-snapshot.ts";
import { type GatewayLogins, resolveLogins } from "./logins.ts";

/** By `namespace/name`. */
export type GatewayPlans = ReadonlyMap<string, GatewayPlan>;

export interface GatewayPlan extends GatewayAttachment {
  readonly logins: GatewayLogins;
}

export function planGateways(snapshot: MeshSnapshot, findings: Findings): GatewayPlans {
  const { gateways = [], httpRoutes, grpcRoutes, tcpRoutes, tlsRoutes } = snapshot;
  const routes = [...httpRoutes, ...grpcRoutes, ...tcpRoutes, ...tlsRoutes];
  const { byGateway, refused } = attachToGateways(gateways, routes);
  for (const { route, refIndex, code, message } of refused) {
    findings.add(code, { object: keyOf(route), path: `spec.parentRefs[${refIndex}]` }, message);
  }
  for (const gateway of gateways) {
    const { gatewayClassName } = gateway.spec;
    if (
      byGateway.get(`${gateway.metadata.namespace}/${gateway.metadata.name}`)?.gateway === gateway
    ) {
      continue;
    }
    const place = { object: keyOf(gateway), path: "spec.gatewayClassName" };
    findings.add(
      "gateway-class-unknown",
      place,
      `is ${gatewayClassName}; only tulle has an effect here`,
    );
  }
  const loginsOf = resolveLogins(snapshot, findings);
  return new Map([...byGateway].map(([name, one]) => [name, { ...one, logins: loginsOf(one) }]));
}
