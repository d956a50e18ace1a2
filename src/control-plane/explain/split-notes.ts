/** What decides where a request goes when its route has several clusters: chance, a header, or the hash of something. */
import type { ForwardAction } from "../../decision/route.ts";
import type {
  Route,
  RouteAction_HashPolicy,
} from "../../gen/envoy/config/route/v3/route_components_pb.js";
import type { ExplainedCluster } from "./explain-types.ts";

/** `clusters`: as they are for the request, with what is certain as a share of 1. */
export function splitNotes(
  { split }: ForwardAction,
  { action }: Route,
  clusters: readonly ExplainedCluster[],
): readonly string[] {
  if (clusters.length < 2) return [];
  const certain = clusters.find(({ share }) => share === 1);
  const isOpen = clusters.some(({ share }) => share > 0 && share < 1);
  if (!split.isByHash) {
    if (isOpen) return ["chance decides between the clusters for each request"];
    const { randomHeader } = split;
    return certain === undefined || randomHeader === ""
      ? []
      : [`the number in the header ${randomHeader} decides: ${certain.name}`];
  }
  const keys = keysOf(action.case === "route" ? action.value.hashPolicy : []);
  if (!isOpen && certain !== undefined) {
    return [`the hash of ${keys} decides: this request always goes to ${certain.name}`];
  }
  return [
    `the hash of ${keys} decides, so that each user stays with one cluster; which one, this request does not tell`,
  ];
}

function keysOf(policies: readonly RouteAction_HashPolicy[]): string {
  const names = policies.map(({ policySpecifier: { case: kind, value } }) => {
    switch (kind) {
      case "header":
        return `the header ${value.headerName}`;
      case "cookie":
        return `the cookie ${value.name}`;
      case "queryParameter":
        return `the query parameter ${value.name}`;
      case "connectionProperties":
        return "the client's address";
      default:
        return "something unknown here";
    }
  });
  return names.join(", else ") || "nothing";
}
