/** Where the connections of a TCPRoute or TLSRoute go. */
import type { TcpRoute } from "../../resource/kinds/tcp-route.ts";
import type { TlsRoute } from "../../resource/kinds/tls-route.ts";
import { keyOf } from "../../resource/object.ts";
import { type Findings, within } from "../findings.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { missingClusterName, serviceHost } from "../names.ts";
import type { StreamBackend } from "../tcp-proxy.ts";
import { resolveTarget } from "./backend.ts";

export type StreamRoute = TcpRoute | TlsRoute;

/**
 * The backends of the first rule, which is the only one that can take a connection. Never empty: connections that
 * go nowhere go to a cluster that does not exist, and are closed (TCPRouteRule.backendRefs).
 */
export function streamBackends(
  route: StreamRoute,
  context: { readonly index: MeshIndex; readonly findings: Findings },
): readonly StreamBackend[] {
  const { index, findings } = context;
  const place = { object: keyOf(route), path: "spec.rules[0]" };
  const { namespace, name } = route.metadata;
  const backends = (route.spec.rules[0]?.backendRefs ?? []).flatMap((ref, refIndex) => {
    if (ref.weight === 0) return [];
    const at = within(place, `.backendRefs[${refIndex}]`);
    const target = resolveTarget(ref, "stream", { index, findings, namespace, place: at });
    return [{ clusterName: target.clusterName, weight: ref.weight, settings: target.settings }];
  });
  if (backends.length > 0) return backends;
  findings.add("no-backend", place, "no backend has a weight above 0");
  const host = serviceHost({ namespace, name }, index.snapshot.trustDomain);
  return [{ clusterName: missingClusterName(host, 0), weight: 1 }];
}
