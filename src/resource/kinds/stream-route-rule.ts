/** The rules of TCPRoutes and TLSRoutes: where connections go. */
import { z } from "zod";
import { dnsSubdomain } from "../fields.ts";
import { listRule } from "../rule.ts";
import { backendRefWith } from "./route-references.ts";
import { checkRuleNames } from "./route-rules.ts";

const backendRef = backendRefWith({
  weight: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(1)
    .describe("Its share of the connections: this over the sum of all weights. 0: none."),
});

const streamRouteRule = z.strictObject({
  name: dnsSubdomain().optional().describe("Unique in the route. Shown where the rule is meant."),
  backendRefs: z
    .array(backendRef)
    .min(1)
    .max(16)
    .describe("Where connections go, by weight. The share of one that does not exist is closed."),
});

/** Rules of which there are at most `max`. */
export function streamRouteRules(max: number) {
  return listRule(z.array(streamRouteRule).min(1).max(max), checkRuleNames);
}
