/**
 * RequestAuthentications as Envoy's jwt_authn filter: in the sidecars of the workloads that they protect, where a bad
 * token is refused; and in callers' sidecars where routes look at claims, where one that is not good chooses nothing.
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { NO_KEYS, publicKeySet } from "../../decision/jwt/public-key-set.ts";
import { JWT_PAYLOAD } from "../../decision/verified-token.ts";
import {
  JwtAuthenticationSchema,
  type JwtProvider,
  JwtProviderSchema,
  type JwtRequirement,
  JwtRequirementSchema,
} from "../../gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js";
import { defaultMeshConfigSpec } from "../../resource/kinds/mesh-config.ts";
import type {
  JwtRule,
  RequestAuthentication,
} from "../../resource/kinds/request-authentication.ts";
import { keyOf } from "../../resource/object.ts";
import type { FilterContribution } from "../filters/filter-contribution.ts";
import type { Findings } from "../findings.ts";
import type { MeshSnapshot } from "../mesh-snapshot.ts";
import { pack } from "../message.ts";
import { compareText, qualifiedName } from "../names.ts";
import { holdsFor, reportWorkloadTargets, type WorkloadPort } from "../workload-policy.ts";
import { keySourceOf } from "./key-source.ts";
import { bySharedPlace } from "./token-places.ts";

export interface Authentication {
  /** What asks the requests to a port of a workload for their users. */
  filtersOf(port: WorkloadPort): readonly FilterContribution[];
  /** For callers of a Service whose routes look at claims. */
  routingFilters(port: WorkloadPort): readonly FilterContribution[];
  /** The policies that hold for the port, in the order of their names. */
  policiesOf(port: WorkloadPort): readonly RequestAuthentication[];
}

const NAME = "envoy.filters.http.jwt_authn";
/** Verified tokens that a sidecar remembers of each issuer. */
const CACHED_TOKENS = 1_000;
/** As Istio: lists that are written as one text (RFC 8693 section 4.2). */
const SPACED_CLAIMS = ["scope", "permission"];

/** A rule with the name under which metrics and requirements speak of it: `default/shop-users/0`. */
interface NamedRule {
  readonly name: string;
  readonly rule: JwtRule;
  readonly keys: string;
}

/** Resolves the policies once. */
export function resolveAuthentication(snapshot: MeshSnapshot, findings: Findings): Authentication {
  const { rootNamespace } = snapshot.meshConfig?.spec ?? defaultMeshConfigSpec();
  const policies = (snapshot.requestAuthentications ?? []).toSorted((a, b) =>
    compareText(qualifiedName(a.metadata), qualifiedName(b.metadata)),
  );
  const services = new Set(
    snapshot.services.map(({ resource }) => qualifiedName(resource.metadata)),
  );
  const rulesOf = new Map(
    policies.map((policy) => [policy, namedRules(policy, snapshot, findings)]),
  );
  for (const policy of policies) reportWorkloadTargets(policy, services, findings);
  const policiesOf = (port: WorkloadPort) =>
    policies.filter((policy) => holdsFor(policy, port, rootNamespace));
  const known = new Map<string, readonly FilterContribution[]>();
  const filtersFor = (
    port: WorkloadPort,
    make: (rules: readonly NamedRule[]) => FilterContribution,
  ) => {
    const rules = policiesOf(port).flatMap((policy) => rulesOf.get(policy) ?? []);
    if (rules.length === 0) return [];
    const key = [make.name, ...rules.map(({ name }) => name)].join("\n");
    let filters = known.get(key);
    if (filters === undefined) {
      filters = [make(rules)];
      known.set(key, filters);
    }
    return filters;
  };
  return {
    policiesOf,
    filtersOf: (port) => filtersFor(port, protectingFilter),
    routingFilters: (port) => filtersFor(port, routingFilter),
  };
}

function namedRules(
  policy: RequestAuthentication,
  { keySets }: MeshSnapshot,
  findings: Findings,
): readonly NamedRule[] {
  return policy.spec.jwtRules.map((rule, index) => {
    const name = `${qualifiedName(policy.metadata)}/${index}`;
    const place = (field: string) => ({
      object: keyOf(policy),
      path: `spec.jwtRules[${index}].${field}`,
    });
    const source = keySourceOf(rule);
    if (source === undefined) {
      const { document, keyCount, problems } = publicKeySet(rule.jwks ?? "");
      for (const problem of problems) findings.add("keys-unusable", place("jwks"), problem);
      if (keyCount === 0)
        findings.add("keys-missing", place("jwks"), refusalOf(rule, "no usable key"));
      return { name, rule, keys: document };
    }
    const fetched = keySets?.get(source.key);
    const field = source.issuer === undefined ? "jwksUri" : "issuer";
    if (fetched?.document === undefined) {
      const code = fetched?.problem === undefined ? "keys-pending" : "keys-missing";
      const why = fetched?.problem ?? "not fetched yet";
      findings.add(code, place(field), refusalOf(rule, `${source.url}: ${why}`));
    } else if (fetched.problem !== undefined) {
      const message = `keys from before are in use: ${source.url}: ${fetched.problem}`;
      findings.add("keys-stale", place(field), message);
    }
    return { name, rule, keys: fetched?.document ?? NO_KEYS };
  });
}

function refusalOf({ issuer }: JwtRule, why: string): string {
  return `every token of ${issuer} gets 401, since its keys are not known: ${why}`;
}

/**
 * A token that is there must be good, in each place where one may be. Issuers that share a place refuse each other's
 * tokens: there one of them is enough. Istio's filter is content with one good token, whatever stands in other places.
 */
function protectingFilter(rules: readonly NamedRule[]): FilterContribution {
  const missing = requirement({ case: "allowMissing", value: {} });
  const each = bySharedPlace(rules).map((group) =>
    anyOf([...group.map(({ name }) => provider(name)), missing]),
  );
  const [only, ...others] = each;
  const requires =
    only !== undefined && others.length === 0
      ? only
      : requirement({ case: "requiresAll", value: { requirements: each } });
  return contribution(
    rules.map(({ name, rule, keys }) => [name, protectingProvider(rule, keys)]),
    requires,
  );
}

function routingFilter(rules: readonly NamedRule[]): FilterContribution {
  // What is not good chooses nothing here, and is refused where it arrives.
  const failed = requirement({ case: "allowMissingOrFailed", value: {} });
  return contribution(
    rules.map(({ name, rule, keys }) => [
      name,
      create(JwtProviderSchema, { ...common(rule, keys), forward: true, clearRouteCache: true }),
    ]),
    anyOf([...rules.map(({ name }) => provider(name)), failed]),
  );
}

function contribution(
  providers: readonly (readonly [string, JwtProvider])[],
  requires: JwtRequirement,
): FilterContribution {
  const config = create(JwtAuthenticationSchema, {
    providers: Object.fromEntries(providers),
    rules: [
      {
        match: { pathSpecifier: { case: "prefix", value: "/" } },
        requirementType: { case: "requires", value: requires },
      },
    ],
    bypassCorsPreflight: true,
  });
  return {
    name: NAME,
    ofListener: pack(JwtAuthenticationSchema, config),
    actsAlways: true,
    ofHost: undefined,
    ofRoutes: new Map(),
  };
}

function protectingProvider(rule: JwtRule, keys: string): JwtProvider {
  return create(JwtProviderSchema, {
    ...common(rule, keys),
    forward: rule.forwardOriginalToken,
    forwardPayloadHeader: rule.outputPayloadToHeader ?? "",
    claimToHeaders: rule.outputClaimToHeaders.map(({ header, claim }) => ({
      headerName: header.toLowerCase(),
      claimName: claim,
    })),
  });
}

function common(rule: JwtRule, keys: string) {
  return {
    issuer: rule.issuer,
    audiences: [...rule.audiences],
    jwksSourceSpecifier: {
      case: "localJwks" as const,
      value: { specifier: { case: "inlineString" as const, value: keys } },
    },
    fromHeaders: rule.fromHeaders.map(({ name, prefix }) => ({ name, valuePrefix: prefix })),
    fromParams: [...rule.fromParams],
    fromCookies: [...rule.fromCookies],
    payloadInMetadata: JWT_PAYLOAD,
    normalizePayloadInMetadata: { spaceDelimitedClaims: SPACED_CLAIMS },
    jwtCacheConfig: { jwtCacheSize: CACHED_TOKENS },
  };
}

type RequirementInit = Exclude<MessageInitShape<typeof JwtRequirementSchema>, JwtRequirement>;

function requirement(requiresType: RequirementInit["requiresType"]): JwtRequirement {
  return create(JwtRequirementSchema, requiresType === undefined ? {} : { requiresType });
}

function provider(name: string): JwtRequirement {
  return requirement({ case: "providerName", value: name });
}

function anyOf(requirements: readonly JwtRequirement[]): JwtRequirement {
  return requirement({ case: "requiresAny", value: { requirements: [...requirements] } });
}
