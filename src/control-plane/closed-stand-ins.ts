/**
 * What stands in for objects that decide about access and cannot be translated, which is a defect of ours: each says where
 * the object holds and no more of it than that needs, and lets in nothing that the object might have kept out. Pure.
 */
import { NO_KEYS } from "../decision/jwt/public-key-set.ts";
import { type AuthorizationPolicy, isDryRun } from "../resource/kinds/authorization-policy.ts";
import type { HttpRoute } from "../resource/kinds/http-route.ts";
import { defaultMeshConfigSpec, type MeshConfig } from "../resource/kinds/mesh-config.ts";
import { mtlsModeOf, type PeerAuthentication } from "../resource/kinds/peer-authentication.ts";
import type { JwtRule, RequestAuthentication } from "../resource/kinds/request-authentication.ts";
import type { SecurityPolicy } from "../resource/kinds/security-policy.ts";
import type { ClosedSecurityPolicy } from "../translate/mesh-snapshot.ts";

type HttpRule = HttpRoute["spec"]["rules"][number];

/** Of no issuer: RFC 6761 section 6.4 keeps the name free. */
const NOBODY = "https://nobody.invalid";

/** Marks stand-ins, so that none is taken for a version that was good. */
const MARK = "internal.mesh.tulle.dev/closed";

export function isStandIn({ metadata }: AnnotatedObject): boolean {
  return MARK in metadata.annotations;
}

interface AnnotatedObject {
  readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
}

/** Denies everything where the policy holds. None for one that only records. */
export function closedAuthorization(policy: AuthorizationPolicy): readonly AuthorizationPolicy[] {
  const { selector, targetRefs, action, dryRun } = policy.spec;
  if (action === "AUDIT" || isDryRun(policy)) return [];
  const spec: AuthorizationPolicy["spec"] = {
    ...placeOf({ selector, targetRefs }),
    dryRun,
    // Without rules an ALLOW policy lets nothing in.
    ...(action === "ALLOW" ? { action } : { action: "DENY", rules: [{}] }),
  };
  return [{ ...policy, metadata: standInMetadata(policy), spec }];
}

/**
 * Requests of rules that ask an authorization service are answered with 500, as those of a rule without backends; all of the
 * route's are where no more of it can be translated. None for a route that asks nobody.
 */
export function closedRoute(route: HttpRoute): readonly HttpRoute[] {
  const { rules, ...rest } = route.spec;
  if (!rules.some(asksFirst)) return [];
  const withRules = (closed: readonly HttpRule[]): HttpRoute => ({
    ...route,
    metadata: standInMetadata(route),
    spec: { ...rest, rules: closed },
  });
  const answered = ({ matches }: HttpRule): HttpRule => ({ matches });
  const everything: HttpRule = { matches: [{ path: { type: "PathPrefix", value: "/" } }] };
  return [
    withRules(rules.map((rule) => (asksFirst(rule) ? answered(rule) : rule))),
    withRules(rules.map(answered)),
    withRules([everything]),
  ];
}

function asksFirst({ filters = [], backendRefs = [] }: HttpRule): boolean {
  return [...filters, ...backendRefs.flatMap((ref) => ref.filters ?? [])].some(
    ({ type }) => type === "ExternalAuth",
  );
}

/** Nobody passes where the policy asks for logins. */
export function closedLogin(
  policy: SecurityPolicy | ClosedSecurityPolicy,
): readonly ClosedSecurityPolicy[] {
  const { targetRefs } = policy.spec;
  return [{ ...policy, metadata: standInMetadata(policy), spec: { targetRefs, isClosed: true } }];
}

/** Mutual TLS at all ports of the workloads, where the policy requires it for one. */
export function closedPeers(policy: PeerAuthentication): readonly PeerAuthentication[] {
  const { selector, mtls, portLevelMtls = {} } = policy.spec;
  const modes = [mtls, ...Object.values(portLevelMtls)].map((one) => mtlsModeOf(one?.mode));
  // What only opens is safely left out: who stands above it decides.
  if (!modes.includes("STRICT")) return [];
  const spec = { ...placeOf({ selector }), mtls: { mode: "STRICT" } as const };
  return [{ ...policy, metadata: standInMetadata(policy), spec }];
}

/** Tokens are looked for where the policy looks for them, or where tokens usually are, and none is good. */
export function closedTokens(policy: RequestAuthentication): readonly RequestAuthentication[] {
  const { selector, targetRefs, jwtRules } = policy.spec;
  const withRules = (rules: readonly JwtRule[]): RequestAuthentication => ({
    ...policy,
    metadata: standInMetadata(policy),
    spec: { ...placeOf({ selector, targetRefs }), jwtRules: rules },
  });
  const usual = closedRule({ fromHeaders: [], fromParams: [], fromCookies: [] });
  return [withRules(jwtRules.map(closedRule)), withRules([usual])];
}

function closedRule({
  fromHeaders,
  fromParams,
  fromCookies,
}: Pick<JwtRule, "fromHeaders" | "fromParams" | "fromCookies">): JwtRule {
  return {
    ...{ issuer: NOBODY, jwks: NO_KEYS, audiences: [], outputClaimToHeaders: [], timeout: "5s" },
    ...{ forwardOriginalToken: false, fromHeaders, fromParams, fromCookies },
  };
}

/**
 * The mesh's defaults, with as much of what decides about access as can be translated. Where policies hold for the whole
 * mesh and whether all is denied that none allows stays in any case.
 */
export function closedMeshConfigs(config: MeshConfig | undefined): readonly MeshConfig[] {
  if (config === undefined) return [];
  const { rootNamespace, authorization, extensionProviders, pathNormalization } = config.spec;
  const { numTrustedProxies, trustDomain } = config.spec;
  const least = { ...defaultMeshConfigSpec(), trustDomain, rootNamespace, authorization };
  const more = [
    { extensionProviders, pathNormalization, numTrustedProxies },
    { extensionProviders },
  ];
  return [...more, {}].map((kept) => ({
    ...config,
    metadata: standInMetadata(config),
    spec: { ...least, ...kept },
  }));
}

function standInMetadata<M>({ metadata }: { readonly metadata: M }) {
  return { ...metadata, labels: {}, annotations: { [MARK]: "true" } };
}

/** Without the fields that are not set. */
function placeOf<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const set = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(set) as { [K in keyof T]?: NonNullable<T[K]> };
}
