/**
 * Envoy's HTTPFault, compiled: which requests get a fault, and which one. Chance is passed in. Fields of the request
 * choose the fault, and may lower its share, only where the configuration says so (`header_delay` and its kin).
 */
import type { Any } from "@bufbuild/protobuf/wkt";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { FAULT_HEADER_DELAY_MS_MAX } from "../../core/limits.ts";
import type {
  FaultDelay as DelayMessage,
  FaultRateLimit as RateLimitMessage,
} from "../../gen/envoy/extensions/filters/common/fault/v3/fault_pb.js";
import {
  type FaultAbort as AbortMessage,
  type HTTPFault,
  HTTPFaultSchema,
} from "../../gen/envoy/extensions/filters/http/fault/v3/fault_pb.js";
import type { FractionalPercent } from "../../gen/envoy/type/v3/percent_pb.js";
import { compileDuration } from "../duration.ts";
import type { FieldError } from "../field-error.ts";
import { denominatorOf } from "../fraction.ts";
import { compileHeaderMatcher, type RequestTest } from "../header-matcher.ts";
import type { RequestView } from "../request-view.ts";

const DELAY_HEADER = "x-envoy-fault-delay-request";
const ABORT_HEADER = "x-envoy-fault-abort-request";
const ABORT_GRPC_HEADER = "x-envoy-fault-abort-grpc-request";
const THROUGHPUT_HEADER = "x-envoy-fault-throughput-response";
const NODE_HEADER = "x-envoy-downstream-service-node";
/** Behind the name of a fault's field: lowers its share. */
const PERCENTAGE = "-percentage";

export interface FaultRule {
  readonly kind: "fault";
  readonly delay: FaultDelay | undefined;
  readonly abort: FaultAbort | undefined;
  readonly rateLimit: FaultRateLimit | undefined;
  /** Only requests to this cluster; empty for all. */
  readonly cluster: string;
  /** Only requests that pass all of them. */
  readonly tests: readonly RequestTest[];
  /** Only requests whose `x-envoy-downstream-service-node` is one of them; empty for all. */
  readonly nodes: ReadonlySet<string>;
  /** Faults at a time. */
  readonly activeMax: number;
}

/** A share of requests. */
export interface FaultShare {
  readonly numerator: number;
  readonly denominator: number;
  /** The field of a request that may lower the numerator, or "". */
  readonly header: string;
}

export interface FaultDelay {
  readonly share: FaultShare;
  /** Milliseconds; undefined where a field of the request tells. */
  readonly ms: number | undefined;
}

/** What a request is answered instead. */
export interface FaultAnswer {
  readonly status: number;
  /** What clients of gRPC get. -1: what the HTTP status means to them. */
  readonly grpcStatus: number;
}

export interface FaultAbort {
  readonly share: FaultShare;
  /** Undefined where a field of the request tells. */
  readonly answer: FaultAnswer | undefined;
}

export interface FaultRateLimit {
  readonly share: FaultShare;
  /** Undefined where a field of the request tells. */
  readonly bytesPerSecond: number | undefined;
}

/** Undefined for other messages. */
export function compileFault(
  config: Any,
  path: string,
  errors: FieldError[],
): FaultRule | undefined {
  const fault = anyUnpack(config, HTTPFaultSchema);
  if (fault === undefined) return undefined;
  return {
    kind: "fault",
    delay: fault.delay && compileDelay(fault.delay, `${path}.delay`, errors),
    abort: fault.abort && compileAbort(fault.abort, `${path}.abort`, errors),
    rateLimit: compileRateLimit(fault, `${path}.response_rate_limit`, errors),
    cluster: fault.upstreamCluster,
    tests: fault.headers.map((matcher, index) =>
      compileHeaderMatcher(matcher, `${path}.headers[${index}]`, errors),
    ),
    nodes: new Set(fault.downstreamNodes),
    activeMax: fault.maxActiveFaults ?? Number.POSITIVE_INFINITY,
  };
}

/** Whether the rule is for the request at all. `cluster` is where the request will go. */
export function isFaulty(rule: FaultRule, request: RequestView, cluster: string): boolean {
  if (rule.cluster !== "" && rule.cluster !== cluster) return false;
  if (rule.nodes.size > 0) {
    const node = request.header(NODE_HEADER);
    if (node === undefined || !rule.nodes.has(node)) return false;
  }
  for (let i = 0; i < rule.tests.length; i++) if (!rule.tests[i]!(request)) return false;
  return true;
}

/** Milliseconds by which the request is delayed, 0 for not at all. `chance` lies in [0, 1), as in what follows. */
export function delayOf(
  delay: FaultDelay | undefined,
  request: RequestView,
  chance: number,
): number {
  if (delay === undefined || !isChosen(delay.share, request, chance)) return 0;
  if (delay.ms !== undefined) return delay.ms;
  return Math.min(numberOf(request, DELAY_HEADER) ?? 0, FAULT_HEADER_DELAY_MS_MAX);
}

/** What the request is answered instead of being forwarded, or undefined. */
export function abortOf(
  abort: FaultAbort | undefined,
  request: RequestView,
  chance: number,
): FaultAnswer | undefined {
  if (abort === undefined || !isChosen(abort.share, request, chance)) return undefined;
  if (abort.answer !== undefined) return abort.answer;
  const status = numberOf(request, ABORT_HEADER);
  if (status !== undefined && status >= 200 && status < 600) return { status, grpcStatus: -1 };
  const grpcStatus = numberOf(request, ABORT_GRPC_HEADER);
  return grpcStatus === undefined ? undefined : { status: 200, grpcStatus };
}

/** Bytes a second at which the answer's body may leave, 0 for no limit. */
export function rateOf(
  limit: FaultRateLimit | undefined,
  request: RequestView,
  chance: number,
): number {
  if (limit === undefined || !isChosen(limit.share, request, chance)) return 0;
  return limit.bytesPerSecond ?? 1024 * (numberOf(request, THROUGHPUT_HEADER) ?? 0);
}

/** Whether chance takes the request. */
export function isChosen(share: FaultShare, request: RequestView, chance: number): boolean {
  let { numerator } = share;
  const asked = share.header === "" ? undefined : numberOf(request, share.header);
  if (asked !== undefined && asked < numerator) numerator = asked;
  return chance * share.denominator < numerator;
}

export function compileShare(percentage: FractionalPercent | undefined, header = ""): FaultShare {
  // As in Envoy, nothing given is none at all.
  if (percentage === undefined) return { numerator: 0, denominator: 100, header };
  return { numerator: percentage.numerator, denominator: denominatorOf(percentage), header };
}

function compileDelay(delay: DelayMessage, path: string, errors: FieldError[]): FaultDelay {
  const specifier = delay.faultDelaySecifier;
  switch (specifier.case) {
    case "fixedDelay": {
      const ms = compileDuration(specifier.value, `${path}.fixed_delay`, errors) ?? 0;
      if (ms === 0) errors.push({ path: `${path}.fixed_delay`, message: "must be above 0" });
      return { share: compileShare(delay.percentage), ms };
    }
    case "headerDelay":
      return { share: compileShare(delay.percentage, DELAY_HEADER + PERCENTAGE), ms: undefined };
    default:
      errors.push({ path, message: "one of fixed_delay, header_delay is required" });
      return { share: compileShare(undefined), ms: 0 };
  }
}

function compileAbort(abort: AbortMessage, path: string, errors: FieldError[]): FaultAbort {
  const share = compileShare(abort.percentage);
  const specifier = abort.errorType;
  switch (specifier.case) {
    case "httpStatus": {
      const status = specifier.value;
      if (status < 200 || status > 599) {
        const message = `${status} is not a status from 200 to 599`;
        errors.push({ path: `${path}.http_status`, message });
      }
      return { share, answer: { status, grpcStatus: -1 } };
    }
    case "grpcStatus":
      return { share, answer: { status: 200, grpcStatus: specifier.value } };
    case "headerAbort":
      return {
        share: compileShare(abort.percentage, ABORT_HEADER + PERCENTAGE),
        answer: undefined,
      };
    default:
      errors.push({ path, message: "one of http_status, grpc_status, header_abort is required" });
      return { share: compileShare(undefined), answer: undefined };
  }
}

function compileRateLimit(
  { responseRateLimit }: HTTPFault,
  path: string,
  errors: FieldError[],
): FaultRateLimit | undefined {
  return responseRateLimit && compileLimit(responseRateLimit, path, errors);
}

function compileLimit(limit: RateLimitMessage, path: string, errors: FieldError[]): FaultRateLimit {
  const specifier = limit.limitType;
  switch (specifier.case) {
    case "fixedLimit": {
      const kibibytes = Number(specifier.value.limitKbps);
      if (kibibytes < 1) {
        errors.push({ path: `${path}.fixed_limit.limit_kbps`, message: "must be at least 1" });
      }
      return { share: compileShare(limit.percentage), bytesPerSecond: 1024 * kibibytes };
    }
    case "headerLimit":
      return {
        share: compileShare(limit.percentage, THROUGHPUT_HEADER + PERCENTAGE),
        bytesPerSecond: undefined,
      };
    default:
      errors.push({ path, message: "one of fixed_limit, header_limit is required" });
      return { share: compileShare(undefined), bytesPerSecond: 0 };
  }
}

const DIGIT_0 = 0x30;
/** A number of so many digits is exact in a double. */
const DIGITS_MAX = 15;

/** The first value of a field as a decimal number: clients choose it, so that the others do not count. */
function numberOf(request: RequestView, name: string): number | undefined {
  if (request.header(name) === undefined) return undefined;
  const text = request.headerValues(name)[0] ?? "";
  if (text.length === 0 || text.length > DIGITS_MAX) return undefined;
  let number = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - DIGIT_0;
    if (!(digit >= 0 && digit <= 9)) return undefined;
    number = number * 10 + digit;
  }
  return number;
}
