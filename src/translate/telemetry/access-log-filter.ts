/**
 * Filters of a TelemetryPolicy as Envoy's access log filters. Those know "and" and "or" but no "not": a negation is moved
 * down to the tests, where each has its opposite. Flags have none, and validation refuses it.
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { assertNever } from "../../core/assert.ts";
import {
  type Comparison,
  type LogExpression,
  parseLogExpression,
} from "../../core/log-expression.ts";
import {
  type AccessLogFilter,
  AccessLogFilterSchema,
  ComparisonFilter_Op,
  type ComparisonFilterSchema,
} from "../../gen/envoy/config/accesslog/v3/accesslog_pb.js";
import type { HeaderMatcherSchema } from "../../gen/envoy/config/route/v3/route_components_pb.js";
import { FractionalPercent_DenominatorType } from "../../gen/envoy/type/v3/percent_pb.js";
import { GRPC_CODE_NAMES } from "../../http/grpc-code-names.ts";
import { durationMs } from "../../resource/duration.ts";
import { type AccessLogFilterSpec, statusRangeOf } from "../../resource/kinds/access-log-filter.ts";
import type { AccessLogSpec } from "../../resource/kinds/access-log-settings.ts";
import { RESPONSE_FLAGS } from "../../telemetry/response-flag.ts";
import { NEVER_RAISED } from "../../telemetry/response-flag-explanations.ts";

type Init = Exclude<MessageInitShape<typeof AccessLogFilterSchema>, AccessLogFilter>;
type Specifier = NonNullable<Init["filterSpecifier"]>;
type TestSpec = Omit<AccessLogFilterSpec, "any" | "not">;

/** Our sidecar reads the number behind it, Envoy draws by the share that stands beside it. */
export const PER_SECOND_KEY = "tulle.access_log.per_second.";
const SAMPLING_KEY = "tulle.access_log.sampling";
/** Comparisons of Envoy's filters are configured as defaults of runtime values, which must have a name. */
const RUNTIME_KEY = "tulle.access_log";
const MILLION = 1_000_000;
/** What an Envoy keeps instead of so many a second: one in a hundred. */
const ENVOY_SAMPLES = MILLION / 100;
const STATUS_MAX = 999;
const GRPC = "application/grpc";

/** Undefined: every request. */
export function accessLogFilter(log: AccessLogSpec): AccessLogFilter | undefined {
  const { filter, samplePerSecond, samplingPercentage } = log;
  const parts: AccessLogFilter[] = [];
  if (filter !== undefined) {
    const chosen = all([
      ...testsOf(filter, false),
      ...(filter.any === undefined ? [] : [any(filter.any.map((one) => all(testsOf(one, false))))]),
      ...(filter.not === undefined ? [] : [any(testsOf(filter.not, true))]),
    ]);
    const samples = sampled(`${PER_SECOND_KEY}${samplePerSecond}`, ENVOY_SAMPLES);
    parts.push(samplePerSecond > 0 ? any([chosen, samples]) : chosen);
  }
  if (samplingPercentage < 100) {
    parts.push(sampled(SAMPLING_KEY, Math.round((samplingPercentage / 100) * MILLION)));
  }
  return parts.length === 0 ? undefined : all(parts);
}

/** All of them, or the opposite of each. */
function testsOf(test: TestSpec, isNegated: boolean): readonly AccessLogFilter[] {
  const filters: AccessLogFilter[] = [];
  if (test.errors === true) filters.push(errors());
  if (test.statusCodes !== undefined) {
    const ranges = test.statusCodes.map((text) => {
      const { from, to } = statusRangeOf(text);
      return from === to ? code("==", from, isNegated) : range(from, to, isNegated);
    });
    filters.push(isNegated ? all(ranges) : any(ranges));
  }
  if (test.responseFlags !== undefined) filters.push(flags(test.responseFlags));
  if (test.grpcStatuses !== undefined) {
    const numbers = test.grpcStatuses.map((name) => GRPC_CODE_NAMES.indexOf(name));
    filters.push(grpcStatus(numbers, isNegated));
  }
  if (test.minDuration !== undefined) {
    filters.push(duration(">=", durationMs(test.minDuration), isNegated));
  }
  for (const { name, type, value } of test.headers ?? []) {
    const stringMatch =
      type === "Exact" ? ({ case: "exact", value } as const) : regexMatch(`^(?:${value})$`);
    filters.push(header(name.toLowerCase(), stringMatch, isNegated));
  }
  if (test.expression !== undefined) {
    const parsed = parseLogExpression(test.expression);
    // Validation has read it, too.
    if (parsed.ok) filters.push(expressionFilter(parsed.expression, isNegated));
  }
  return filters;
}

function expressionFilter(expression: LogExpression, isNegated: boolean): AccessLogFilter {
  switch (expression.kind) {
    case "and":
    case "or": {
      const items = expression.items.map((item) => expressionFilter(item, isNegated));
      // De Morgan: not (a and b) is not a or not b.
      return (expression.kind === "and") === isNegated ? any(items) : all(items);
    }
    case "not":
      return expressionFilter(expression.item, !isNegated);
    case "code":
      return code(expression.op, expression.value, isNegated);
    case "duration":
      return duration(expression.op, expression.value, isNegated);
    case "grpc-status":
      return grpcStatus([expression.value], isNegated);
    case "flags":
      return flags(expression.flags);
    case "header":
      return header(expression.header, textMatch(expression), isNegated);
    case "has-header":
      return of({
        case: "headerFilter",
        value: {
          header: {
            name: expression.header,
            headerMatchSpecifier: { case: "presentMatch", value: !isNegated },
          },
        },
      });
    default:
      return assertNever(expression, "kind of expression");
  }
}

/** No failures: an answer from the cache, and one that only came late. */
const GOOD_FLAGS: ReadonlySet<string> = new Set(["RFCF", "DI"]);
const BAD_FLAGS = RESPONSE_FLAGS.filter(
  (flag) => flag !== "-" && !GOOD_FLAGS.has(flag) && !Object.hasOwn(NEVER_RAISED, flag),
);

/** Status 500 and above, a gRPC status other than OK, a flag: whatever got no answer has one. */
function errors(): AccessLogFilter {
  return any([
    code(">=", 500, false),
    flags(BAD_FLAGS),
    all([header("content-type", { case: "prefix", value: GRPC }, false), grpcStatus([0], true)]),
  ]);
}

function code(op: Comparison, value: number, isNegated: boolean): AccessLogFilter {
  return compared("statusCodeFilter", isNegated ? OPPOSITE[op] : op, value);
}

function range(from: number, to: number, isNegated: boolean): AccessLogFilter {
  return isNegated
    ? any([code("<", from, false), code(">", to, false)])
    : all([code(">=", from, false), code("<=", Math.min(to, STATUS_MAX), false)]);
}

function duration(op: Comparison, ms: number, isNegated: boolean): AccessLogFilter {
  return compared("durationFilter", isNegated ? OPPOSITE[op] : op, ms);
}

const OPPOSITE: Readonly<Record<Comparison, Comparison>> = {
  ...{ "==": "!=", "!=": "==", ">=": "<", "<": ">=", ">": "<=", "<=": ">" },
};

/** Envoy knows =, >= and <= of whole numbers. */
function compared(
  kind: "statusCodeFilter" | "durationFilter",
  op: Comparison,
  value: number,
): AccessLogFilter {
  const one = (envoyOp: ComparisonFilter_Op, number: number): AccessLogFilter => {
    const comparison: MessageInitShape<typeof ComparisonFilterSchema> = {
      op: envoyOp,
      value: { defaultValue: Math.max(0, number), runtimeKey: RUNTIME_KEY },
    };
    return of({ case: kind, value: { comparison } });
  };
  switch (op) {
    case "==":
      return one(ComparisonFilter_Op.EQ, Math.round(value));
    case "!=":
      return any([compared(kind, "<", value), compared(kind, ">", value)]);
    case ">=":
      return one(ComparisonFilter_Op.GE, Math.ceil(value));
    case ">":
      return one(ComparisonFilter_Op.GE, Math.floor(value) + 1);
    case "<=":
      return one(ComparisonFilter_Op.LE, Math.floor(value));
    case "<":
      return one(ComparisonFilter_Op.LE, Math.ceil(value) - 1);
  }
}

function grpcStatus(statuses: readonly number[], exclude: boolean): AccessLogFilter {
  return of({ case: "grpcStatusFilter", value: { statuses: [...statuses], exclude } });
}

/** Any flag when there are none. */
function flags(names: readonly string[]): AccessLogFilter {
  return of({ case: "responseFlagFilter", value: { flags: [...names] } });
}

type StringMatch = NonNullable<
  Extract<
    NonNullable<(MessageInitShape<typeof HeaderMatcherSchema> & object)["headerMatchSpecifier"]>,
    { case: "stringMatch" }
  >["value"]["matchPattern"]
>;

function header(name: string, matchPattern: StringMatch, invertMatch: boolean): AccessLogFilter {
  const headerMatchSpecifier = { case: "stringMatch", value: { matchPattern } } as const;
  return of({
    case: "headerFilter",
    // A field that is missing does not match, and so matches what is negated: as in CEL.
    value: {
      header: { name, headerMatchSpecifier, invertMatch, treatMissingHeaderAsEmpty: invertMatch },
    },
  });
}

function textMatch({
  test,
  value,
}: Extract<LogExpression, { readonly kind: "header" }>): StringMatch {
  switch (test) {
    case "equals":
      return { case: "exact", value };
    case "startsWith":
      return { case: "prefix", value };
    case "endsWith":
      return { case: "suffix", value };
    case "contains":
      return { case: "contains", value };
    case "matches":
      return regexMatch(value);
  }
}

function regexMatch(regex: string): StringMatch {
  return { case: "safeRegex", value: { regex } };
}

function sampled(runtimeKey: string, numerator: number): AccessLogFilter {
  const denominator = FractionalPercent_DenominatorType.MILLION;
  return of({
    case: "runtimeFilter",
    value: {
      runtimeKey,
      percentSampled: { numerator, denominator },
      useIndependentRandomness: true,
    },
  });
}

/** Envoy wants two at least. */
function all(filters: readonly AccessLogFilter[]): AccessLogFilter {
  const [only, ...others] = filters;
  if (only !== undefined && others.length === 0) return only;
  return of({ case: "andFilter", value: { filters: [...filters] } });
}

function any(filters: readonly AccessLogFilter[]): AccessLogFilter {
  const [only, ...others] = filters;
  if (only !== undefined && others.length === 0) return only;
  return of({ case: "orFilter", value: { filters: [...filters] } });
}

function of(filterSpecifier: Specifier): AccessLogFilter {
  return create(AccessLogFilterSchema, { filterSpecifier } as Init);
}
