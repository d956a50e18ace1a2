/**
 * What becomes of a request, or of a connection, at all the RBAC filters that it passes: the judgement that a sidecar
 * makes, without one. Pure; the same compiled rules decide.
 */
import type { RbacRule } from "../filters/rbac-rule.ts";
import type { RequestView } from "../request-view.ts";
import type { Judgement } from "./judgement.ts";
import { judge } from "./judgement.ts";
import type { NetworkRbacRule } from "./network-rbac-rule.ts";
import type { RbacConnection } from "./rbac-connection.ts";
import { NO_REQUEST, type RbacAction, type RbacEngine } from "./rbac-engine.ts";

/** What one set of rules says. */
export interface RuleVerdict extends Judgement {
  readonly action: RbacAction;
}

export interface AuthorizationVerdict {
  readonly isAllowed: boolean;
  /** The rules that denied it; else those of the last policy that allowed it. Undefined where no rules had a say. */
  readonly deciding: RuleVerdict | undefined;
  /** What shadow rules would have said, where they would have denied it. */
  readonly dryRuns: readonly RuleVerdict[];
}

/** Of one filter: rules that act, and rules that are watched. */
type FilterRules = Pick<RbacRule, "rules" | "shadow">;

/** Filters in their order. The request's `metadata` stands for what filters before them find out. */
export function judgeRequest(
  filters: readonly FilterRules[],
  request: RequestView,
  connection: RbacConnection,
): AuthorizationVerdict {
  let deciding: RuleVerdict | undefined;
  const dryRuns: RuleVerdict[] = [];
  for (const { rules, shadow } of filters) {
    if (shadow !== undefined) {
      const verdict = verdictOf(shadow, request, connection);
      if (!verdict.isAllowed) dryRuns.push(verdict);
    }
    if (rules === undefined) continue;
    const verdict = verdictOf(rules, request, connection);
    if (!verdict.isAllowed) return { isAllowed: false, deciding: verdict, dryRuns };
    if (verdict.action === "allow") deciding = verdict;
  }
  return { isAllowed: true, deciding, dryRuns };
}

/** The same for a connection that carries no requests. */
export function judgeConnection(
  filters: readonly NetworkRbacRule[],
  connection: RbacConnection,
): AuthorizationVerdict {
  return judgeRequest(filters, NO_REQUEST, connection);
}

function verdictOf(
  engine: RbacEngine,
  request: RequestView,
  connection: RbacConnection,
): RuleVerdict {
  return { action: engine.action, ...judge(engine, request, connection) };
}
