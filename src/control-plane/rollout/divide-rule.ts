/** One rule of a route, divided between the versions of a Rollout. Pure. */
import type { ObjectOf } from "../../resource/kind-map.ts";
import type { Rollout } from "../../resource/kinds/rollout.ts";
import type { RolloutWeights } from "../../resource/kinds/rollout-status.ts";
import type { RolloutUserMatch } from "../../resource/kinds/rollout-strategy.ts";

import type { UserKey } from "../../translate/route/precedence.ts";

type Service = ObjectOf<"Service">;
type HttpRule = ObjectOf<"HTTPRoute">["spec"]["rules"][number];
type BackendRef = NonNullable<HttpRule["backendRefs"]>[number];
type HeaderMatch = NonNullable<HttpRule["matches"][number]["headers"]>[number];

/** How the requests of one target are divided now. */
export interface Division {
  readonly rollout: Rollout;
  readonly target: Service;
  readonly stable: Service;
  /** Undefined while nothing goes to it, or when there is no such Service. */
  readonly canary: Service | undefined;
  readonly weights: RolloutWeights;
  readonly isPreviewed: boolean;
}

/** What rules of every kind have in common. Those of TCPRoutes have no matches. */
export interface DividedRule {
  readonly name?: string | undefined;
  readonly matches?: readonly { readonly headers?: readonly HeaderMatch[] | undefined }[];
  readonly backendRefs?: readonly BackendRef[] | undefined;
  /** What keeps each user with one version. */
  readonly userKey?: UserKey;
}

export interface RuleDivision {
  readonly rule: DividedRule;
  /** The same for the users who get the canary. */
  readonly forChosenUsers: DividedRule | undefined;
}

/** Shares are percent: the other backends of a rule are scaled by as much. */
const WHOLE = 100;

/**
 * Undefined when the rule sends neither to the target nor to the stable version: a rule for the canary alone, for
 * testers, stays as it is.
 */
export function divideRule(
  rule: DividedRule,
  division: Division,
  route: { readonly namespace: string; readonly matches: readonly RolloutUserMatch[] },
): RuleDivision | undefined {
  const refs = rule.backendRefs ?? [];
  const { target, stable, canary, weights } = division;
  const isOf = (ref: BackendRef, service: Service | undefined): boolean =>
    service !== undefined &&
    ref.group === "" &&
    ref.kind === "Service" &&
    ref.name === service.metadata.name &&
    (ref.namespace ?? route.namespace) === service.metadata.namespace;
  const isBase = (ref: BackendRef): boolean => isOf(ref, stable) || isOf(ref, target);
  const base = refs.find(isBase);
  if (base === undefined) return undefined;
  const pooled = refs.filter((ref) => isBase(ref) || isOf(ref, canary));
  const sum = pooled.reduce((total, { weight }) => total + weight, 0);
  if (sum === 0) return undefined;
  const stableRef = refTo(stable, base, base, division);
  const own = refs.find((ref) => isOf(ref, canary));
  const canaryRef = canary === undefined ? undefined : refTo(canary, base, own ?? base, division);
  if (stableRef === undefined || (canaryRef === undefined && weights.canary > 0)) return undefined;
  const hasOthers = pooled.length < refs.length;
  const scale = hasOthers ? sum : 1;
  const backendRefs = refs.map((ref): BackendRef => {
    if (ref === base) return { ...stableRef, weight: weights.stable * scale };
    if (ref === own && canaryRef !== undefined) {
      return { ...canaryRef, weight: weights.canary * scale };
    }
    return pooled.includes(ref) ? { ...ref, weight: 0 } : { ...ref, weight: ref.weight * WHOLE };
  });
  if (own === undefined && canaryRef !== undefined) {
    backendRefs.push({ ...canaryRef, weight: weights.canary * scale });
  }
  const isForSome = route.matches.length > 0 && canaryRef !== undefined;
  const { userHash } = division.rollout.spec.strategy.abTest ?? {};
  const isDivided = weights.canary > 0 && weights.stable > 0;
  const { header, cookie } = userHash ?? {};
  return {
    rule: {
      ...rule,
      ...(userHash !== undefined && isDivided ? { userKey: { header, cookie } } : {}),
      backendRefs,
    },
    forChosenUsers: isForSome ? ruleForUsers(rule, canaryRef, route.matches) : undefined,
  };
}

/** The version's own port is the one of the same number, else of the same name, else the only one. */
function refTo(
  service: Service,
  base: BackendRef,
  like: BackendRef,
  { target, stable }: Division,
): BackendRef | undefined {
  const { ports } = service.spec;
  const meant = [target, stable]
    .find(({ metadata }) => metadata.name === base.name)
    ?.spec.ports.find(({ port }) => port === base.port);
  const found =
    ports.find(({ port }) => port === base.port) ??
    ports.find(({ name }) => name !== undefined && name === meant?.name) ??
    (ports.length === 1 ? ports[0] : undefined);
  if (found === undefined) return undefined;
  return {
    ...like,
    name: service.metadata.name,
    namespace: service.metadata.namespace,
    port: found.port,
  };
}

/** Every match of the rule and one of the users'. It asks for more headers, so that it goes before the rule itself. */
function ruleForUsers(
  rule: DividedRule,
  canaryRef: BackendRef,
  users: readonly RolloutUserMatch[],
): DividedRule {
  const { name: _, ...rest } = rule;
  const matches = (rule.matches ?? [{}]).flatMap((match) =>
    users.map((user) => ({
      ...match,
      headers: [...(match.headers ?? []), ...userHeaders(user)],
    })),
  );
  return { ...rest, matches, backendRefs: [{ ...canaryRef, weight: 1 }] };
}

function userHeaders({ header, cookie }: RolloutUserMatch): readonly HeaderMatch[] {
  return [
    ...(header === undefined ? [] : [{ type: "Exact" as const, ...header }]),
    ...(cookie === undefined
      ? []
      : [{ type: "RegularExpression" as const, ...cookieMatch(cookie) }]),
  ];
}

/** RFC 6265 section 5.4: pairs are joined by `; `. Matches the whole field, whatever stands beside the pair. */
function cookieMatch(cookie: { readonly name: string; readonly value: string }) {
  const pair = `${quoted(cookie.name)}=${quoted(cookie.value)}`;
  return { name: "cookie", value: `(?:.*; ?)?${pair}(?:;.*)?` };
}

/** Whatever RE2 and ECMAScript give a meaning. */
function quoted(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, (char) =>
    char === "/" || char === "-" ? char : `\\${char}`,
  );
}
