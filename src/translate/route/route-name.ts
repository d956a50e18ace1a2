/** The name of a route tells the object, the rule and the match that it is made of: logs, answers and `explain` show it. */
import { qualifiedName } from "../names.ts";
import type { Candidate } from "./precedence.ts";

/** `HTTPRoute/default/catalog/rule/0/match/0`; a rule with a name has it in place of its number. */
export function routeName({ route, rule, ruleIndex, matchIndex }: Candidate): string {
  const object = `${route.kind}/${qualifiedName(route.metadata)}`;
  return `${object}/rule/${rule.name ?? ruleIndex}/match/${matchIndex}`;
}
