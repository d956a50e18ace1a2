/**
 * AuthorizationPolicies in the sidecars of the workloads that they protect: Envoy's RBAC filters, in Istio's order.
 * CUSTOM asks, DENY denies, ALLOW lets in; what cannot be translated denies rather than letting anything through.
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ruleName } from "../../decision/rbac/rule-name.ts";
import {
  type Filter,
  FilterSchema,
} from "../../gen/envoy/config/listener/v3/listener_components_pb.js";
import {
  RBAC_Action as Action,
  type Policy,
  type RBACSchema as RulesSchema,
} from "../../gen/envoy/config/rbac/v3/rbac_pb.js";
import { RBACSchema as HttpSchema } from "../../gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js";
import { RBACSchema as NetworkSchema } from "../../gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js";
import {
  type AuthorizationAction,
  type AuthorizationPolicy,
  isDryRun,
} from "../../resource/kinds/authorization-policy.ts";
import { defaultMeshConfigSpec } from "../../resource/kinds/mesh-config.ts";
import { keyOf } from "../../resource/object.ts";
import { expandedRules } from "../../resource/role-expansion.ts";
import type { FilterContribution } from "../filters/filter-contribution.ts";
import type { Findings } from "../findings.ts";
import type { MeshSnapshot } from "../mesh-snapshot.ts";
import { pack } from "../message.ts";
import { compareText, qualifiedName } from "../names.ts";
import { holdsFor, reportWorkloadTargets, type WorkloadPort } from "../workload-policy.ts";
import {
  type CustomProviders,
  type CustomQuestion,
  dryRunPrefixOf,
  resolveCustomProviders,
  shadowPrefixOf,
} from "./custom-provider.ts";
import {
  alwaysMatches,
  neverMatches,
  type RuleContext,
  type RulePort,
  rulePolicy,
} from "./rule-policy.ts";

/** A workload's port that policies may protect. */
export interface ProtectedPort extends WorkloadPort {
  readonly port: RulePort;
}

export interface AuthorizationFilters {
  /** For requests, in the order in which they act. */
  readonly http: readonly FilterContribution[];
  /** For TCP connections. */
  readonly connections: readonly Filter[];
}

export interface Authorization {
  filtersOf(port: ProtectedPort): AuthorizationFilters;
  /** The policies that hold for the port, in the order of their names. */
  policiesOf(port: ProtectedPort): readonly AuthorizationPolicy[];
}

/** The policy that stands for `authorization.defaultAction: Deny` in names of rules. */
export const DEFAULT_DENY = "mesh-default-deny";

type RulesInit = MessageInitShape<typeof RulesSchema>;

const ENVOY_ACTION = { ALLOW: Action.ALLOW, DENY: Action.DENY, AUDIT: Action.LOG } as const;
type OwnAction = keyof typeof ENVOY_ACTION;

/** What of a mesh bears on authorization. */
export type AuthorizationMesh = Pick<
  MeshSnapshot,
  "meshConfig" | "authorizationPolicies" | "services" | "externalServices" | "trustDomain"
>;

/** Resolves the policies once. */
export function resolveAuthorization(
  snapshot: AuthorizationMesh,
  findings: Findings,
): Authorization {
  const config = snapshot.meshConfig?.spec ?? defaultMeshConfigSpec();
  const { rootNamespace } = config;
  const isClosed = config.authorization.defaultAction === "Deny";
  const policies = (snapshot.authorizationPolicies ?? []).toSorted((a, b) =>
    compareText(qualifiedName(a.metadata), qualifiedName(b.metadata)),
  );
  const services = new Set(
    snapshot.services.map(({ resource }) => qualifiedName(resource.metadata)),
  );
  for (const policy of policies) reportWorkloadTargets(policy, services, findings);
  const providers = resolveCustomProviders(snapshot, findings);
  for (const policy of policies) reportProvider(policy, providers, findings);
  const policiesOf = (port: ProtectedPort) =>
    policies.filter(
      (policy) =>
        holdsFor(policy, port, rootNamespace) && !providers.asksItself(policy, port.services),
    );
  const known = new Map<string, AuthorizationFilters>();
  return {
    policiesOf,
    filtersOf: (port) => {
      const found = policiesOf(port);
      const { app, listener } = port.port;
      const names = found.map(({ metadata }) => qualifiedName(metadata));
      const key = [app, listener, ...names].join("\n");
      let filters = known.get(key);
      if (filters === undefined) {
        filters = filtersFor(found, { isClosed, providers, port: port.port });
        known.set(key, filters);
      }
      return filters;
    },
  };
}

function reportProvider(
  policy: AuthorizationPolicy,
  providers: CustomProviders,
  findings: Findings,
): void {
  const { action, provider } = policy.spec;
  if (action !== "CUSTOM" || isDryRun(policy)) return;
  const name = provider?.name ?? "";
  if (providers.http(questionOf(name)) !== undefined) return;
  const place = { object: keyOf(policy), path: "spec.provider.name" };
  const message = `MeshConfig has no extension provider ${name}: what the policy matches is denied`;
  findings.add("target-not-found", place, message);
}

function questionOf(provider: string): CustomQuestion {
  return { provider, policyKey: `${shadowPrefixOf(provider)}shadow_effective_policy_id` };
}

interface FilterContext {
  readonly isClosed: boolean;
  readonly port: RulePort;
  readonly providers: CustomProviders;
}

const NOTHING: AuthorizationFilters = { http: [], connections: [] };

function filtersFor(
  policies: readonly AuthorizationPolicy[],
  { isClosed, providers, port }: FilterContext,
): AuthorizationFilters {
  if (policies.length === 0 && !isClosed) return NOTHING;
  const of = (action: AuthorizationAction) => policies.filter(({ spec }) => spec.action === action);
  const custom = of("CUSTOM");
  const http = [...customFilters(custom, providers, port)];
  const connections: Filter[] = [];
  for (const action of ["AUDIT", "DENY", "ALLOW"] as const) {
    const isDefault = action === "ALLOW" && isClosed;
    const ofAction = of(action);
    if (ofAction.length === 0 && !isDefault) continue;
    const rules = (isForTcp: boolean): RulePair =>
      rulePair(ofAction, action, { isForTcp, port }, isDefault);
    http.push(httpFilter(action, rules(false)));
    connections.push(networkFilter(action, rules(true)));
  }
  connections.unshift(...customConnectionFilters(custom, providers, port));
  return { http, connections };
}

type RulePlace = Pick<RuleContext, "isForTcp" | "port">;

interface RulePair {
  /** Undefined where every policy is a dry run. */
  readonly rules: RulesInit | undefined;
  readonly shadowRules: RulesInit | undefined;
}

function rulePair(
  policies: readonly AuthorizationPolicy[],
  action: OwnAction,
  where: RulePlace,
  hasDefaultDeny: boolean,
): RulePair {
  const enforced = policies.filter((policy) => !isDryRun(policy));
  const watched = policies.filter(isDryRun);
  const rules = entriesOf(enforced, action, where);
  if (hasDefaultDeny) rules[ruleName("", DEFAULT_DENY, 0)] = neverMatches();
  return {
    rules:
      enforced.length === 0 && !hasDefaultDeny
        ? undefined
        : { action: ENVOY_ACTION[action], policies: rules },
    shadowRules:
      watched.length === 0
        ? undefined
        : { action: ENVOY_ACTION[action], policies: entriesOf(watched, action, where) },
  };
}

function entriesOf(
  policies: readonly AuthorizationPolicy[],
  action: OwnAction,
  where: RulePlace,
): Record<string, Policy> {
  const entries: Record<string, Policy> = {};
  for (const { metadata, spec } of policies) {
    const { namespace, name } = metadata;
    const rules = expandedRules(spec);
    const isAllow = action === "ALLOW";
    if (rules.length === 0) entries[ruleName(namespace, name, 0)] = neverMatches();
    for (const [index, rule] of rules.entries()) {
      const policy = safePolicy(() => rulePolicy(rule, { namespace, isAllow, ...where }), isAllow);
      if (policy !== undefined) entries[ruleName(namespace, name, index)] = policy;
    }
  }
  return entries;
}

/** What cannot be translated fails closed: it allows nothing, and denies everything. */
function safePolicy(make: () => Policy | undefined, isAllow: boolean): Policy | undefined {
  try {
    return make();
  } catch {
    return isAllow ? neverMatches() : alwaysMatches();
  }
}

function httpFilter(action: OwnAction, { rules, shadowRules }: RulePair): FilterContribution {
  return always(`envoy.filters.http.rbac.${action.toLowerCase()}`, {
    ...(rules && { rules }),
    ...(shadowRules && { shadowRules, shadowRulesStatPrefix: `dry_run_${action.toLowerCase()}_` }),
  });
}

function always(name: string, rbac: MessageInitShape<typeof HttpSchema>): FilterContribution {
  return {
    name,
    ofListener: pack(HttpSchema, create(HttpSchema, rbac)),
    actsAlways: true,
    ofHost: undefined,
    ofRoutes: new Map(),
  };
}

function networkFilter(
  action: OwnAction,
  { rules, shadowRules }: RulePair,
  name: string = action.toLowerCase(),
): Filter {
  const rbac = create(NetworkSchema, {
    statPrefix: "tcp.",
    ...(rules && { rules }),
    ...(shadowRules && { shadowRules, shadowRulesStatPrefix: `dry_run_${name}_` }),
  });
  return create(FilterSchema, {
    name: `envoy.filters.network.rbac.${name}`,
    configType: { case: "typedConfig", value: pack(NetworkSchema, rbac) },
  });
}

/** For each provider what finds the requests to ask about, and what asks. */
function customFilters(
  policies: readonly AuthorizationPolicy[],
  providers: CustomProviders,
  port: RulePort,
): readonly FilterContribution[] {
  const names = [...new Set(policies.map(({ spec }) => spec.provider?.name ?? ""))].sort(
    compareText,
  );
  return names.flatMap((provider) => {
    const own = policies.filter(({ spec }) => (spec.provider?.name ?? "") === provider);
    const { rules, shadowRules } = rulePair(own, "DENY", { isForTcp: false, port }, false);
    const prefix = shadowPrefixOf(provider);
    const name = `envoy.filters.http.rbac.custom.${provider}`;
    const watch = shadowRules && {
      shadowRules,
      shadowRulesStatPrefix: dryRunPrefixOf(provider),
    };
    const dryRun = watch === undefined ? [] : [always(`${name}.dry-run`, watch)];
    if (rules === undefined) return dryRun;
    const asks = providers.http(questionOf(provider));
    // Without a provider nobody can be asked: what the policies match is denied.
    if (asks === undefined) return [always(name, { rules }), ...dryRun];
    // What it finds is no verdict yet.
    const found = { ...rules, action: Action.LOG };
    const finds = always(name, { shadowRules: found, shadowRulesStatPrefix: prefix });
    return [finds, asks, ...dryRun];
  });
}

/** The same for connections. A provider that speaks HTTP cannot be asked about them: what policies match is denied. */
function customConnectionFilters(
  policies: readonly AuthorizationPolicy[],
  providers: CustomProviders,
  port: RulePort,
): readonly Filter[] {
  const asked = policies.filter((policy) => !isDryRun(policy));
  const names = [...new Set(asked.map(({ spec }) => spec.provider?.name ?? ""))].sort(compareText);
  return names.flatMap((provider) => {
    const own = asked.filter(({ spec }) => (spec.provider?.name ?? "") === provider);
    const { rules } = rulePair(own, "DENY", { isForTcp: true, port }, false);
    if (rules === undefined) return [];
    const name = `custom.${provider}`;
    const asks = providers.connection(questionOf(provider));
    if (asks === undefined) return [networkFilter("DENY", { rules, shadowRules: undefined }, name)];
    // What it finds is no verdict yet.
    const rbac = create(NetworkSchema, {
      statPrefix: "tcp.",
      shadowRules: { ...rules, action: Action.LOG },
      shadowRulesStatPrefix: shadowPrefixOf(provider),
    });
    const finds = create(FilterSchema, {
      name: `envoy.filters.network.rbac.${name}`,
      configType: { case: "typedConfig", value: pack(NetworkSchema, rbac) },
    });
    return [finds, asks];
  });
}
