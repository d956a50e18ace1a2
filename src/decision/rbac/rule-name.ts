/** Names of policies as translation writes them, and as Istio does: `ns[shop]-policy[catalog]-rule[0]`. */

export interface PolicyRule {
  /** `shop/catalog`; a name of another form as it is. */
  readonly policy: string;
  /** `0`, or "" where the name tells none. */
  readonly rule: string;
}

const ISTIO_FORM = /ns\[([^\]]*)\]-policy\[([^\]]*)\]-rule\[(\d+)\]$/;

export function policyRuleOf(name: string): PolicyRule {
  const [, namespace, policy, rule] = ISTIO_FORM.exec(name) ?? [];
  if (policy === undefined) return { policy: name, rule: "" };
  return { policy: namespace === "" ? policy : `${namespace}/${policy}`, rule: rule ?? "" };
}

export function ruleName(namespace: string, policy: string, rule: number): string {
  return `ns[${namespace}]-policy[${policy}]-rule[${rule}]`;
}

/** Envoy's `response_code_details` of a denial. */
export function denialDetails(name: string | undefined): string {
  return `rbac_access_denied_matched_policy[${(name || "none").replaceAll(/\s/g, "_")}]`;
}

/** `shop/catalog rule 0`, for people. */
export function ruleText({ policy, rule }: PolicyRule): string {
  return rule === "" ? policy : `${policy} rule ${rule}`;
}
