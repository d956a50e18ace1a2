/** When a request is tried again, at which instance, and how much load that may add. */
import { z } from "zod";
import { parseDuration } from "../duration.ts";
import { duration, headerName } from "../fields.ts";
import { listRule, objectRule, reportRepeated } from "../rule.ts";
import { HTTP_METHODS } from "./http-route-match.ts";
import { partOf, wholeOf } from "./settings-shape.ts";

const HOUR_MS = 3_600_000;

/** After these the app provably never saw the request: they hold for every method. */
export const SAFE_RETRY_CONDITIONS = [
  "connect-failure",
  "refused-stream",
  "reset-before-request",
] as const;
/** Said by the app about a call of gRPC; the author names those upon which a call may be repeated. */
export const GRPC_RETRY_CONDITIONS = [
  "cancelled",
  "deadline-exceeded",
  "internal",
  "resource-exhausted",
  "unavailable",
] as const;
/** The app may have acted on the request: they hold for the methods of `methods` only. */
export const UNSAFE_RETRY_CONDITIONS = ["5xx", "gateway-error", "reset"] as const;

export const RETRY_CONDITIONS = [
  ...SAFE_RETRY_CONDITIONS,
  ...UNSAFE_RETRY_CONDITIONS,
  ...GRPC_RETRY_CONDITIONS,
] as const;
export type RetryCondition = (typeof RETRY_CONDITIONS)[number];

const plainFields = {
  attempts: z.int().min(0).max(10).describe("Tries after the first one; 0 for none."),
  on: unique(z.array(z.enum(RETRY_CONDITIONS)).max(RETRY_CONDITIONS.length)).describe(
    "What is tried again, in Envoy's words. connect-failure, refused-stream and reset-before-request: the app never saw the request. 5xx, gateway-error (502, 503, 504) and reset: it may have. cancelled to unavailable: the status of a call of gRPC.",
  ),
  statusCodes: unique(z.array(z.int().min(400).max(599)).max(64)).describe(
    "Statuses of answers upon which a request is tried again.",
  ),
  headers: unique(z.array(headerName()).max(16)).describe(
    "An answer with one of these fields is tried again.",
  ),
  methods: unique(z.array(z.enum(HTTP_METHODS)).max(HTTP_METHODS.length)).describe(
    "Methods of requests that may be repeated although the app may have acted on them. Calls of gRPC are repeated as on says.",
  ),
  avoidPreviousHosts: z
    .boolean()
    .describe("A try goes to an instance that had none of the earlier ones, if there is one."),
  retryAfterMaximum: duration({ maxMs: HOUR_MS }).describe(
    "An answer's Retry-After is waited for when it is not longer than this, instead of the backoff; 0s: it is not looked at.",
  ),
} as const;

const backoffFields = {
  base: duration({ minMs: 1, maxMs: HOUR_MS }).describe(
    "Before try n a random time of 0 to base times 2^n - 1 is waited.",
  ),
  max: duration({ minMs: 1, maxMs: HOUR_MS }).describe("The longest wait."),
} as const;

const budgetFields = {
  percent: z
    .int()
    .min(0)
    .max(100)
    .describe("Retries in flight at once, in percent of the requests in flight to the service."),
  minimumConcurrency: z
    .int()
    .min(0)
    .max(1_000_000)
    .describe("Retries in flight that are allowed in any case."),
} as const;

export const retriesPart = objectRule(
  partOf(plainFields).extend({
    backoff: partOf(backoffFields).optional().describe("The wait before a try."),
    budget: partOf(budgetFields).optional().describe("A bound for the load that retries add."),
  }),
  checkBackoff,
);

export const retriesWhole = wholeOf(plainFields, {
  // Istio's two.
  attempts: 2,
  // Only what the app provably never saw, so that nothing is ever done twice.
  on: [...SAFE_RETRY_CONDITIONS],
  statusCodes: [],
  headers: [],
  // RFC 9110 section 9.2.2: idempotent methods. An author who adds POST says that the app tells repetitions apart.
  methods: ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"],
  avoidPreviousHosts: true,
  // A client waits longer than that for itself.
  retryAfterMaximum: "10s",
}).extend({
  // Envoy's values.
  backoff: wholeOf(backoffFields, { base: "25ms", max: "250ms" }).prefault({}),
  budget: wholeOf(budgetFields, {
    // Envoy's and Linkerd's 20 %: when all fails, retries must not be the reason that nothing recovers.
    percent: 20,
    minimumConcurrency: 3,
  }).prefault({}),
});

/** A second try that does not wait for the failure of the first. */
export const hedging = z.strictObject({
  delay: duration({ minMs: 1, maxMs: HOUR_MS }).describe(
    "Without an answer for so long the request is sent to another instance too; the first answer counts. Only for the methods of retries, and at most as often as retries.attempts.",
  ),
});

export type RetrySettings = z.output<typeof retriesWhole>;
export type HedgingSettings = z.output<typeof hedging>;

function unique<T extends z.ZodType>(schema: T): T {
  return listRule(schema, (items, report) => {
    reportRepeated(items, report, {
      identity: (item) => JSON.stringify(item),
      path: [],
      what: "entries",
    });
  });
}

function checkBackoff(
  value: Readonly<Record<string, unknown>>,
  report: Parameters<Parameters<typeof objectRule>[1]>[1],
): void {
  const backoff = value["backoff"] as { base?: unknown; max?: unknown } | undefined;
  if (typeof backoff?.base !== "string" || typeof backoff.max !== "string") return;
  const [baseMs, maxMs] = [parseDuration(backoff.base), parseDuration(backoff.max)];
  if (baseMs === undefined || maxMs === undefined || baseMs <= maxMs) return;
  report({
    path: ["backoff", "max"],
    message: `is ${backoff.max}, shorter than base ${backoff.base}`,
  });
}
