/** Which calls a rule of a GRPCRoute is for. Limits and rules are those of Gateway API v1. */
import { z } from "zod";
import { objectRule, type Report } from "../rule.ts";
import { checkExpression, routeHeaderMatches } from "./http-route-match.ts";

/** GRPCMethodMatch: what an exact service or method may look like. */
const SERVICE = /^\.?[a-z_][a-z_0-9]*(\.[a-z_][a-z_0-9]*)*$/i;
const METHOD = /^[A-Za-z_][A-Za-z_0-9]*$/;

const methodMatch = objectRule(
  z.strictObject({
    type: z
      .enum(["Exact", "RegularExpression"])
      .default("Exact")
      .describe("An expression must match the whole service or method."),
    service: z
      .string()
      .min(1)
      .max(1024)
      .optional()
      .describe("With its package: shop.v1.Catalog. Default: every service."),
    method: z.string().min(1).max(1024).optional().describe("Default: every method."),
  }),
  (match, report) => {
    const { type, service, method } = match;
    if (service === undefined && method === undefined) {
      // "One or both of 'service' or 'method' must be specified".
      report({
        path: ["service"],
        code: "missing-field",
        message: "is missing, and so is method; a method match needs one of them",
        allowed: "service, method or both",
      });
    }
    const patterns = { service: SERVICE, method: METHOD };
    for (const [field, value] of Object.entries({ service, method })) {
      if (typeof value !== "string") continue;
      const at: Report = (failure) => report({ ...failure, path: [field] });
      if (type === "RegularExpression") checkExpression(value, at);
      else if (!patterns[field as keyof typeof patterns].test(value)) {
        const allowed = field === "service" ? "a name like shop.v1.Catalog" : "a name like Get";
        at({
          path: [],
          code: "invalid-value",
          message: "must be letters, digits and _, not beginning with a digit",
          allowed,
        });
      }
    }
  },
);

/** All conditions that are set must hold. */
export const grpcRouteMatch = z.strictObject({
  method: methodMatch.optional().describe("Default: every method of every service."),
  headers: routeHeaderMatches.optional().describe("All must match."),
});
