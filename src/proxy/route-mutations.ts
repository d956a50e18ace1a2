/** Header changes of a matched route in Envoy's order: from the most specific to the most general. */
import { applyMutations } from "../decision/header-mutation.ts";
import type { HttpVersion } from "../decision/request-view.ts";
import type { RouteMatchResult } from "../decision/route-table.ts";
import type { ClusterChoice } from "../decision/weighted-clusters.ts";
import type { HeaderBlock } from "../http/header-block.ts";

export function applyRequestMutations(
  match: RouteMatchResult,
  choice: ClusterChoice,
  headers: HeaderBlock,
  version: HttpVersion,
): void {
  applyMutations(choice.requestMutations, headers, version);
  applyMutations(match.route.requestMutations, headers, version);
  applyMutations(match.virtualHost.requestMutations, headers, version);
  applyMutations(match.table.requestMutations, headers, version);
}

/** `choice` is undefined for answers that no cluster gave. */
export function applyResponseMutations(
  match: RouteMatchResult,
  choice: ClusterChoice | undefined,
  headers: HeaderBlock,
): void {
  if (choice !== undefined) applyMutations(choice.responseMutations, headers);
  applyMutations(match.route.responseMutations, headers);
  applyMutations(match.virtualHost.responseMutations, headers);
  applyMutations(match.table.responseMutations, headers);
}
