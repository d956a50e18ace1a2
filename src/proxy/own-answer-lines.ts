/** Header lines of answers that no upstream gave: routes change them like those of an upstream's answer. */
import type { RouteMatchResult } from "../decision/route-table.ts";
import { HeaderBlock } from "../http/header-block.ts";
import { applyResponseMutations } from "./route-mutations.ts";

/** `match` is undefined where the listener answers before a route was chosen. */
export function ownAnswerLines(
  field: readonly [name: string, value: string] | undefined,
  match: RouteMatchResult | undefined,
): string {
  const headers = new HeaderBlock();
  if (field !== undefined) headers.add(...field);
  if (match !== undefined) applyResponseMutations(match, undefined, headers);
  return headers.toLines();
}
