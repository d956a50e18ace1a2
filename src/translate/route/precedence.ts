/**
 * The order in which matches are tried. xDS takes the first that fits, so the order is the whole of the
 * Gateway API's precedence (HTTPRouteRule.matches).
 */
import type { HttpRoute } from "../../resource/kinds/http-route.ts";
import { compareAge } from "../object-order.ts";
import type { RequestRoute } from "./attachment.ts";

type HttpRule = HttpRoute["spec"]["rules"][number];
export type RuleMatch = HttpRule["matches"][number];
/** What becomes of a request. A rule of a GRPCRoute has a part of it. */
export type Rule = Omit<HttpRule, "matches"> & {
  /** What tells users apart, where each is to stay with one backend. Set by a Rollout, never by an author. */
  readonly userKey?: UserKey;
};

export interface UserKey {
  readonly header?: string | undefined;
  readonly cookie?: string | undefined;
}

/** One match of one rule of one route: what becomes one xDS route. */
export interface Candidate {
  readonly route: RequestRoute;
  readonly rule: Rule;
  readonly ruleIndex: number;
  readonly match: RuleMatch;
  readonly matchIndex: number;
}

/** Every match of every route, the one to try first at the front. `expand` says what stands in place of each. */
export function orderedCandidates(
  routes: readonly HttpRoute[],
  expand: (candidate: Candidate) => readonly Candidate[],
): readonly Candidate[] {
  return routes
    .flatMap((route) =>
      route.spec.rules.flatMap((rule, ruleIndex) =>
        rule.matches.flatMap((match, matchIndex) =>
          expand({ route, rule, ruleIndex, match, matchIndex }),
        ),
      ),
    )
    .sort(compareCandidates);
}

/** Negative when `a` goes before `b`. */
export function compareCandidates(a: Candidate, b: Candidate): number {
  return (
    comparePaths(a.match, b.match) ||
    Number(b.match.method !== undefined) - Number(a.match.method !== undefined) ||
    (b.match.headers?.length ?? 0) - (a.match.headers?.length ?? 0) ||
    (b.match.queryParams?.length ?? 0) - (a.match.queryParams?.length ?? 0) ||
    compareAge(a.route, b.route) ||
    a.ruleIndex - b.ruleIndex ||
    a.matchIndex - b.matchIndex
  );
}

/**
 * Exact, then the longest prefix, then expressions, then every path. Where an expression stands is for
 * the implementation to say; below `/` none would ever match beside a rule without a path.
 */
function comparePaths(a: RuleMatch, b: RuleMatch): number {
  return pathRank(a) - pathRank(b) || pathLength(b) - pathLength(a);
}

function pathRank(match: RuleMatch): number {
  switch (match.path.type) {
    case "Exact":
      return 0;
    case "PathPrefix":
      return pathLength(match) > 0 ? 1 : 3;
    case "RegularExpression":
      return 2;
  }
}

/** A trailing slash of a prefix is ignored (HTTPPathMatch): `/` is the prefix of length zero. */
function pathLength({ path }: RuleMatch): number {
  return path.type === "PathPrefix" ? withoutTrailingSlash(path.value).length : path.value.length;
}

/** `/foo/` as `/foo`, `/` as the empty string. */
export function withoutTrailingSlash(path: string): string {
  return path.endsWith("/") ? path.slice(0, -1) : path;
}
