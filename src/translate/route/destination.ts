/** Where a route's requests go: one cluster, or several by weight, with the header changes on the way. */
import { create } from "@bufbuild/protobuf";
import {
  RouteAction_ClusterNotFoundResponseCode as NotFoundCode,
  type Route,
  type RouteAction,
  type WeightedCluster_ClusterWeight,
  WeightedCluster_ClusterWeightSchema,
  WeightedClusterSchema,
} from "../../gen/envoy/config/route/v3/route_components_pb.js";
import type { Backend } from "./backend.ts";
import { headerMutations, splitHost } from "./header-modifier.ts";

type HeaderLists = Partial<
  Pick<
    Route,
    | "requestHeadersToAdd"
    | "requestHeadersToRemove"
    | "responseHeadersToAdd"
    | "responseHeadersToRemove"
  >
>;

/** What the share of a backend that does not exist gets. */
export type FailureStatus = 500 | 503;

const NOT_FOUND_CODE = {
  500: NotFoundCode.INTERNAL_SERVER_ERROR,
  503: NotFoundCode.SERVICE_UNAVAILABLE,
} as const;

/**
 * Sets the clusters of `action` and returns the header changes that belong on the route itself. When
 * backends differ in what they change, every change stands with its cluster: xDS would apply the route's
 * after the cluster's, and the backend's must win.
 */
export function forwardTo(
  action: RouteAction,
  backends: readonly Backend[],
  failureStatus: FailureStatus,
): HeaderLists {
  if (backends.some((backend) => !backend.isValid)) {
    action.clusterNotFoundResponseCode = NOT_FOUND_CODE[failureStatus];
  }
  const [first, ...others] = backends;
  if (first === undefined) return {};
  const isUniform = others.every((backend) => hasSameChanges(backend, first));
  const single = others.length === 0 ? first : undefined;
  if (single !== undefined) {
    action.clusterSpecifier = { case: "cluster", value: single.clusterName };
  } else {
    const clusters = backends.map((backend) => clusterWeight(backend, !isUniform));
    action.clusterSpecifier = {
      case: "weightedClusters",
      value: create(WeightedClusterSchema, { clusters }),
    };
  }
  if (!isUniform) return {};
  const { host, headers } = changesOf(first);
  if (host !== undefined) {
    action.hostRewriteSpecifier = { case: "hostRewriteLiteral", value: host };
  }
  return headers;
}

function clusterWeight(backend: Backend, hasChanges: boolean): WeightedCluster_ClusterWeight {
  const { host, headers } = changesOf(backend);
  const message = create(WeightedCluster_ClusterWeightSchema, {
    name: backend.clusterName,
    weight: backend.weight,
    ...(hasChanges ? headers : {}),
  });
  if (hasChanges && host !== undefined) {
    message.hostRewriteSpecifier = { case: "hostRewriteLiteral", value: host };
  }
  return message;
}

/** A rewrite of the hostname goes before a Host among the header changes: it is the more explicit of the two. */
function changesOf(backend: Backend) {
  const { host, others } = splitHost(backend.requestChanges);
  const request = headerMutations(others);
  const response = headerMutations(backend.responseChanges);
  return {
    host: backend.host ?? host ?? backend.defaultHost,
    headers: {
      requestHeadersToAdd: request.toAdd,
      requestHeadersToRemove: request.toRemove,
      responseHeadersToAdd: response.toAdd,
      responseHeadersToRemove: response.toRemove,
    },
  };
}

/** Changes are shared as objects until a backend has filters of its own. */
function hasSameChanges(a: Backend, b: Backend): boolean {
  return (
    a.requestChanges === b.requestChanges &&
    a.responseChanges === b.responseChanges &&
    a.host === b.host &&
    a.defaultHost === b.defaultHost
  );
}
