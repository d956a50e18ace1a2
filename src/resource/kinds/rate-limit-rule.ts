/** Which requests a rule of a RateLimitPolicy counts, how it tells them apart, and how many it lets through. */
import { isIPv4, isIPv6 } from "node:net";
import { z } from "zod";
import { dnsLabel, dnsSubdomain, headerName } from "../fields.ts";
import { listRule, objectRule, type Report, reportRepeated, stringRule, valueAt } from "../rule.ts";
import { HTTP_METHODS, headerMatches, httpRouteMatch } from "./http-route-match.ts";

/** What a unit lasts, in milliseconds. */
export const RATE_LIMIT_UNIT_MS = {
  Second: 1_000,
  Minute: 60_000,
  Hour: 3_600_000,
  Day: 86_400_000,
} as const;

const units = [
  "Second",
  "Minute",
  "Hour",
  "Day",
] as const satisfies readonly (keyof typeof RATE_LIMIT_UNIT_MS)[];

export const rateLimitUnit = z.enum(units);

/** The identity of a workload: every request through the mesh has one. */
const caller = z.strictObject({
  namespace: dnsLabel().optional().describe("Default: the policy's."),
  serviceAccount: dnsSubdomain().describe("As the caller's certificate names it."),
});

const cidr = stringRule(z.string().max(64), (text, report) => {
  const [address = "", bits = "", ...rest] = text.split("/");
  const bitsMax = isIPv4(address) ? 32 : 128;
  const isNetwork = isIPv4(address) || (isIPv6(address) && !address.includes("%"));
  if (isNetwork && rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= bitsMax) return;
  const allowed = "an IPv4 or IPv6 network like 10.0.0.0/8";
  report({ path: [], code: "invalid-value", message: `must be ${allowed}`, allowed });
});

/** All conditions that are set must hold. */
export const rateLimitMatch = z.strictObject({
  path: httpRouteMatch.shape.path.optional().describe("As in an HTTPRoute. Default: every path."),
  method: z.enum(HTTP_METHODS).optional().describe("Default: every method."),
  headers: headerMatches.optional().describe("All must match."),
  queryParams: httpRouteMatch.shape.queryParams.describe("All must match."),
  caller: caller.optional().describe("The workload that sends the request. Only where: Server."),
  sourceCIDR: cidr
    .optional()
    .describe(
      "Where the request comes from: whoever connects, or whom the trusted hops of X-Forwarded-For name (numTrustedProxies of MeshConfig).",
    ),
});

const NAMED = ["Header", "QueryParam", "Claim"];

const per = objectRule(
  z.strictObject({
    type: z
      .enum(["Caller", "SourceAddress", "Header", "QueryParam", "Method", "Path", "Claim"])
      .describe(
        "Caller: the calling workload's identity; Claim: of the user's token, a text that a RequestAuthentication has verified; both only where: Server. Path: with its query.",
      ),
    name: headerName()
      .optional()
      .describe("Of the header, query parameter or claim; address.city for one inside another."),
  }),
  ({ type, name }, report) => {
    if (typeof type !== "string") return;
    if (NAMED.includes(type) && name === undefined) {
      report({ path: ["name"], code: "missing-field", message: `${type} needs a name` });
    } else if (!NAMED.includes(type) && name !== undefined) {
      report({ path: ["name"], message: `must not be set for ${type}` });
    }
  },
);

const limit = z.strictObject({
  requests: z.int().min(1).max(1_000_000_000).describe("So many in each unit."),
  unit: rateLimitUnit.default("Second"),
  burst: z
    .int()
    .min(1)
    .max(1_000_000_000)
    .optional()
    .describe("So many at once after a quiet time. Default: half of requests, rounded up."),
});

export type RateLimitAmount = Readonly<z.output<typeof limit>>;

export const rateLimitRule = z.strictObject({
  name: dnsLabel().describe("Names the rule in metrics, logs and answers."),
  match: rateLimitMatch.optional().describe("Default: all requests."),
  per: listRule(z.array(per).min(1).max(4), (items, report) => {
    reportRepeated(items, report, {
      identity: (item) => JSON.stringify([valueAt(item, "type"), valueAt(item, "name")]),
      path: [],
      what: "entries",
    });
  })
    .optional()
    .describe(
      "Each distinct value, or combination of values, has the limit for itself. Requests without one are not counted.",
    ),
  limit,
});

export type RateLimitRule = z.output<typeof rateLimitRule>;

/** Rules of one list, told apart by name. */
export function reportRepeatedRules(items: readonly unknown[], report: Report): void {
  reportRepeated(items, report, {
    identity: (item) => {
      const name = valueAt(item, "name");
      return typeof name === "string" ? name : undefined;
    },
    path: ["name"],
    what: "names of rules",
  });
}
