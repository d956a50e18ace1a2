/**
 * GRPCRoutes as candidates: a call is an HTTP request for `/service/method` (gRPC over HTTP/2, "Requests"), so a
 * method match becomes a path match.
 */
import type { GrpcRoute } from "../../resource/kinds/grpc-route.ts";
import { compareAge } from "../object-order.ts";
import type { Candidate, RuleMatch } from "./precedence.ts";

type GrpcMatch = GrpcRoute["spec"]["rules"][number]["matches"][number];
type MethodMatch = NonNullable<GrpcMatch["method"]>;

/** Every match of every route, the one to try first at the front (GRPCRouteRule.matches). */
export function grpcCandidates(routes: readonly GrpcRoute[]): readonly Candidate[] {
  return routes
    .flatMap((route) =>
      route.spec.rules.flatMap(({ matches, ...rule }, ruleIndex) =>
        matches.map((match, matchIndex) => ({
          match,
          candidate: {
            route,
            rule,
            ruleIndex,
            match: { path: pathOf(match.method), headers: match.headers },
            matchIndex,
          },
        })),
      ),
    )
    .sort(
      (a, b) =>
        (b.match.method?.service?.length ?? 0) - (a.match.method?.service?.length ?? 0) ||
        (b.match.method?.method?.length ?? 0) - (a.match.method?.method?.length ?? 0) ||
        (b.match.headers?.length ?? 0) - (a.match.headers?.length ?? 0) ||
        compareAge(a.candidate.route, b.candidate.route) ||
        a.candidate.ruleIndex - b.candidate.ruleIndex ||
        a.candidate.matchIndex - b.candidate.matchIndex,
    )
    .map(({ candidate }) => candidate);
}

function pathOf(match: MethodMatch | undefined): RuleMatch["path"] {
  if (match === undefined) return { type: "PathPrefix", value: "/" };
  const { type, method } = match;
  if (type === "RegularExpression") {
    const [service, name] = [match.service, method].map((part) =>
      part === undefined ? "[^/]+" : `(?:${part})`,
    );
    return { type: "RegularExpression", value: `/${service}/${name}` };
  }
  // A leading dot marks a name as complete, as in protobuf; it is no part of the path.
  const service = match.service?.replace(/^\./, "");
  if (service === undefined) return { type: "RegularExpression", value: `/[^/]+/${method}` };
  return method === undefined
    ? { type: "PathPrefix", value: `/${service}` }
    : { type: "Exact", value: `/${service}/${method}` };
}
