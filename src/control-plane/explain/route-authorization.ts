/** What the policies of those who are called say of an explained request, as it reaches them. */

import type { MeshSnapshot } from "../../translate/mesh-snapshot.ts";
import { authorizationOf, type KnownCaller } from "../authz/authz-check.ts";
import type { AuthzVerdict } from "../authz-types.ts";
import type { ExplainedCaller, ExplainedCluster, ExplainedRequest } from "./explain-types.ts";

/** A request behind its route: what is rewritten is rewritten. */
export interface ForwardedCall {
  readonly from: ExplainedCaller;
  readonly request: ExplainedRequest;
  readonly path: string;
  readonly clusters: readonly ExplainedCluster[];
}

/** The Service and port of a cluster as translation names it: `outbound|80||catalog.default.svc.tulle.local`. */
const CLUSTER_FORM = /^(?:outbound|failover)\|(\d+)\|[^|]*\|([^.|]+)\.([^.|]+)\./;

/** Null where nobody knows who asks, or where it goes to no Service of the mesh. */
export function routeAuthorization(
  { from, request, path, clusters }: ForwardedCall,
  snapshot: MeshSnapshot,
  callers: readonly KnownCaller[],
): readonly AuthzVerdict[] | null {
  const name = from.proxy ?? from.service;
  if (name === null) return null;
  const query = request.query === "" ? "" : `?${request.query}`;
  const verdicts = clusters.flatMap((cluster) => {
    const [, port, service, namespace] = CLUSTER_FORM.exec(cluster.name) ?? [];
    if (service === undefined || cluster.share === 0) return [];
    return authorizationOf(
      {
        from: `${from.namespace}/${name}`,
        to: `${namespace}/${service}`,
        method: request.method,
        path: path + query,
        headers: [["host", request.authority], ...request.headers],
        port: Number(port),
        ...(request.claims === undefined ? {} : { claims: request.claims }),
      },
      snapshot,
      callers,
    );
  });
  return verdicts.length === 0 ? null : verdicts;
}
