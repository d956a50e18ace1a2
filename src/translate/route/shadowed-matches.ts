/** Matches that no request reaches, because one before them takes all of theirs, told to their authors. */
import { shadowedRoutes } from "../../decision/shadowed-routes.ts";
import type { Route } from "../../gen/envoy/config/route/v3/route_components_pb.js";
import { keyOf } from "../../resource/object.ts";
import type { Findings } from "../findings.ts";
import type { Candidate } from "./precedence.ts";
import { routeName } from "./route-name.ts";

/**
 * `routes` are those of one virtual host, made of the candidates. Two matches that are the same are none of these: the
 * checks of objects tell both authors (`route-conflict`).
 */
export function reportShadowedMatches(
  routes: readonly Route[],
  candidates: readonly Candidate[],
  findings: Findings,
): void {
  const places = new Map(shadowedRoutes(routes).map(({ place, by }) => [place, by]));
  if (places.size === 0) return;
  const shadows = new Map<string, string>();
  const lost = new Set(routes.map(({ name }) => name));
  for (const [place, route] of routes.entries()) {
    const by = routes[places.get(place) ?? -1];
    if (by === undefined || isSame(by, route)) lost.delete(route.name);
    else if (by.name !== route.name) shadows.set(route.name, by.name);
  }
  for (const candidate of candidates) {
    const name = routeName(candidate);
    const by = shadows.get(name);
    // One match may become several routes: it is lost when all of them are.
    if (by === undefined || !lost.has(name)) continue;
    const path = `spec.rules[${candidate.ruleIndex}].matches[${candidate.matchIndex}]`;
    const message = `no request reaches it: ${by} stands before it and takes all of them`;
    findings.add("route-shadowed", { object: keyOf(candidate.route), path }, message);
  }
}

/** `earlier` takes all of the later one's requests: they are the same when that goes both ways. */
function isSame(earlier: Route, later: Route): boolean {
  return shadowedRoutes([later, earlier]).length > 0;
}
