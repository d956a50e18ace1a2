/** `mesh.tulle.dev/v1 RateLimitPolicy`: how much of its traffic a Service takes, and what it gives up first. */
import { z } from "zod";
import { dnsSubdomain, headerName, headerValue } from "../fields.ts";
import { defineKind } from "../kind.ts";
import type { DeepReadonly, MeshObject, ObjectStatus } from "../object.ts";
import { type LooseRecord, listAt, listRule, objectRule, type Report, valueAt } from "../rule.ts";
import { loadShedding } from "./load-shedding.ts";
import { policyTargetRefs, SERVICE_OR_ROUTE } from "./policy-target-refs.ts";
import { globalLimits } from "./rate-limit-global.ts";
import { rateLimitRule, reportRepeatedRules } from "./rate-limit-rule.ts";

/** Those that Envoy knows: others would make it refuse the whole listener. */
const REFUSAL_STATUSES = [
  ...[400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417],
  ...[
    421, 422, 423, 424, 426, 428, 429, 431, 500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511,
  ],
] as const;

const response = z.strictObject({
  status: z.literal(REFUSAL_STATUSES).default(429).describe("Of refused requests."),
  headers: z
    .array(z.strictObject({ name: headerName(), value: headerValue() }))
    .max(8)
    .default([])
    .describe("Added to refusals."),
});

const local = z.strictObject({
  rules: listRule(z.array(rateLimitRule).min(1).max(64), reportRepeatedRules).describe(
    "A request is counted by every rule that it matches, and refused when one of them is used up; then none counts it.",
  ),
  maxClients: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(10_000)
    .describe(
      "Distinct values that each rule with `per` remembers. Beyond that, who was seen longest ago begins anew.",
    ),
});

const bytesPerSecond = z.strictObject({ kibibytesPerSecond: z.int().min(1).max(1_073_741_824) });

const bandwidth = objectRule(
  z.strictObject({
    request: bytesPerSecond
      .optional()
      .describe("Of the bodies of all requests together. Clients are read no faster than that."),
    response: bytesPerSecond
      .optional()
      .describe("Of the bodies of all responses together. The app's are read no faster than that."),
  }),
  ({ request, response }, report) => {
    if (request !== undefined || response !== undefined) return;
    report({ path: [], code: "missing-field", message: "needs one of request, response" });
  },
);

const connections = objectRule(
  z.strictObject({
    max: z.int().min(1).max(1_000_000).optional().describe("Open at a time. Default: no limit."),
    newPerSecond: z
      .int()
      .min(1)
      .max(1_000_000)
      .optional()
      .describe("Accepted in each second, evenly. Default: no limit."),
    burst: z
      .int()
      .min(1)
      .max(1_000_000)
      .optional()
      .describe("Accepted at once after a quiet time. Default: half of newPerSecond, rounded up."),
  }),
  (value, report) => {
    const { max, newPerSecond, burst } = value;
    if (max === undefined && newPerSecond === undefined) {
      report({ path: [], code: "missing-field", message: "needs one of max, newPerSecond" });
    }
    if (burst !== undefined && newPerSecond === undefined) {
      const message = "is of newPerSecond: set that, too";
      report({ path: ["burst"], message });
    }
  },
);

const PARTS = ["local", "connections", "global", "bandwidth", "loadShedding"] as const;

const specSchema = objectRule(
  z.strictObject({
    targetRefs: policyTargetRefs(SERVICE_OR_ROUTE).describe(
      "The Services, or the routes to them, whose traffic is limited.",
    ),
    where: z
      .enum(["Server", "Client"])
      .optional()
      .describe(
        "Server: each instance's own sidecar limits what reaches the instance. Client: each caller's sidecar limits what the caller sends. Default: Server for Services, Client for routes, which only callers' sidecars know.",
      ),
    mode: z
      .enum(["Enforce", "Observe"])
      .default("Enforce")
      .describe(
        "Observe refuses nothing and counts what would have been refused. For local limits, and for global ones that the control plane counts.",
      ),
    tellsClients: z
      .boolean()
      .default(true)
      .describe(
        "Answers carry x-ratelimit-limit, x-ratelimit-remaining and x-ratelimit-reset, refusals also Retry-After.",
      ),
    response: response.prefault({}),
    local: local.optional().describe("Limits that each sidecar keeps by itself."),
    connections: connections
      .optional()
      .describe(
        "How many connections a sidecar takes, of HTTP and of opaque TCP. Others are closed at once.",
      ),
    global: globalLimits
      .optional()
      .describe("Limits that all sidecars keep together, by a service that counts for them."),
    bandwidth: bandwidth.optional().describe("Bytes a second, for each sidecar that limits them."),
    loadShedding: loadShedding
      .optional()
      .describe("Requests beyond what an instance can do are refused, the least important first."),
  }),
  checkSpec,
);

export type RateLimitPolicySpec = DeepReadonly<z.output<typeof specSchema>>;
export type RateLimitPolicy = MeshObject<"RateLimitPolicy", RateLimitPolicySpec, ObjectStatus>;

/** Where the limits of a policy are kept. */
export function placeOf({ where, targetRefs }: RateLimitPolicySpec): "Server" | "Client" {
  if (where !== undefined) return where;
  return targetRefs.some(({ kind }) => kind !== "Service") ? "Client" : "Server";
}

export const rateLimitPolicyKind = defineKind<RateLimitPolicy>({
  apiVersion: "mesh.tulle.dev/v1",
  kind: "RateLimitPolicy",
  plural: "ratelimitpolicies",
  shortNames: ["rlp"],
  namespaced: true,
  name: dnsSubdomain(),
  spec: specSchema,
  description:
    "Rate limits, bandwidth limits and load shedding. For local limits every sidecar counts by itself: three instances with a limit of 100 requests a second take 300 together. Global limits hold for all of them together. A policy for a route goes before one for its Service. Of several policies for one target the oldest holds, then the first by name; the others say Conflicted.",
  status: [
    {
      path: "conditions",
      description: "Accepted: True, or False with TargetNotFound, Conflicted, InvalidKind.",
    },
  ],
  example: `apiVersion: mesh.tulle.dev/v1
kind: RateLimitPolicy
metadata:
  name: catalog
spec:
  targetRefs:
    - {kind: Service, name: catalog}
  local:
    rules:
      - name: everyone
        limit: {requests: 1000, unit: Second}
      - name: each-user
        match:
          path: {type: PathPrefix, value: /search}
        per:
          - {type: Header, name: x-user}
        limit: {requests: 10, unit: Second, burst: 20}
`,
});

function checkSpec(spec: LooseRecord, report: Report): void {
  if (PARTS.every((name) => spec[name] === undefined)) {
    report({ path: [], code: "missing-field", message: `needs one of ${PARTS.join(", ")}` });
  }
  if (spec["mode"] === "Observe" && valueAt(spec["global"], "service") !== undefined) {
    const message = "must be Enforce: a service of one's own decides by itself";
    report({ path: ["mode"], message, allowed: "Enforce" });
  }
  const targets = listAt(spec, "targetRefs");
  const isForRoute = targets.some((target) => isRoute(valueAt(target, "kind")));
  const where = spec["where"] ?? (isForRoute ? "Client" : "Server");
  if (where === "Server" && isForRoute) {
    const message = "must be Client for routes: an instance's sidecar knows Services only";
    report({ path: ["where"], message, allowed: "Client" });
  }
  if (isForRoute && spec["connections"] !== undefined) {
    const message = "belongs to a Service: a connection has no route yet";
    report({ path: ["connections"], message });
  }
  if (spec["mode"] === "Observe" && spec["connections"] !== undefined) {
    const message = "must be Enforce: limits of connections are not only watched";
    report({ path: ["mode"], message, allowed: "Enforce" });
  }
  if (where !== "Client") return;
  for (const part of ["local", "global"] as const) {
    checkCallers(listAt(spec[part], "rules"), part, report);
  }
  if (spec["loadShedding"] !== undefined) {
    const message = "protects instances: set where to Server, for a Service";
    report({ path: ["loadShedding"], message });
  }
}

function checkCallers(rules: readonly unknown[], part: string, report: Report): void {
  for (const [index, rule] of rules.entries()) {
    const at = [part, "rules", index];
    const message = "is known to instances' sidecars only: set where to Server, for a Service";
    if (valueAt(rule, "match", "caller") !== undefined) {
      report({ path: [...at, "match", "caller"], message });
    }
    for (const [entry, item] of listAt(rule, "per").entries()) {
      const type = valueAt(item, "type");
      if (type !== "Caller" && type !== "Claim") continue;
      report({ path: [...at, "per", entry], message });
    }
  }
}

function isRoute(kind: unknown): boolean {
  return typeof kind === "string" && kind !== "Service";
}
