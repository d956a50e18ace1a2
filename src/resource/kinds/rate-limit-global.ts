/** Limits that all instances share: counted by one service that every sidecar asks before it lets a request through. */
import { isIP } from "node:net";
import { z } from "zod";
import { duration } from "../fields.ts";
import {
  type LooseRecord,
  listAt,
  listRule,
  objectRule,
  type Report,
  stringRule,
  valueAt,
} from "../rule.ts";
import { originationTls } from "./origination-tls.ts";
import { rateLimitRule, reportRepeatedRules } from "./rate-limit-rule.ts";

/** A name or IPv4 address, or an IPv6 address in brackets, and a port. */
const ADDRESS =
  /^(?:\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9](?:[-a-zA-Z0-9.]{0,251}[a-zA-Z0-9])?):(\d{1,5})$/;

const address = stringRule(z.string().max(260), (text, report) => {
  const port = Number(ADDRESS.exec(text)?.[1] ?? 0);
  if (port >= 1 && port <= 65_535) return;
  const allowed = "HOST:PORT, like ratelimit.internal:8081";
  report({ path: [], code: "invalid-value", message: `must be ${allowed}`, allowed });
});

const service = objectRule(
  z.strictObject({
    address: address.describe("HOST:PORT, gRPC."),
    tls: originationTls
      .optional()
      .describe("The service speaks TLS. Default: no TLS, for a service beside the sidecar."),
    domain: z
      .string()
      .min(1)
      .max(253)
      .optional()
      .describe("What the service knows these limits by. Default: NAMESPACE/NAME of the policy."),
  }),
  (value, report) => {
    const host = String(value["address"])
      .replace(/:\d*$/, "")
      .replace(/^\[|\]$/g, "");
    const hasName = isIP(host) === 0 || valueAt(value, "tls", "sni") !== undefined;
    if (value["tls"] === undefined || hasName) return;
    report({
      path: ["tls", "sni"],
      code: "missing-field",
      message: "is missing; an IP address is no server name (RFC 6066 section 3)",
      allowed: "a DNS name that the service's certificate holds",
    });
  },
);

const globalRule = rateLimitRule.extend({
  limit: rateLimitRule.shape.limit
    .optional()
    .describe(
      "Of all instances together. Required, unless `service` names a service that has limits of its own.",
    ),
});

export const globalLimits = objectRule(
  z.strictObject({
    rules: listRule(z.array(globalRule).min(1).max(64), reportRepeatedRules).describe(
      "As those of local limits: a request is counted by every rule that it matches.",
    ),
    service: service
      .optional()
      .describe(
        "A rate limit service of one's own (envoy.service.ratelimit.v3). Each rule asks it with a descriptor whose first entry is `rule`, with the rule's name. Default: the control plane.",
      ),
    timeout: duration({ minMs: 1, maxMs: 60_000 })
      .default("20ms")
      .describe("How long the service's answer is waited for."),
    onFailure: z
      .enum(["Allow", "Deny"])
      .default("Allow")
      .describe("What happens to requests when no answer comes in time. Deny answers 500."),
  }),
  checkLimits,
);

function checkLimits(spec: LooseRecord, report: Report): void {
  const isExternal = spec["service"] !== undefined;
  for (const [index, rule] of listAt(spec, "rules").entries()) {
    const path = ["rules", index, "limit"];
    const hasLimit = valueAt(rule, "limit") !== undefined;
    if (isExternal && hasLimit) {
      report({ path, message: "must not be set: the service that `service` names has its own" });
    } else if (!isExternal && !hasLimit) {
      report({ path, code: "missing-field", message: "is required" });
    }
  }
}
