/** What all calls of the Workload API and of SDS have in common: who may ask, what is refused how, and that it is counted. */
import { status as grpcStatus, type Metadata } from "@grpc/grpc-js";
import type { ReadyState, WorkloadState } from "./workload-state.ts";

/** How a call ends that gets no answer. */
export interface CallRefusal {
  readonly code: grpcStatus;
  readonly details: string;
}

export type CallOutcome<T> = { readonly answer: T } | { readonly refusal: CallRefusal };

/** Calls that ended, by method and gRPC status. */
export class CallCounts {
  readonly byMethod = new Map<string, Map<string, number>>();

  add(method: string, code: grpcStatus): void {
    const codes = this.byMethod.get(method) ?? new Map<string, number>();
    const name = grpcStatus[code];
    codes.set(name, (codes.get(name) ?? 0) + 1);
    this.byMethod.set(method, codes);
  }
}

const SECURITY_HEADER = "workload.spiffe.io";

/**
 * SPIFFE Workload Endpoint section 3: what makes a program send requests on somebody's behalf seldom lets that somebody
 * choose headers of gRPC.
 */
export function headerRefusal(metadata: Metadata): CallRefusal | undefined {
  const values = metadata.get(SECURITY_HEADER);
  if (values.length === 1 && values[0] === "true") return undefined;
  const details = `the metadata ${SECURITY_HEADER}: true is required`;
  return { code: grpcStatus.INVALID_ARGUMENT, details };
}

/** SPIFFE Workload API section 7.1: no identity is PermissionDenied, not yet is Unavailable. */
export function readyOr(state: WorkloadState): ReadyState | CallRefusal {
  switch (state.kind) {
    case "ready":
      return state;
    case "denied":
      return { code: grpcStatus.PERMISSION_DENIED, details: state.reason };
    case "unavailable":
      return { code: grpcStatus.UNAVAILABLE, details: state.reason };
  }
}

export function isRefusal(value: object): value is CallRefusal {
  return "code" in value && "details" in value;
}

/** Another process takes over, or none: a client that asks again is right either way. */
export const ENDING: CallRefusal = {
  code: grpcStatus.UNAVAILABLE,
  details: "this process serves no more",
};

export const TOO_MANY_STREAMS: CallRefusal = {
  code: grpcStatus.UNAVAILABLE,
  details: "too many streams are open",
};
