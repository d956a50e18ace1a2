/**
 * Delegation between route owners: a rule of one HTTPRoute names another HTTPRoute as its backend, and that one names
 * the former as its parent. Its rules then take the place of the rule, for the part of the traffic that the rule has.
 * What the delegating rule says of the request (filters) comes last and so goes before; timeouts, retries and sessions
 * are the delegated rule's, else the delegating one's.
 */
import type { HttpRoute } from "../../resource/kinds/http-route.ts";
import { keyOf } from "../../resource/object.ts";
import { type FindingPlace, type Findings, within } from "../findings.ts";
import { qualifiedName } from "../names.ts";
import { type Candidate, type RuleMatch, withoutTrailingSlash } from "./precedence.ts";
import { isRouteRef } from "./reference-kinds.ts";

/** Routes that stand behind each other. More is a mistake, and a circle has no end. */
const DEPTH_MAX = 4;

type BackendRef = NonNullable<Candidate["rule"]["backendRefs"]>[number];

export interface DelegationContext {
  /** By `namespace/name`. */
  readonly routeByKey: ReadonlyMap<string, HttpRoute>;
  readonly findings: Findings;
}

/** The candidate itself, or what stands in its place. */
export function delegated(
  candidate: Candidate,
  context: DelegationContext,
  depth = 0,
): readonly Candidate[] {
  const refs = (candidate.rule.backendRefs ?? []).filter(isRouteRef);
  if (refs.length === 0) return [candidate];
  const place = { object: keyOf(candidate.route), path: `spec.rules[${candidate.ruleIndex}]` };
  const { findings } = context;
  if (refs.length < (candidate.rule.backendRefs ?? []).length) {
    const message = "delegates to HTTPRoutes, so that other backends get nothing";
    findings.add("field-ignored", within(place, ".backendRefs"), message);
  }
  if (depth === DEPTH_MAX) {
    const message = `more than ${DEPTH_MAX} HTTPRoutes stand behind each other`;
    findings.add("field-unsupported", within(place, ".backendRefs"), message);
    return [candidate];
  }
  return refs.flatMap((ref, index) => {
    const at = within(place, `.backendRefs[${index}]`);
    const child = childOf(candidate, ref, at, context);
    // It stays: a backend that does not exist answers 500 (HTTPRouteRule.backendRefs).
    if (child === undefined) return [candidate];
    return childCandidates(candidate, child, context).flatMap((one) =>
      delegated(one, context, depth + 1),
    );
  });
}

/** The route that is named, if it wants to be. */
function childOf(
  { route }: Candidate,
  ref: BackendRef,
  place: FindingPlace,
  { routeByKey, findings }: DelegationContext,
): HttpRoute | undefined {
  const namespace = ref.namespace ?? route.metadata.namespace;
  const key = qualifiedName({ namespace, name: ref.name });
  const child = routeByKey.get(key);
  if (child === undefined) {
    findings.add("backend-not-found", place, `there is no HTTPRoute ${key}`);
    return undefined;
  }
  const parent = qualifiedName(route.metadata);
  const isWanted = (child.spec.parentRefs ?? []).some(
    (one) =>
      isRouteRef(one) &&
      qualifiedName({ namespace: one.namespace ?? namespace, name: one.name }) === parent,
  );
  if (isWanted) return child;
  const message = `HTTPRoute ${key} does not name ${parent} as a parent`;
  findings.add("backend-not-found", place, message);
  return undefined;
}

function childCandidates(
  parent: Candidate,
  child: HttpRoute,
  { findings }: DelegationContext,
): readonly Candidate[] {
  return child.spec.rules.flatMap(({ matches, ...rule }, ruleIndex) =>
    matches.flatMap((own, matchIndex) => {
      const match = bothOf(parent.match, own);
      if ("error" in match) {
        const path = `spec.rules[${ruleIndex}].matches[${matchIndex}]`;
        const by = `${qualifiedName(parent.route.metadata)}, which delegates`;
        const message = `${match.error} of HTTPRoute ${by}; it gets no requests`;
        findings.add("field-unsupported", { object: keyOf(child), path }, message);
        return [];
      }
      const joined = {
        ...rule,
        filters: [...(rule.filters ?? []), ...(parent.rule.filters ?? [])],
        timeouts: rule.timeouts ?? parent.rule.timeouts,
        retry: rule.retry ?? parent.rule.retry,
        sessionPersistence: rule.sessionPersistence ?? parent.rule.sessionPersistence,
      };
      return [{ route: child, rule: joined, ruleIndex, match, matchIndex }];
    }),
  );
}

/** What both matches let through, as far as one match can say it. */
function bothOf(parent: RuleMatch, own: RuleMatch): RuleMatch | { readonly error: string } {
  const path = pathOfBoth(parent.path, own.path);
  if (path === undefined) {
    return { error: `the path ${own.path.value} lies outside ${parent.path.value}` };
  }
  if (parent.method !== undefined && own.method !== undefined && parent.method !== own.method) {
    return { error: `the method ${own.method} is not ${parent.method}` };
  }
  const headers = [...(parent.headers ?? []), ...(own.headers ?? [])];
  const queryParams = [...(parent.queryParams ?? []), ...(own.queryParams ?? [])];
  const method = own.method ?? parent.method;
  return {
    path,
    ...(method === undefined ? {} : { method }),
    ...(headers.length === 0 ? {} : { headers }),
    ...(queryParams.length === 0 ? {} : { queryParams }),
  };
}

/** A match of every path is for all that the delegating rule has; any other lies within its prefix. */
function pathOfBoth(
  parent: RuleMatch["path"],
  own: RuleMatch["path"],
): RuleMatch["path"] | undefined {
  if (own.type === "PathPrefix" && withoutTrailingSlash(own.value) === "") return parent;
  if (parent.type !== "PathPrefix") return undefined;
  const prefix = withoutTrailingSlash(parent.value);
  if (prefix === "") return own;
  if (own.type === "RegularExpression") return undefined;
  return own.value === prefix || own.value.startsWith(`${prefix}/`) ? own : undefined;
}
