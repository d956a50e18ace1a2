/**
 * What becomes of a request, or of a connection, at all the filters that judge it: the judgement that a sidecar makes,
 * without one. What a service of somebody else would say nobody knows: only that it would be asked. Pure; the same
 * compiled rules decide.
 */
import { type DynamicMetadata, mergeMetadata } from "../dynamic-metadata.ts";
import type { RbacRule } from "../filters/rbac-rule.ts";
import type { RequestView } from "../request-view.ts";
import type { Condition } from "./condition.ts";
import { type Judgement, judge } from "./judgement.ts";
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
  readonly dryRuns: readonly DryRun[];
  /** Services that are asked, and what is found holds only if each allows it. */
  readonly questions: readonly Question[];
}

export interface DryRun extends RuleVerdict {
  /** As the filter writes it before the names of its result. */
  readonly shadowPrefix: string;
}

export interface Question {
  /** Of the filter that asks. */
  readonly label: string;
  /** What becomes of it when the service does not answer. */
  readonly allowsOnFailure: boolean;
  /** The rules that chose it; undefined where all is asked about. */
  readonly chosenBy: RuleVerdict | undefined;
}

/** Of one filter: rules that act, and rules that are watched. */
type FilterRules = Pick<RbacRule, "rules" | "shadow" | "shadowPrefix">;

/** Of a filter that asks a service: whom, and about what. */
export interface AskingRules {
  readonly label: string;
  readonly allowsOnFailure: boolean;
  /** Undefined: about everything. */
  readonly onlyWhen: Condition | undefined;
}

export type JudgingRules = FilterRules | AskingRules;

/** Where Envoy's filters leave the result of shadow rules. */
const HTTP_RESULTS = "envoy.filters.http.rbac";
const CONNECTION_RESULTS = "envoy.filters.network.rbac";

/** Filters in their order. The request's `metadata` stands for what filters before them find out. */
export function judgeRequest(
  filters: readonly JudgingRules[],
  request: RequestView,
  connection: RbacConnection,
): AuthorizationVerdict {
  let deciding: RuleVerdict | undefined;
  let found: DynamicMetadata | undefined = request.metadata;
  let lastMatch: RuleVerdict | undefined;
  const dryRuns: DryRun[] = [];
  const questions: Question[] = [];
  for (const filter of filters) {
    if ("onlyWhen" in filter) {
      const { label, allowsOnFailure, onlyWhen } = filter;
      const isAsked = onlyWhen?.test({ ...NO_REQUEST, metadata: found }, connection) ?? true;
      const chosenBy = onlyWhen === undefined ? undefined : lastMatch;
      if (isAsked) questions.push({ label, allowsOnFailure, chosenBy });
      continue;
    }
    const { rules, shadow, shadowPrefix } = filter;
    if (shadow !== undefined) {
      const verdict = verdictOf(shadow, request, connection);
      if (!verdict.isAllowed) dryRuns.push({ ...verdict, shadowPrefix });
      if (verdict.isMatched && verdict.policy !== undefined) {
        lastMatch = verdict;
        found = mergeMetadata(found, resultOf(shadowPrefix, verdict.policy.name));
      }
    }
    if (rules === undefined) continue;
    const verdict = verdictOf(rules, request, connection);
    if (!verdict.isAllowed) return { isAllowed: false, deciding: verdict, dryRuns, questions };
    if (verdict.action === "allow") deciding = verdict;
  }
  return { isAllowed: true, deciding, dryRuns, questions };
}

/** By what filters behind know which rule matched. */
function resultOf(prefix: string, policyName: string): DynamicMetadata {
  const fields = new Map([[`${prefix}shadow_effective_policy_id`, policyName]]);
  return new Map([
    [HTTP_RESULTS, fields],
    [CONNECTION_RESULTS, fields],
  ]);
}

/** The same for a connection that carries no requests. */
export function judgeConnection(
  filters: readonly (NetworkRbacRule | AskingRules)[],
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
