/**
 * Envoy's RBAC rules, compiled: which policy a request or a connection matches, and what comes of it. A peer's identity
 * is held against the policies once, not once per request.
 */
import { RBAC_INDEXED_POLICIES_MAX } from "../../core/limits.ts";
import {
  RBAC_Action as Action,
  type Policy,
  type RBAC,
} from "../../gen/envoy/config/rbac/v3/rbac_pb.js";
import type { FieldError } from "../field-error.ts";
import type { RequestView } from "../request-view.ts";
import {
  anyOf,
  asksWho,
  type Condition,
  type ConditionTest,
  knownOfPrincipal,
} from "./condition.ts";
import { type ConditionOptions, compilePermission } from "./permission-condition.ts";
import { type IndexedPolicy, NO_MATCH, PolicyIndex } from "./policy-index.ts";
import { keysOfAny, type PolicyKeys } from "./policy-keys.ts";
import { compilePrincipal } from "./principal-condition.ts";
import type { RbacConnection } from "./rbac-connection.ts";
import { type PolicyRule, policyRuleOf } from "./rule-name.ts";

export type RbacAction = "allow" | "deny" | "log";

export interface CompiledPolicy extends PolicyRule {
  readonly name: string;
  readonly permission: Condition;
  readonly principal: Condition;
  readonly keys: PolicyKeys;
}

/** A connection without requests is judged as a request that has nothing. */
export const NO_REQUEST: RequestView = {
  ...{ method: "", path: "", query: "", authority: "", scheme: "", httpVersion: "HTTP/1.1" },
  header: () => undefined,
  headerValues: () => [],
};

export interface RbacOptions {
  /** Connections are judged, not requests. */
  readonly isForTcp: boolean;
}

export class RbacEngine {
  readonly action: RbacAction;
  /** In the order of their names, as Envoy goes through them. */
  readonly policies: readonly CompiledPolicy[];
  /** Of the policies that are for anybody: the same for all peers. */
  readonly #common: PolicyIndex;
  /** What is left of the others for a peer; peers for which the same is left share an index. */
  readonly #byPrincipal = new Map<string, PolicyIndex>();
  readonly #bySubset = new Map<string, PolicyIndex>();
  #indexedCount = 0;

  constructor(action: RbacAction, policies: readonly CompiledPolicy[]) {
    this.action = action;
    this.policies = policies;
    this.#common = new PolicyIndex(
      policies.flatMap((policy, place) =>
        asksWho(policy.principal)
          ? []
          : [{ place, keys: policy.keys, test: testOf(policy, knownOfAll(policy)) }],
      ),
    );
  }

  /** The place of the first policy that matches, or NO_MATCH. */
  match(request: RequestView, connection: RbacConnection): number {
    const { peerPrincipal } = connection;
    const index = this.#byPrincipal.get(peerPrincipal) ?? this.#indexFor(peerPrincipal);
    const own = index.match(request, connection);
    const common = this.#common.match(request, connection);
    if (own === NO_MATCH) return common;
    return common === NO_MATCH ? own : Math.min(own, common);
  }

  /** What comes of a match, or of none. */
  isAllowed(match: number): boolean {
    switch (this.action) {
      case "allow":
        return match !== NO_MATCH;
      case "deny":
        return match === NO_MATCH;
      case "log":
        return true;
    }
  }

  #indexFor(principal: string): PolicyIndex {
    const left: IndexedPolicy[] = [];
    let subset = "";
    for (const [place, policy] of this.policies.entries()) {
      if (!asksWho(policy.principal)) continue;
      const known = knownOfPrincipal(policy.principal, principal);
      if (known === false) continue;
      left.push({ place, keys: policy.keys, test: testOf(policy, known === true) });
      subset += known === true ? `${place},` : `${place}?,`;
    }
    if (this.#indexedCount + left.length + 1 > RBAC_INDEXED_POLICIES_MAX) {
      this.#byPrincipal.clear();
      this.#bySubset.clear();
      this.#indexedCount = 0;
    }
    let index = this.#bySubset.get(subset);
    if (index === undefined) {
      index = new PolicyIndex(left);
      this.#bySubset.set(subset, index);
      this.#indexedCount += left.length;
    }
    this.#indexedCount += 1;
    this.#byPrincipal.set(principal, index);
    return index;
  }
}

/** Of a policy that asks nobody who it is. */
function knownOfAll({ principal }: CompiledPolicy): boolean {
  return knownOfPrincipal(principal, "") === true;
}

function testOf(
  { permission, principal }: CompiledPolicy,
  isPrincipalKnown: boolean,
): ConditionTest {
  const does = permission.test;
  if (isPrincipalKnown) return does;
  const is = principal.test;
  return (request, connection) => does(request, connection) && is(request, connection);
}

export function compileRbac(
  rbac: RBAC,
  { isForTcp }: RbacOptions,
  path: string,
  errors: FieldError[],
): RbacEngine {
  const action = actionOf(rbac.action);
  const options: ConditionOptions = { isForTcp, leaning: action === "allow" ? "narrow" : "wide" };
  const names = Object.keys(rbac.policies).sort(compareBytes);
  const policies = names.map((name) => {
    const at = `${path}.policies[${JSON.stringify(name)}]`;
    return compilePolicy(name, rbac.policies[name]!, options, at, errors);
  });
  return new RbacEngine(action, policies);
}

function compilePolicy(
  name: string,
  { permissions, principals }: Policy,
  options: ConditionOptions,
  path: string,
  errors: FieldError[],
): CompiledPolicy {
  if (permissions.length === 0) {
    errors.push({ path: `${path}.permissions`, message: "at least one is required" });
  }
  if (principals.length === 0) {
    errors.push({ path: `${path}.principals`, message: "at least one is required" });
  }
  return {
    name,
    ...policyRuleOf(name),
    permission: anyOf(
      permissions.map((permission, index) =>
        compilePermission(permission, options, `${path}.permissions[${index}]`, errors),
      ),
    ),
    principal: anyOf(
      principals.map((principal, index) =>
        compilePrincipal(principal, options, `${path}.principals[${index}]`, errors),
      ),
    ),
    keys: keysOfAny(permissions),
  };
}

function actionOf(action: Action): RbacAction {
  switch (action) {
    case Action.DENY:
      return "deny";
    case Action.LOG:
      return "log";
    default:
      return "allow";
  }
}

/** The order of a std::map of names. */
function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
