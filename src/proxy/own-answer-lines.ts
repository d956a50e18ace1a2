/** Header lines of redirects and direct responses: routes change them like those of an upstream's answer. */
import { applyMutations } from "../decision/header-mutation.ts";
import type { RouteMatchResult } from "../decision/route-table.ts";
import { HeaderBlock } from "../http/header-block.ts";

/** `match` is undefined where the listener answers before a route was chosen. */
export function ownAnswerLines(
  field: readonly [name: string, value: string] | undefined,
  match: RouteMatchResult | undefined,
): string {
  const headers = new HeaderBlock();
  if (field !== undefined) headers.add(...field);
  if (match !== undefined) {
    applyMutations(match.route.responseMutations, headers);
    applyMutations(match.virtualHost.responseMutations, headers);
    applyMutations(match.table.responseMutations, headers);
  }
  return headers.toLines();
}
