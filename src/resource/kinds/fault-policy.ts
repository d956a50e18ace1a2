/** `mesh.tulle.dev/v1 FaultPolicy`: failures on purpose, injected by callers' sidecars, to see what comes of them. */
import { z } from "zod";
import { GRPC_CODE_NAMES } from "../../http/grpc-code-names.ts";
import { durationMs } from "../duration.ts";
import { dnsSubdomain, duration } from "../fields.ts";
import { defineKind } from "../kind.ts";
import type { DeepReadonly, MeshObject, ObjectStatus } from "../object.ts";
import { objectRule, type Report } from "../rule.ts";
import { callerSource } from "./caller-source.ts";
import { HTTP_METHODS, headerMatches, httpRouteMatch } from "./http-route-match.ts";
import { policyTargetRefs, SERVICE_OR_ROUTE } from "./policy-target-refs.ts";

const HOUR_MS = 3_600_000;

/** Envoy counts in millionths. */
const percentage = z
  .number()
  .min(0)
  .max(100)
  .multipleOf(0.0001)
  .default(100)
  .describe("Share of the requests, drawn by chance: 0 to 100, in steps of 0.0001.");

const fromRequest = z.literal(true).optional();

const delay = objectRule(
  z.strictObject({
    duration: duration({ minMs: 1, maxMs: HOUR_MS })
      .optional()
      .describe("How long a request waits in its caller's sidecar before it goes on."),
    fromRequest: fromRequest.describe(
      "Instead of duration: as many milliseconds as a request's x-envoy-fault-delay-request says. x-envoy-fault-delay-request-percentage lowers the percentage.",
    ),
    percentage,
  }),
  (value, report) => exactlyOne(value, ["duration", "fromRequest"], report),
);

const abort = objectRule(
  z.strictObject({
    httpStatus: z.int().min(200).max(599).optional().describe("The status of the answer."),
    grpcStatus: z
      .enum(GRPC_CODE_NAMES)
      .optional()
      .describe("The code of gRPC that callers get. Callers that do not speak gRPC get 200."),
    fromRequest: fromRequest.describe(
      "Instead of either: what a request's x-envoy-fault-abort-request (HTTP) or x-envoy-fault-abort-grpc-request says. x-envoy-fault-abort-request-percentage lowers the percentage.",
    ),
    percentage,
  }),
  (value, report) => exactlyOne(value, ["httpStatus", "grpcStatus", "fromRequest"], report),
);

const reset = z.strictObject({ percentage });

const responseRateLimit = objectRule(
  z.strictObject({
    kibibytesPerSecond: z
      .int()
      .min(1)
      .max(1_048_576)
      .optional()
      .describe("How fast the body of each answer arrives, by itself."),
    fromRequest: fromRequest.describe(
      "Instead: what a request's x-envoy-fault-throughput-response says. x-envoy-fault-throughput-response-percentage lowers the percentage.",
    ),
    percentage,
  }),
  (value, report) => exactlyOne(value, ["kibibytesPerSecond", "fromRequest"], report),
);

const match = z.strictObject({
  path: httpRouteMatch.shape.path.optional().describe("As in an HTTPRoute. Default: every path."),
  method: z.enum(HTTP_METHODS).optional().describe("Default: every method."),
  headers: headerMatches.optional().describe("All must match."),
  sources: z
    .array(callerSource)
    .min(1)
    .max(16)
    .optional()
    .describe("Callers whose requests they are: any one of them. Default: every caller."),
});

const FAULTS = ["delay", "abort", "reset", "responseRateLimit"] as const;

const specSchema = objectRule(
  z.strictObject({
    targetRefs: policyTargetRefs(SERVICE_OR_ROUTE).describe(
      "The Services, or the routes to them, whose callers get the faults.",
    ),
    match: match.optional().describe("Which requests may get faults. Default: all."),
    delay: delay.optional().describe("Requests wait before they go on."),
    abort: abort
      .optional()
      .describe("Requests are answered instead of going on, behind their delay if they have one."),
    reset: reset
      .optional()
      .describe(
        "Requests lose their connection (HTTP/1.1) or stream (HTTP/2) instead of being answered.",
      ),
    responseRateLimit: responseRateLimit.optional().describe("Answers arrive slowly."),
    maxActive: z
      .int()
      .min(1)
      .max(1_000_000)
      .optional()
      .describe(
        "Requests that each caller's listener delays or slows down at a time. Default: no limit.",
      ),
    ttl: duration({ minMs: 1000, maxMs: 99_999 * HOUR_MS })
      .optional()
      .describe(
        "The policy has no effect this long after it was created. Default, without expiresAt: 1h.",
      ),
    expiresAt: z.iso
      .datetime({ offset: true })
      .optional()
      .describe("Instead of ttl: the time from which the policy has no effect (RFC 3339)."),
  }),
  (spec, report) => {
    if (FAULTS.every((name) => spec[name] === undefined)) {
      report({ path: [], code: "missing-field", message: `needs one of ${FAULTS.join(", ")}` });
    }
    if (spec["ttl"] !== undefined && spec["expiresAt"] !== undefined) {
      report({ path: ["expiresAt"], message: "must not be set beside ttl" });
    }
  },
);

export type FaultPolicySpec = DeepReadonly<z.output<typeof specSchema>>;
export type FaultPolicy = MeshObject<"FaultPolicy", FaultPolicySpec, ObjectStatus>;

/** Of a policy that says nothing about its end: a fault that is forgotten ends by itself. */
const DEFAULT_TTL_MS = HOUR_MS;

/** Milliseconds since the epoch from which a policy has no effect. Undefined before the store has it. */
export function faultEndMs({ metadata, spec }: FaultPolicy): number | undefined {
  if (spec.expiresAt !== undefined) return Date.parse(spec.expiresAt);
  const { creationTimestamp } = metadata;
  if (creationTimestamp === undefined) return undefined;
  const ttlMs = spec.ttl === undefined ? DEFAULT_TTL_MS : durationMs(spec.ttl);
  return Date.parse(creationTimestamp) + ttlMs;
}

export const faultPolicyKind = defineKind<FaultPolicy>({
  apiVersion: "mesh.tulle.dev/v1",
  kind: "FaultPolicy",
  plural: "faultpolicies",
  shortNames: ["fp"],
  namespaced: true,
  name: dnsSubdomain(),
  spec: specSchema,
  description:
    "Failures on purpose, injected into the requests to what it names, by the sidecars of those who call it. A policy for a route goes before one for its Service. Every policy ends by itself: see ttl and expiresAt. Of several policies for one target the oldest holds, then the first by name; the others say Conflicted.",
  status: [
    {
      path: "conditions",
      description: "Accepted: True, or False with Expired, TargetNotFound, Conflicted.",
    },
  ],
  example: `apiVersion: mesh.tulle.dev/v1
kind: FaultPolicy
metadata:
  name: slow-catalog
spec:
  targetRefs:
    - {kind: Service, name: catalog}
  match:
    path: {type: PathPrefix, value: /items}
  delay: {duration: 2s, percentage: 50}
  abort: {httpStatus: 503, percentage: 10}
  ttl: 15m
`,
});

function exactlyOne(
  value: Readonly<Record<string, unknown>>,
  names: readonly string[],
  report: Report,
): void {
  const given = names.filter((name) => value[name] !== undefined);
  if (given.length === 1) return;
  if (given.length === 0) {
    report({ path: [], code: "missing-field", message: `needs one of ${names.join(", ")}` });
  } else {
    report({ path: [given[1] ?? ""], message: `must not be set beside ${given[0]}` });
  }
}
