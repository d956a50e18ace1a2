/**
 * How long a route lets a request take beyond its plain timeout: a limit for the whole stream, and what the deadline
 * of a gRPC client means for it. Compiled from Envoy's `max_stream_duration` and the older `max_grpc_timeout`.
 */
import type { Duration } from "@bufbuild/protobuf/wkt";
import type { RouteAction } from "../gen/envoy/config/route/v3/route_components_pb.js";
import { compileDuration } from "./duration.ts";
import type { FieldError } from "./field-error.ts";

export interface DeadlineRule {
  /** Of the whole stream, from its beginning. 0 means no limit, undefined the listener's. */
  readonly streamMs: number | undefined;
  /**
   * `max_stream_duration` is there, if only to say nothing: then the route's plain timeout does not hold, and calls of
   * gRPC are told the limit of their stream (both as in Envoy).
   */
  readonly isOfStream: boolean;
  readonly grpc: GrpcDeadlineRule | undefined;
}

/** What `grpc-timeout` of a request does. */
export interface GrpcDeadlineRule {
  /** Which limit it sets instead of the route's: the one for the answer, or the one for the stream. */
  readonly sets: "answer" | "stream";
  /** It may not ask for more. 0 means that it may. */
  readonly maxMs: number;
  /** So much earlier this proxy gives up, so that its answer still reaches the client. */
  readonly offsetMs: number;
}

/** What most routes say: nothing. */
export const NO_DEADLINE: DeadlineRule = {
  streamMs: undefined,
  isOfStream: false,
  grpc: undefined,
};

export function compileDeadline(
  action: RouteAction,
  path: string,
  errors: FieldError[],
): DeadlineRule {
  const { maxStreamDuration: stream, maxGrpcTimeout, grpcTimeoutOffset } = action;
  if (stream === undefined) {
    if (grpcTimeoutOffset !== undefined && maxGrpcTimeout === undefined) {
      const message = "means nothing without max_grpc_timeout";
      errors.push({ path: `${path}.grpc_timeout_offset`, message });
    }
    const fields = ["max_grpc_timeout", "grpc_timeout_offset"] as const;
    const grpc = compileGrpc("answer", [maxGrpcTimeout, grpcTimeoutOffset], fields, path, errors);
    return grpc === undefined ? NO_DEADLINE : { ...NO_DEADLINE, grpc };
  }
  for (const [field, value] of [
    ["max_grpc_timeout", maxGrpcTimeout],
    ["grpc_timeout_offset", grpcTimeoutOffset],
  ] as const) {
    const message = "means nothing beside max_stream_duration, which has fields of its own";
    if (value !== undefined) errors.push({ path: `${path}.${field}`, message });
  }
  const at = `${path}.max_stream_duration`;
  const { grpcTimeoutHeaderMax, grpcTimeoutHeaderOffset, maxStreamDuration } = stream;
  if (grpcTimeoutHeaderOffset !== undefined && grpcTimeoutHeaderMax === undefined) {
    const message = "means nothing without grpc_timeout_header_max";
    errors.push({ path: `${at}.grpc_timeout_header_offset`, message });
  }
  const fields = ["grpc_timeout_header_max", "grpc_timeout_header_offset"] as const;
  const durations = [grpcTimeoutHeaderMax, grpcTimeoutHeaderOffset] as const;
  return {
    streamMs: compileDuration(maxStreamDuration, `${at}.max_stream_duration`, errors),
    isOfStream: true,
    grpc: compileGrpc("stream", durations, fields, at, errors),
  };
}

function compileGrpc(
  sets: GrpcDeadlineRule["sets"],
  [max, offset]: readonly [Duration | undefined, Duration | undefined],
  [maxField, offsetField]: readonly [string, string],
  path: string,
  errors: FieldError[],
): GrpcDeadlineRule | undefined {
  const maxMs = compileDuration(max, `${path}.${maxField}`, errors);
  const offsetMs = compileDuration(offset, `${path}.${offsetField}`, errors) ?? 0;
  return maxMs === undefined ? undefined : { sets, maxMs, offsetMs };
}

/**
 * The limit for the answer that a call of gRPC gets where its deadline sets that: 0 means none. `askedMs`: what its
 * client asks for, undefined for nothing.
 */
export function grpcAnswerMs(rule: GrpcDeadlineRule, askedMs: number | undefined): number {
  let ms = askedMs ?? 0;
  // An offset never turns a deadline into none.
  if (rule.offsetMs < ms) ms -= rule.offsetMs;
  return rule.maxMs !== 0 && (ms === 0 || ms > rule.maxMs) ? rule.maxMs : ms;
}

/** The limit for the stream where the client's deadline sets that. May be 0: then the time is over. */
export function grpcStreamMs(rule: GrpcDeadlineRule, askedMs: number): number {
  const ms = rule.maxMs !== 0 ? Math.min(askedMs, rule.maxMs) : askedMs;
  return Math.max(0, ms - rule.offsetMs);
}
