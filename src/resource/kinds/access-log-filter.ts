/** Which requests an access log is told of: Envoy's access log filters, written in YAML or as an expression of CEL. */
import { z } from "zod";
import { negatesFlags, parseLogExpression } from "../../core/log-expression.ts";
import { GRPC_CODE_NAMES } from "../../http/grpc-code-names.ts";
import { duration } from "../fields.ts";
import type { DeepReadonly } from "../object.ts";
import { isRecord, objectRule, type Report, stringRule, valueAt } from "../rule.ts";
import { headerMatches } from "./http-route-match.ts";

const HOUR_MS = 3_600_000;
/** `404`, `5xx`, `500-503`. */
const STATUS_RANGE = /^(?:[1-5]xx|[1-5]\d\d(?:-[1-5]\d\d)?)$/;
const EXPRESSION_LENGTH_MAX = 1024;
const NO_NEGATED_FLAGS =
  "negates response flags, which access log filters have no word for; name the flags that you want";

/** Envoy's response flags, in the order of its enum. */
export const ENVOY_RESPONSE_FLAGS = [
  ...["LH", "UH", "UT", "LR", "UR", "UF", "UC", "UO", "NR", "DI", "FI", "RL", "UAEX", "RLSE"],
  ...["DC", "URX", "SI", "IH", "DPE", "UMSDR", "RFCF", "NFCF", "DT", "UPE", "NC", "OM", "DF"],
  ...["DO", "DR", "UDO"],
] as const;

const statusRange = stringRule(
  z.string().regex(STATUS_RANGE, { error: "a status, a class or a range: 404, 5xx or 500-503" }),
  (text, report) => {
    const { from, to } = statusRangeOf(text);
    if (from <= to) return;
    report({ path: [], message: "ends before it begins", allowed: "404, 5xx or 500-503" });
  },
);

const expression = stringRule(z.string().min(1).max(EXPRESSION_LENGTH_MAX), (text, report) => {
  const parsed = parseLogExpression(text);
  if (!parsed.ok) {
    report({ path: [], code: "invalid-value", message: parsed.message, allowed: parsed.allowed });
  } else if (negatesFlags(parsed.expression)) {
    report({
      path: [],
      code: "invalid-value",
      message: NO_NEGATED_FLAGS,
      allowed: "no ! before flags",
    });
  }
});

const tests = {
  errors: z
    .literal(true)
    .optional()
    .describe(
      "Requests that failed: status 500 and above, no answer, a gRPC status other than OK, or any response flag.",
    ),
  statusCodes: z
    .array(z.union([z.int().min(100).max(599), statusRange], { error: "404, 5xx or 500-503" }))
    .min(1)
    .max(32)
    .optional()
    .describe("One of them: 404, 5xx or 500-503."),
  responseFlags: z
    .array(z.enum(ENVOY_RESPONSE_FLAGS))
    .min(1)
    .max(ENVOY_RESPONSE_FLAGS.length)
    .optional()
    .describe("One of Envoy's response flags, as UF."),
  grpcStatuses: z
    .array(z.enum(GRPC_CODE_NAMES))
    .min(1)
    .max(GRPC_CODE_NAMES.length)
    .optional()
    .describe("One of gRPC's statuses. Other requests do not match."),
  minDuration: duration({ minMs: 1, maxMs: HOUR_MS })
    .optional()
    .describe("Requests that took so long or longer."),
  headers: headerMatches.optional().describe("Header fields of the request, all of them."),
  expression: expression
    .optional()
    .describe(
      "In CEL, as in Istio's filter: comparisons joined by &&, || and !. It knows response.code, response.grpc_status, response.flags, request.duration, request.method, request.path, request.host and request.headers['name'].",
    ),
};

const test = objectRule(z.strictObject(tests), (value, report) => saysSomething(value, report));

/** All that is said must hold. */
export const accessLogFilter = objectRule(
  z.strictObject({
    ...tests,
    any: z.array(test).min(1).max(16).optional().describe("One of these must hold, too."),
    not: test.optional().describe("And this must not hold."),
  }),
  (value, report) => {
    saysSomething(value, report);
    for (const field of ["errors", "responseFlags", "expression"]) {
      if (valueAt(value, "not", field) === undefined) continue;
      report({ path: ["not", field], message: "cannot be negated; name what you want instead" });
    }
  },
);

export type AccessLogFilterSpec = DeepReadonly<z.output<typeof accessLogFilter>>;

/** Both inclusive. `written` is valid. */
export function statusRangeOf(written: string | number): {
  readonly from: number;
  readonly to: number;
} {
  const text = String(written);
  if (text.endsWith("xx")) {
    const first = Number(text[0]) * 100;
    return { from: first, to: first + 99 };
  }
  const [from = "", to = from] = text.split("-");
  return { from: Number(from), to: Number(to) };
}

function saysSomething(value: unknown, report: Report): void {
  if (isRecord(value) && Object.values(value).some((field) => field !== undefined)) return;
  report({
    path: [],
    message: "says nothing of requests; leave it out to log all of them",
    allowed: Object.keys(tests).join(", "),
  });
}
