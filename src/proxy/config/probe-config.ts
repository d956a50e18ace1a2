/** What a health check asks and what it wants to hear: the parts of Envoy's HealthCheck for HTTP, gRPC and TCP. */
import type { FieldError } from "../../decision/field-error.ts";
import { compileMutations, type HeaderMutations } from "../../decision/header-mutation.ts";
import { compileStringMatcher, type StringTest } from "../../decision/string-matcher.ts";
import { type HeaderValueOption, RequestMethod } from "../../gen/envoy/config/core/v3/base_pb.js";
import type {
  HealthCheck_GrpcHealthCheck as GrpcHealthCheck,
  HealthCheck,
  HealthCheck_HttpHealthCheck as HttpHealthCheck,
  HealthCheck_Payload as Payload,
  HealthCheck_TcpHealthCheck as TcpHealthCheck,
} from "../../gen/envoy/config/core/v3/health_check_pb.js";
import { CodecClientType } from "../../gen/envoy/type/v3/http_pb.js";
import type { Int64Range } from "../../gen/envoy/type/v3/range_pb.js";

export type ProbeSettings = HttpProbeSettings | GrpcProbeSettings | TcpProbeSettings;

/** `start` included, `end` not. */
export interface StatusRange {
  readonly start: number;
  readonly end: number;
}

export interface HttpProbeSettings {
  readonly kind: "http";
  readonly codec: "http1" | "http2";
  readonly method: string;
  /** Of the request, empty for the cluster's name. */
  readonly host: string;
  readonly path: string;
  readonly mutations: HeaderMutations;
  readonly body: Buffer;
  readonly expected: readonly StatusRange[];
  /** Such an answer is a failure of which the threshold counts several. */
  readonly retriable: readonly StatusRange[];
  /** What the body must contain, in this order, within its first `bodyBytesMax` bytes. */
  readonly receive: readonly Buffer[];
  /** Infinite for all of it. */
  readonly bodyBytesMax: number;
  /** What the answer must say of its cluster. */
  readonly isRightCluster: StringTest | undefined;
}

export interface GrpcProbeSettings {
  readonly kind: "grpc";
  readonly service: string;
  /** Empty for the cluster's name. */
  readonly authority: string;
  readonly mutations: HeaderMutations;
  readonly timeoutMs: number;
}

export interface TcpProbeSettings {
  readonly kind: "tcp";
  readonly send: Buffer;
  /** Empty: to connect is enough. */
  readonly receive: readonly Buffer[];
}

/** Envoy's default. */
const BODY_BYTES_MAX = 1024;
const STATUS_OK: StatusRange = { start: 200, end: 201 };
const NO_BYTES = Buffer.alloc(0);
const WITH_BODY: ReadonlySet<RequestMethod> = new Set([
  RequestMethod.POST,
  RequestMethod.PUT,
  RequestMethod.PATCH,
  RequestMethod.OPTIONS,
]);

export function compileProbe(
  { healthChecker }: HealthCheck,
  path: string,
  timeoutMs: number,
  errors: FieldError[],
): ProbeSettings {
  switch (healthChecker.case) {
    case "httpHealthCheck":
      return httpProbe(healthChecker.value, `${path}.http_health_check`, errors);
    case "grpcHealthCheck":
      return grpcProbe(healthChecker.value, `${path}.grpc_health_check`, timeoutMs, errors);
    case "tcpHealthCheck":
      return tcpProbe(healthChecker.value, `${path}.tcp_health_check`, errors);
    default: {
      const message = "http_health_check, grpc_health_check or tcp_health_check is required";
      errors.push({ path, message });
      return { kind: "tcp", send: NO_BYTES, receive: [] };
    }
  }
}

function httpProbe(
  message: HttpHealthCheck,
  path: string,
  errors: FieldError[],
): HttpProbeSettings {
  // What would end the line of the request would begin another (T1).
  if (!/^[!-~]+$/.test(message.path)) {
    errors.push({ path: `${path}.path`, message: "printable ASCII without blanks is required" });
  }
  const method = message.method || RequestMethod.GET;
  if (method === RequestMethod.CONNECT) {
    errors.push({ path: `${path}.method`, message: "CONNECT opens a tunnel: use another method" });
  }
  const body = payload(message.send, `${path}.send`, errors);
  if (body.length > 0 && !WITH_BODY.has(method)) {
    const text = `${RequestMethod[method]} has no body: use POST, PUT, PATCH or OPTIONS`;
    errors.push({ path: `${path}.send`, message: text });
  }
  if (message.codecClientType === CodecClientType.HTTP3) {
    errors.push({ path: `${path}.codec_client_type`, message: "HTTP3 is not implemented" });
  }
  const { serviceNameMatcher: matcher, requestHeadersToAdd, requestHeadersToRemove } = message;
  return {
    kind: "http",
    codec: message.codecClientType === CodecClientType.HTTP2 ? "http2" : "http1",
    method: RequestMethod[method],
    host: message.host,
    path: message.path,
    mutations: requestMutations(requestHeadersToAdd, requestHeadersToRemove, path, errors),
    body,
    expected: ranges(message.expectedStatuses, `${path}.expected_statuses`, errors, [STATUS_OK]),
    retriable: ranges(message.retriableStatuses, `${path}.retriable_statuses`, errors, []),
    ...receiveSettings(message, path, errors),
    isRightCluster:
      matcher === undefined
        ? undefined
        : compileStringMatcher(matcher, `${path}.service_name_matcher`, errors),
  };
}

function receiveSettings(
  { receive, responseBufferSize }: HttpHealthCheck,
  path: string,
  errors: FieldError[],
): Pick<HttpProbeSettings, "receive" | "bodyBytesMax"> {
  const wanted = payloads(receive, `${path}.receive`, errors);
  const size = Number(responseBufferSize ?? BODY_BYTES_MAX);
  const total = wanted.reduce((sum, bytes) => sum + bytes.length, 0);
  if (size > 0 && total > size) {
    const text = `has ${total} bytes, more than response_buffer_size, which is ${size}`;
    errors.push({ path: `${path}.receive`, message: text });
  }
  return { receive: wanted, bodyBytesMax: size === 0 ? Number.POSITIVE_INFINITY : size };
}

function grpcProbe(
  message: GrpcHealthCheck,
  path: string,
  timeoutMs: number,
  errors: FieldError[],
): GrpcProbeSettings {
  return {
    kind: "grpc",
    service: message.serviceName,
    authority: message.authority,
    mutations: requestMutations(message.initialMetadata, [], path, errors),
    timeoutMs,
  };
}

function tcpProbe(message: TcpHealthCheck, path: string, errors: FieldError[]): TcpProbeSettings {
  return {
    kind: "tcp",
    send: payload(message.send, `${path}.send`, errors),
    receive: payloads(message.receive, `${path}.receive`, errors),
  };
}

function requestMutations(
  requestHeadersToAdd: readonly HeaderValueOption[],
  requestHeadersToRemove: readonly string[],
  path: string,
  errors: FieldError[],
): HeaderMutations {
  const lists = {
    ...{ requestHeadersToAdd, requestHeadersToRemove },
    ...{ responseHeadersToAdd: [], responseHeadersToRemove: [] },
  };
  return compileMutations(lists, path, errors).requestMutations;
}

function ranges(
  list: readonly Int64Range[],
  path: string,
  errors: FieldError[],
  otherwise: readonly StatusRange[],
): readonly StatusRange[] {
  if (list.length === 0) return otherwise;
  return list.map((range, index) => {
    const [start, end] = [Number(range.start), Number(range.end)];
    if (start < 100 || end > 600 || start >= end) {
      const text = `${start} to ${end} must be within 100 to 600, its end above its start`;
      errors.push({ path: `${path}[${index}]`, message: text });
    }
    return { start, end };
  });
}

function payloads(list: readonly Payload[], path: string, errors: FieldError[]): readonly Buffer[] {
  return list.map((entry, index) => {
    const bytes = payload(entry, `${path}[${index}]`, errors);
    if (bytes.length === 0)
      errors.push({ path: `${path}[${index}]`, message: "must not be empty" });
    return bytes;
  });
}

function payload(message: Payload | undefined, path: string, errors: FieldError[]): Buffer {
  const given = message?.payload;
  switch (given?.case) {
    case "binary":
      return Buffer.from(given.value);
    case "text":
      if (!/^([0-9a-fA-F]{2})*$/.test(given.value)) {
        errors.push({ path: `${path}.text`, message: "two hexadecimal digits for each byte" });
      }
      return Buffer.from(given.value, "hex");
    default:
      return NO_BYTES;
  }
}
