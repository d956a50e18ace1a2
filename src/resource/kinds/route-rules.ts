/** What holds for the rules of HTTPRoutes and GRPCRoutes alike. */
import { listAt, type Report, reportRepeated, valueAt } from "../rule.ts";

/** Of all rules of a route together; Gateway API v1, HTTPRouteSpec and GRPCRouteSpec. */
const MATCHES_MAX = 128;

/** Rule names are unique, and the matches are not too many. */
export function checkRules(items: readonly unknown[], report: Report): void {
  checkRuleNames(items, report);
  const count = items.reduce<number>((sum, item) => sum + listAt(item, "matches").length, 0);
  if (count <= MATCHES_MAX) return;
  report({
    path: [],
    message: `hold ${count} matches together; at most ${MATCHES_MAX} are allowed`,
    allowed: `at most ${MATCHES_MAX} matches`,
  });
}

export function checkRuleNames(items: readonly unknown[], report: Report): void {
  reportRepeated(items, report, {
    identity: (item) => {
      const name = valueAt(item, "name");
      return typeof name === "string" ? name : undefined;
    },
    path: ["name"],
    what: "rule names",
  });
}
