/**
 * Tunnels outlive many a policy: when configuration changes, the filters that let one in are asked again. Requests are
 * judged when they come, and go on to their end.
 */
import { ruleOfRoute } from "../../decision/filters/filter-rule.ts";
import type { RouteMatchResult } from "../../decision/route-table.ts";
import type { RequestOutcome } from "../request-outcome.ts";
import type { RoutedRequest } from "../routed-request.ts";
import type { FilterChain } from "./filter-chain.ts";
import type { TunnelDenial } from "./http-filter.ts";

/** Why a tunnel must end; undefined where it may stay. What routes rewrite is not judged twice: the first words are gone. */
export function tunnelDenial(
  filters: FilterChain,
  match: RouteMatchResult | undefined,
  request: RoutedRequest,
  outcome: RequestOutcome,
): TunnelDenial | undefined {
  const action = match?.route.action;
  if (action?.kind !== "forward") return undefined;
  if (action.rewritePath !== undefined || action.hostRewrite !== undefined) return undefined;
  for (const { name, filter, isDisabled } of filters) {
    if (filter.judgeTunnel === undefined) continue;
    const override = ruleOfRoute(match?.route, name);
    if (override === "disabled" || (isDisabled && override === undefined)) continue;
    const denial = filter.judgeTunnel(request, outcome, override);
    if (denial !== undefined) return denial;
  }
  return undefined;
}
