/** The status codes of gRPC: their names, and what an HTTP status means where there is none. */
import { GRPC_CODE_NAMES } from "../http/grpc-code-names.ts";

/** By code, as Envoy's `%GRPC_STATUS%` writes them. */
const CAMEL_NAMES = [
  "OK",
  "Canceled",
  "Unknown",
  "InvalidArgument",
  "DeadlineExceeded",
  "NotFound",
  "AlreadyExists",
  "PermissionDenied",
  "ResourceExhausted",
  "FailedPrecondition",
  "Aborted",
  "OutOfRange",
  "Unimplemented",
  "Internal",
  "Unavailable",
  "DataLoss",
  "Unauthenticated",
] as const;

/** By code, as Envoy and gRPC-Gateway have them. */
const HTTP_STATUSES = [
  200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401,
] as const;

export const GRPC_STATUS = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** A code that is none of gRPC's counts as UNKNOWN, as the specification wants it read. */
export function parseGrpcStatus(text: string): number {
  const code = /^\d{1,2}$/.test(text) ? Number(text) : GRPC_STATUS.unknown;
  return code < CAMEL_NAMES.length ? code : GRPC_STATUS.unknown;
}

/** gRPC's document "HTTP to gRPC status code mapping", as Envoy has it. */
export function grpcStatusOfHttp(status: number): number {
  switch (status) {
    case 400:
      return GRPC_STATUS.internal;
    case 401:
      return GRPC_STATUS.unauthenticated;
    case 403:
      return GRPC_STATUS.permissionDenied;
    case 404:
      return GRPC_STATUS.unimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return GRPC_STATUS.unavailable;
    default:
      return GRPC_STATUS.unknown;
  }
}

/** Envoy's reading of a status of gRPC as one of HTTP. */
export function httpStatusOfGrpc(code: number): number {
  return HTTP_STATUSES[code] ?? 500;
}

export function grpcCamelName(code: number): string {
  return CAMEL_NAMES[code] ?? String(code);
}

export function grpcSnakeName(code: number): string {
  return GRPC_CODE_NAMES[code] ?? String(code);
}
