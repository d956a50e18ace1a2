/** Which requests a rule of an HTTPRoute is for. Limits and rules are those of Gateway API v1. */
import { z } from "zod";
import { headerName, headerValue } from "../fields.ts";
import { listRule, objectRule, type Report, reportRepeated, valueAt } from "../rule.ts";
import { headerOrClaim } from "./claim-name.ts";

/** RFC 3986 section 3.3 in the form of the Gateway API's schema. */
export const PATH_PATTERN = /^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$/;

export const HTTP_METHODS = [
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "CONNECT",
  "OPTIONS",
  "TRACE",
  "PATCH",
] as const;

/** What paths matched exactly or by prefix must not hold: they would never match a normalised path. */
const PATH_REFUSALS: readonly {
  readonly name: string;
  readonly test: (path: string) => boolean;
}[] = [
  { name: "must not contain //", test: (path) => path.includes("//") },
  { name: "must not contain /./", test: (path) => path.includes("/./") },
  { name: "must not contain /../", test: (path) => path.includes("/../") },
  { name: "must not contain %2f", test: (path) => path.toLowerCase().includes("%2f") },
  { name: "must not contain #", test: (path) => path.includes("#") },
  { name: "must not end with /..", test: (path) => path.endsWith("/..") },
  { name: "must not end with /.", test: (path) => path.endsWith("/.") },
];

const pathMatch = objectRule(
  z.strictObject({
    type: z
      .enum(["Exact", "PathPrefix", "RegularExpression"])
      .default("PathPrefix")
      .describe(
        "PathPrefix compares whole path elements: /api matches /api and /api/x, not /apis. RegularExpression must match the whole path.",
      ),
    value: z.string().max(1024).default("/").describe("Begins with / unless an expression."),
  }),
  (match, report) => {
    const { type, value } = match;
    if (typeof value !== "string") return;
    if (type === "RegularExpression") return checkExpression(value, report);
    if (type !== "Exact" && type !== "PathPrefix") return;
    const refuse = (message: string): void =>
      report({ path: ["value"], code: "invalid-value", message, allowed: "a normalised path" });
    if (!value.startsWith("/")) refuse("must begin with /");
    const refusals = PATH_REFUSALS.filter((refusal) => refusal.test(value));
    for (const refusal of refusals) refuse(refusal.name);
    if (refusals.length === 0 && value !== "" && !PATH_PATTERN.test(value)) {
      refuse("must hold only letters, digits, %XX and /._~!$&'()*+,;=:@- ");
    }
  },
);

const matchType = z
  .enum(["Exact", "RegularExpression"])
  .default("Exact")
  .describe("An expression must match the whole value.");

const headerMatch = objectRule(
  z.strictObject({
    type: matchType,
    name: headerName().describe("Compared without regard to case."),
    value: headerValue().describe("Compared with the whole value."),
  }),
  checkTypedValue,
);

const headerOrClaimMatch = objectRule(
  z.strictObject({
    type: matchType,
    name: headerOrClaim().describe(
      "Compared without regard to case. @request.auth.claims.group is no header but a claim of the user's token, if a RequestAuthentication has verified one.",
    ),
    value: headerValue().describe("Compared with the whole value, or one of a claim's list."),
  }),
  checkTypedValue,
);

const queryParamMatch = objectRule(
  z.strictObject({
    type: matchType,
    name: headerName().describe("Compared exactly."),
    value: z.string().min(1).max(1024).describe("Compared with the first parameter of the name."),
  }),
  checkTypedValue,
);

export const headerMatches = listRule(z.array(headerMatch).max(16), reportRepeatedHeaders);

/** Of HTTPRoutes and GRPCRoutes. */
export const routeHeaderMatches = listRule(
  z.array(headerOrClaimMatch).max(16),
  reportRepeatedHeaders,
);

function reportRepeatedHeaders(items: readonly unknown[], report: Report): void {
  reportRepeated(items, report, {
    identity: (item) => lowerName(item),
    path: ["name"],
    what: "header names (whatever their case)",
  });
}

const queryParams = listRule(z.array(queryParamMatch).max(16), (items, report) => {
  reportRepeated(items, report, {
    identity: (item) => {
      const name = valueAt(item, "name");
      return typeof name === "string" ? name : undefined;
    },
    path: ["name"],
    what: "query parameter names",
  });
});

/** All conditions that are set must hold. */
export const httpRouteMatch = z.strictObject({
  path: pathMatch.prefault({}).describe("Default: every path."),
  headers: routeHeaderMatches.optional().describe("All must match."),
  queryParams: queryParams.optional().describe("All must match."),
  method: z.enum(HTTP_METHODS).optional().describe("Default: every method."),
});

export type HttpRouteMatch = z.output<typeof httpRouteMatch>;

/** The `name` of a header entry in lower case; RFC 9110 section 5.1: names are case-insensitive. */
export function lowerName(item: unknown): string | undefined {
  const name = valueAt(item, "name");
  return typeof name === "string" ? name.toLowerCase() : undefined;
}

function checkTypedValue(match: Readonly<Record<string, unknown>>, report: Report): void {
  const { type, value } = match;
  if (type === "RegularExpression" && typeof value === "string") checkExpression(value, report);
}

/** Lookaround and back references: RE2, which Envoy uses, has none of them. */
const BEYOND_RE2 = /\(\?(?:[=!]|<[=!])|\\[1-9]|\\k</;

/** The Gateway API leaves the dialect open; here it is what RE2 and ECMAScript share. */
export function checkExpression(expression: string, report: Report): void {
  const refuse = (message: string): void =>
    report({ path: ["value"], code: "invalid-value", message, allowed: "an RE2 expression" });
  if (BEYOND_RE2.test(expression)) {
    refuse("must not use lookaround or back references, which RE2 does not have");
    return;
  }
  try {
    new RegExp(expression);
  } catch {
    refuse("must be a regular expression that both RE2 and ECMAScript read");
  }
}
