/** What a route makes of a request and its answer besides choosing where it goes: rewrites and header changes, in words. */

import type { RouteExplanation } from "../../decision/explanation.ts";
import type { MutationLists } from "../../decision/header-mutation.ts";
import {
  HeaderValueOption_HeaderAppendAction as Append,
  type HeaderValueOption,
} from "../../gen/envoy/config/core/v3/base_pb.js";
import type { RouteAction } from "../../gen/envoy/config/route/v3/route_components_pb.js";
import type { RouteConfiguration } from "../../gen/envoy/config/route/v3/route_pb.js";
import type { ExplainedRequest } from "./explain-types.ts";

type Taken = NonNullable<RouteExplanation["taken"]>;

/** In the order in which they happen: the most specific first. */
export function routeChanges(
  { result, message }: Taken,
  routes: RouteConfiguration,
  request: ExplainedRequest,
  virtualHost: MutationLists,
): readonly string[] {
  const { action } = result.route;
  const path =
    action.kind === "forward" && action.rewritePath !== undefined
      ? [`path: ${request.path} becomes ${action.rewritePath(request.path)}`]
      : [];
  const forward = message.action.case === "route" ? message.action.value : undefined;
  return [
    ...path,
    ...(forward === undefined ? [] : hostChange(forward)),
    ...clusterChanges(forward),
    ...headerChanges(message, ""),
    ...headerChanges(virtualHost, " (for the whole host)"),
    ...headerChanges(routes, " (for all hosts)"),
  ];
}

function hostChange({ hostRewriteSpecifier: rewrite }: RouteAction): readonly string[] {
  switch (rewrite.case) {
    case "hostRewriteLiteral":
      return rewrite.value === "" ? [] : [`host: becomes ${rewrite.value}`];
    case "autoHostRewrite":
      return rewrite.value ? ["host: becomes the name of the upstream"] : [];
    case "hostRewriteHeader":
      return [`host: becomes the value of the header ${rewrite.value}`];
    default:
      return [];
  }
}

function clusterChanges(forward: RouteAction | undefined): readonly string[] {
  const specifier = forward?.clusterSpecifier;
  if (specifier?.case !== "weightedClusters") return [];
  return specifier.value.clusters.flatMap((cluster) => {
    const suffix = ` (to ${cluster.name} only)`;
    const { hostRewriteSpecifier: host } = cluster;
    const rewrite =
      host.case === "hostRewriteLiteral" && host.value !== ""
        ? [`host: becomes ${host.value}${suffix}`]
        : [];
    return [...rewrite, ...headerChanges(cluster, suffix)];
  });
}

function headerChanges(lists: MutationLists, suffix: string): readonly string[] {
  const side = (
    name: string,
    removals: readonly string[],
    additions: readonly HeaderValueOption[],
  ): readonly string[] => [
    ...removals.map((header) => `${name} header ${header.toLowerCase()}: removed${suffix}`),
    ...additions.map((option) => `${name} header ${additionText(option)}${suffix}`),
  ];
  return [
    ...side("request", lists.requestHeadersToRemove, lists.requestHeadersToAdd),
    ...side("response", lists.responseHeadersToRemove, lists.responseHeadersToAdd),
  ];
}

function additionText({ header, append, appendAction }: HeaderValueOption): string {
  const name = (header?.key ?? "").toLowerCase();
  const value = header?.value ?? "";
  if (append === false) return `${name}: set to ${value}`;
  switch (appendAction) {
    case Append.ADD_IF_ABSENT:
      return `${name}: set to ${value} if it is absent`;
    case Append.OVERWRITE_IF_EXISTS_OR_ADD:
      return `${name}: set to ${value}`;
    case Append.OVERWRITE_IF_EXISTS:
      return `${name}: set to ${value} if it is there`;
    default:
      return `${name}: ${value} added`;
  }
}
