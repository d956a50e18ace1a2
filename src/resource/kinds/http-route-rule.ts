/** A rule of an HTTPRoute: which requests, what happens to them, where they go. */
import { z } from "zod";
import { parseDuration } from "../duration.ts";
import { dnsSubdomain, duration } from "../fields.ts";
import {
  type LooseRecord,
  listAt,
  listRule,
  objectRule,
  type Report,
  reportRepeated,
  valueAt,
} from "../rule.ts";
import { httpRouteFilters } from "./http-route-filter.ts";
import { httpRouteMatch } from "./http-route-match.ts";
import { backendRefWith } from "./route-references.ts";
import { sessionPersistence } from "./session-persistence.ts";

const backendRef = backendRefWith({
  weight: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(1)
    .describe("Its share of the rule's requests: this over the sum of all weights. 0: none."),
  filters: httpRouteFilters.optional().describe("For requests to this backend only."),
});

const timeouts = objectRule(
  z.strictObject({
    request: duration()
      .optional()
      .describe("For the whole request, retries included; 0s for none."),
    backendRequest: duration()
      .optional()
      .describe("For one try at a backend. At most request, unless that is 0s."),
  }),
  (value, report) => {
    const [requestMs, backendMs] = [msOf(value["request"]), msOf(value["backendRequest"])];
    if (requestMs === undefined || backendMs === undefined || requestMs === 0) return;
    if (backendMs <= requestMs) return;
    report({
      path: ["backendRequest"],
      message: `is ${value["backendRequest"]}, longer than request ${value["request"]}`,
    });
  },
);

const retry = z.strictObject({
  codes: listRule(z.array(z.int().min(400).max(599)), (items, report) => {
    reportRepeated(items, report, {
      identity: (item) => JSON.stringify(item),
      path: [],
      what: "status codes",
    });
  })
    .max(200)
    .optional()
    .describe("Response statuses upon which to try again."),
  attempts: z.int().min(1).max(2_147_483_647).optional().describe("Tries after the first one."),
  backoff: duration().optional().describe("The least wait between tries."),
});

export const httpRouteRule = objectRule(
  z.strictObject({
    name: dnsSubdomain().optional().describe("Unique in the route. Shown where the rule is meant."),
    matches: z
      .array(httpRouteMatch)
      .max(64)
      .prefault([{}])
      .describe("Any one of them must match. Default: every request."),
    filters: httpRouteFilters.optional().describe("In order, for every backend."),
    backendRefs: z
      .array(backendRef)
      .max(16)
      .optional()
      .describe("Where requests go, by weight. None, and no redirect: every request gets a 500."),
    timeouts: timeouts.optional(),
    retry: retry.optional().describe("When a request is tried again, perhaps at another instance."),
    sessionPersistence: sessionPersistence
      .optional()
      .describe("Requests of one session go to one instance. Goes before a TrafficPolicy's."),
  }),
  (rule, report) => {
    checkRedirect(rule, report);
    checkPrefixReplacement(rule, report);
  },
);

export type HttpRouteRule = z.output<typeof httpRouteRule>;

/** "RequestRedirect filter must not be used together with backendRefs". */
function checkRedirect(rule: LooseRecord, report: Report): void {
  if (listAt(rule, "backendRefs").length === 0) return;
  for (const [index, filter] of listAt(rule, "filters").entries()) {
    if (valueAt(filter, "requestRedirect") === undefined) continue;
    report({
      path: ["filters", index],
      message:
        "RequestRedirect must not stand beside backendRefs: a redirected request goes nowhere",
    });
  }
}

/** "When using … path.replacePrefixMatch, exactly one PathPrefix match must be specified". */
function checkPrefixReplacement(rule: LooseRecord, report: Report): void {
  const matches = listAt(rule, "matches");
  if (matches.length === 1 && valueAt(matches[0], "path", "type") === "PathPrefix") return;
  const lists = [
    { path: ["filters"], filters: listAt(rule, "filters") },
    ...listAt(rule, "backendRefs").map((backend, index) => ({
      path: ["backendRefs", index, "filters"],
      filters: listAt(backend, "filters"),
    })),
  ];
  for (const { path, filters } of lists) {
    for (const [index, filter] of filters.entries()) {
      for (const member of ["requestRedirect", "urlRewrite"]) {
        if (valueAt(filter, member, "path", "replacePrefixMatch") === undefined) continue;
        report({
          path: [...path, index, member, "path", "replacePrefixMatch"],
          message: "needs a rule with exactly one match, whose path type is PathPrefix",
        });
      }
    }
  }
}

function msOf(value: unknown): number | undefined {
  return typeof value === "string" ? parseDuration(value) : undefined;
}
