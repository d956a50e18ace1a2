/** When a span is an error, by OpenTelemetry's conventions for HTTP and gRPC, and when it is one worth keeping. */
import { GRPC_STATUS } from "../grpc-status.ts";
import { KIND_CLIENT, type SpanDraft } from "./span-draft.ts";

/** Codes of gRPC that are the server's fault: the others are answers. */
const SERVER_FAULTS: ReadonlySet<number> = new Set([
  GRPC_STATUS.unknown,
  GRPC_STATUS.deadlineExceeded,
  GRPC_STATUS.unimplemented,
  GRPC_STATUS.internal,
  GRPC_STATUS.unavailable,
  // DATA_LOSS.
  15,
]);
const CLIENT_ERROR = 400;
const SERVER_ERROR = 500;

/** A client takes 4xx and every code of gRPC but OK for an error, a server what is its own fault. */
export function isErrorSpan(draft: SpanDraft): boolean {
  if (draft.kind !== KIND_CLIENT) return isFault(draft);
  const { grpcStatus, status } = draft;
  return grpcStatus > -2 ? grpcStatus !== GRPC_STATUS.ok : status === 0 || status >= CLIENT_ERROR;
}

/** The request has failed, and not because of what it asked for. */
export function isFault({ grpcStatus, status }: SpanDraft): boolean {
  if (status === 0) return true;
  return grpcStatus > -2 ? SERVER_FAULTS.has(grpcStatus) : status >= SERVER_ERROR;
}
