/** Envoy's access log filters, compiled: which requests a log is told of. */

import type { FieldError } from "../../decision/field-error.ts";
import { fractionOf } from "../../decision/fraction.ts";
import { compileHeaderMatcher } from "../../decision/header-matcher.ts";
import type { RequestView } from "../../decision/request-view.ts";
import {
  type AccessLogFilter,
  type ComparisonFilter,
  ComparisonFilter_Op,
  type GrpcStatusFilter,
  type RuntimeFilter,
} from "../../gen/envoy/config/accesslog/v3/accesslog_pb.js";
import type { AccessLogEntry } from "../../telemetry/access-log/log-entry.ts";
import { grpcStatusOfHttp } from "../../telemetry/grpc-status.ts";
import { FLAG, RESPONSE_FLAGS } from "../../telemetry/response-flag.ts";

/** What filters look at. */
export interface LogSubject extends AccessLogEntry {
  /** Undefined for a TCP connection. */
  readonly request: RequestView | undefined;
}

/** `random`: uniform in [0, 1). */
export type LogFilter = (subject: LogSubject, random: () => number) => boolean;

/** Of keys like `tulle.access_log.per_second.5`: so many a second instead of a share. */
const PER_SECOND = /^tulle\.access_log\.per_second\.(\d+)$/;
const NESTING_MAX = 16;
const NONE: LogFilter = () => false;

/** Undefined: every request. */
export function compileLogFilter(
  filter: AccessLogFilter | undefined,
  path: string,
  errors: FieldError[],
  depth = 0,
): LogFilter | undefined {
  if (filter === undefined) return undefined;
  const specifier = filter.filterSpecifier;
  if (depth > NESTING_MAX) {
    errors.push({ path, message: `filters are nested more than ${NESTING_MAX} deep` });
    return NONE;
  }
  const nested = (filters: readonly AccessLogFilter[], field: string): readonly LogFilter[] => {
    if (filters.length < 2) {
      errors.push({ path: `${path}.${field}.filters`, message: "two at least are required" });
    }
    return filters.map(
      (one, index) =>
        compileLogFilter(one, `${path}.${field}.filters[${index}]`, errors, depth + 1) ?? NONE,
    );
  };
  switch (specifier.case) {
    case "statusCodeFilter": {
      const at = `${path}.status_code_filter.comparison`;
      const test = compileComparison(specifier.value.comparison, at, errors);
      return (subject) => test(subject.responseCode);
    }
    case "durationFilter": {
      const at = `${path}.duration_filter.comparison`;
      const test = compileComparison(specifier.value.comparison, at, errors);
      return (subject) => test(Math.round(subject.durationMs));
    }
    case "andFilter": {
      const filters = nested(specifier.value.filters, "and_filter");
      return (subject, random) => {
        for (const one of filters) if (!one(subject, random)) return false;
        return true;
      };
    }
    case "orFilter": {
      const filters = nested(specifier.value.filters, "or_filter");
      return (subject, random) => {
        for (const one of filters) if (one(subject, random)) return true;
        return false;
      };
    }
    case "headerFilter": {
      const { header } = specifier.value;
      const at = `${path}.header_filter.header`;
      if (header === undefined) {
        errors.push({ path: at, message: "is required" });
        return NONE;
      }
      const test = compileHeaderMatcher(header, at, errors);
      return ({ request }) => request !== undefined && test(request);
    }
    case "responseFlagFilter":
      return responseFlags(specifier.value.flags, `${path}.response_flag_filter`, errors);
    case "grpcStatusFilter":
      return grpcStatuses(specifier.value);
    case "runtimeFilter":
      return sampling(specifier.value, `${path}.runtime_filter`, errors);
    default:
      errors.push({ path, message: "is empty, or a filter that is not implemented" });
      return NONE;
  }
}

/** The runtime has no other values than those that stand here as defaults. */
function compileComparison(
  comparison: ComparisonFilter | undefined,
  path: string,
  errors: FieldError[],
): (value: number) => boolean {
  const wanted = comparison?.value?.defaultValue;
  if (comparison === undefined || wanted === undefined) {
    errors.push({ path: `${path}.value`, message: "is required" });
    return () => false;
  }
  switch (comparison.op) {
    case ComparisonFilter_Op.EQ:
      return (value) => value === wanted;
    case ComparisonFilter_Op.GE:
      return (value) => value >= wanted;
    case ComparisonFilter_Op.LE:
      return (value) => value <= wanted;
    default:
      errors.push({ path: `${path}.op`, message: "is EQ, GE or LE" });
      return () => false;
  }
}

/** Any flag where none is named. */
function responseFlags(names: readonly string[], path: string, errors: FieldError[]): LogFilter {
  if (names.length === 0) return ({ flag }) => flag !== FLAG.none;
  const wanted = new Set<number>();
  for (const [index, name] of names.entries()) {
    const flag = (RESPONSE_FLAGS as readonly string[]).indexOf(name);
    if (flag > 0) wanted.add(flag);
    else errors.push({ path: `${path}.flags[${index}]`, message: `"${name}" is no response flag` });
  }
  return ({ flag }) => wanted.has(flag);
}

/** As in Envoy, a request that is none of gRPC's has the status that a gRPC client would read from its answer. */
function grpcStatuses({ statuses, exclude }: GrpcStatusFilter): LogFilter {
  const wanted = new Set<number>(statuses);
  return ({ grpcStatus, responseCode }) =>
    wanted.has(grpcStatus ?? grpcStatusOfHttp(responseCode)) !== exclude;
}

function sampling(filter: RuntimeFilter, path: string, errors: FieldError[]): LogFilter {
  if (filter.runtimeKey === "") {
    errors.push({ path: `${path}.runtime_key`, message: "is required" });
  }
  const perSecond = PER_SECOND.exec(filter.runtimeKey);
  if (perSecond !== null) return limited(Number(perSecond[1]));
  const share = filter.percentSampled === undefined ? 0 : fractionOf(filter.percentSampled);
  return (_subject, random) => random() < share;
}

/** So many in each second of the wall clock. */
function limited(perSecond: number): LogFilter {
  let second = 0;
  let count = 0;
  return ({ startTimeMs, durationMs }) => {
    const now = Math.floor((startTimeMs + durationMs) / 1000);
    if (now !== second) {
      second = now;
      count = 0;
    }
    if (count >= perSecond) return false;
    count += 1;
    return true;
  };
}
