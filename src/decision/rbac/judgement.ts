/**
 * Why a request is denied or let through: the deciding policy, its rule, and the first condition that does not hold.
 * Asks the compiled conditions that the proxy runs; only who explains pays for words.
 */
import { RBAC_EXPLAINED_POLICIES_MAX } from "../../core/limits.ts";
import type { RequestView } from "../request-view.ts";
import type { Condition, LeafText } from "./condition.ts";
import { NO_MATCH } from "./policy-index.ts";
import type { RbacConnection } from "./rbac-connection.ts";
import type { CompiledPolicy, RbacEngine } from "./rbac-engine.ts";
import { ruleText } from "./rule-name.ts";

export interface Judgement {
  readonly isAllowed: boolean;
  /** The policy that matched; where none did and that denies, the one that came nearest. Undefined: there is none. */
  readonly policy: CompiledPolicy | undefined;
  /** Whether `policy` matched. */
  readonly isMatched: boolean;
  /** Of a policy that did not match: `method POST`, as the policy wants it. Of one that did: "". */
  readonly condition: string;
  /** Of a policy that matched: what of it did. Of one that did not: "". */
  readonly held: string;
  /** A sentence. */
  readonly reason: string;
}

/** What the engine makes of a request, in words. */
export function judge(
  engine: RbacEngine,
  request: RequestView,
  connection: RbacConnection,
): Judgement {
  return explainMatch(engine, engine.match(request, connection), request, connection);
}

/** The same when the match is known. */
export function explainMatch(
  engine: RbacEngine,
  match: number,
  request: RequestView,
  connection: RbacConnection,
): Judgement {
  const isAllowed = engine.isAllowed(match);
  const matched = match === NO_MATCH ? undefined : engine.policies[match];
  if (matched !== undefined) {
    const held = heldText(matched, request, connection);
    const verb = { allow: "allows", deny: "denies", log: "logs" }[engine.action];
    const reason = `${ruleText(matched)} ${verb} it: ${held}`;
    return { isAllowed, policy: matched, isMatched: true, condition: "", held, reason };
  }
  const nearest = isAllowed ? undefined : nearestOf(engine, request, connection);
  if (nearest === undefined) {
    const reason = isAllowed ? "no policy matches" : "there is no ALLOW policy that could match";
    return { isAllowed, policy: undefined, isMatched: false, condition: "", held: "", reason };
  }
  const { policy, failure } = nearest;
  return {
    isAllowed,
    policy,
    isMatched: false,
    condition: failure.condition,
    held: "",
    reason: `no ALLOW policy matches; nearest is ${ruleText(policy)}: ${failure.sentence}`,
  };
}

interface Failure {
  readonly condition: string;
  readonly sentence: string;
}

interface Nearest {
  readonly policy: CompiledPolicy;
  readonly failure: Failure;
}

/** Who asks counts more than what is asked: a policy for others is of no help to the caller. */
function nearestOf(
  { policies }: RbacEngine,
  request: RequestView,
  connection: RbacConnection,
): Nearest | undefined {
  let best: CompiledPolicy | undefined;
  let bestScore = -1;
  for (let i = 0; i < policies.length && i < RBAC_EXPLAINED_POLICIES_MAX; i++) {
    const policy = policies[i]!;
    const score =
      (policy.principal.test(request, connection) ? 1_000 : 0) +
      heldShare(policy.permission, request, connection);
    if (score <= bestScore) continue;
    best = policy;
    bestScore = score;
  }
  if (best === undefined) return undefined;
  const part = best.principal.test(request, connection) ? best.permission : best.principal;
  return { policy: best, failure: failureOf(part, request, connection) };
}

/** From 0 to 99: how much of a condition holds. */
function heldShare(condition: Condition, request: RequestView, connection: RbacConnection): number {
  const { kind, parts, test } = condition;
  if (kind === "or") {
    let best = 0;
    for (const part of parts) best = Math.max(best, heldShare(part, request, connection));
    return best;
  }
  if (kind !== "and") return test(request, connection) ? 99 : 0;
  let held = 0;
  for (const part of parts) if (part.test(request, connection)) held += 1;
  return Math.floor((99 * held) / parts.length);
}

/** Alternatives that are named before the rest is only counted. */
const NAMED_ALTERNATIVES_MAX = 4;

/** The first leaf of a condition that does not hold. */
function failureOf(
  condition: Condition,
  request: RequestView,
  connection: RbacConnection,
): Failure {
  const { kind, parts, text } = condition;
  switch (kind) {
    case "leaf":
      return leafFailure([text!], request, connection);
    case "and": {
      const failed = parts.find(({ test }) => !test(request, connection));
      return failureOf(failed ?? parts[0]!, request, connection);
    }
    case "not":
      return exclusion(parts[0]!, request, connection);
    case "or": {
      const leaves = parts.flatMap((part) => part.text ?? []);
      const [first] = leaves;
      const isOfOneKind =
        leaves.length === parts.length && leaves.every(({ subject }) => subject === first?.subject);
      if (isOfOneKind) return leafFailure(leaves, request, connection);
      const near = parts.toSorted(
        (a, b) => heldShare(b, request, connection) - heldShare(a, request, connection),
      )[0];
      return failureOf(near ?? condition, request, connection);
    }
  }
}

function leafFailure(
  leaves: readonly LeafText[],
  request: RequestView,
  connection: RbacConnection,
): Failure {
  const { subject } = leaves[0]!;
  const named = leaves.slice(0, NAMED_ALTERNATIVES_MAX).map(({ wanted }) => wanted);
  const more = leaves.length - named.length;
  const wanted = `${named.join(" or ")}${more > 0 ? ` or ${more} more` : ""}`;
  const found = leaves[0]!.found(request, connection);
  return {
    condition: `${subject} ${wanted}`,
    sentence: `${subject} is ${found}, wanted ${wanted}`,
  };
}

function exclusion(inner: Condition, request: RequestView, connection: RbacConnection): Failure {
  const held = heldLeaf(inner, request, connection);
  if (held === undefined) {
    return { condition: "not anything", sentence: "it is made to match nothing" };
  }
  const { subject, wanted } = held;
  return {
    condition: `not ${subject} ${wanted}`,
    sentence: `${subject} is ${held.found(request, connection)}, which the rule excludes (${wanted})`,
  };
}

/** The first leaf of a condition that holds. */
function heldLeaf(
  condition: Condition,
  request: RequestView,
  connection: RbacConnection,
): LeafText | undefined {
  if (condition.kind === "leaf") {
    return condition.text?.wanted === "any" ? undefined : condition.text;
  }
  for (const part of condition.parts) {
    if (!part.test(request, connection)) continue;
    const found = heldLeaf(part, request, connection);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** `path is /admin (prefix /admin), principal is spiffe://…`: what of a policy matched. */
function heldText(
  { permission, principal }: CompiledPolicy,
  request: RequestView,
  connection: RbacConnection,
): string {
  const leaves = [permission, principal].flatMap((condition) => {
    const held = heldLeaf(condition, request, connection);
    return held === undefined ? [] : [held];
  });
  if (leaves.length === 0) return "it is for every request";
  return leaves
    .map((held) => `${held.subject} is ${held.found(request, connection)} (${held.wanted})`)
    .join(", ");
}
