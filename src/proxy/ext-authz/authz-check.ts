/** One question to an authorization service, by gRPC or HTTP: both end with an answer, or with the reason for none. */
import type { TimerWheel } from "../../core/timer-wheel.ts";
import type { AuthzGrpcTarget } from "../../decision/ext-authz/grpc-target.ts";
import type { CallbackFaults } from "../callback-faults.ts";
import type { Cluster } from "../cluster.ts";
import { GrpcCall, type GrpcCallHandler } from "../grpc-call.ts";
import type { AuthzAnswer } from "./authz-answer.ts";
import { CHECK } from "./check-request.ts";
import { readCheckResponse } from "./check-response.ts";

/** What questions are asked with. */
export interface AuthzServices {
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly nowMs: () => number;
  readonly timers: TimerWheel;
  readonly faults: CallbackFaults;
}

/** Told once, never from within the start of a question. */
export interface AuthzHandler {
  onAnswer(answer: AuthzAnswer): void;
  onNoAnswer(reason: string): void;
}

/** A question under way. */
export interface AuthzQuestion {
  /** Nobody waits for the answer any more. */
  cancel(): void;
}

/** The question, or why it cannot be asked. */
export function askByGrpc(
  { cluster: name, authority, timeoutMs }: AuthzGrpcTarget,
  message: Uint8Array,
  { clusters, nowMs, timers, faults }: AuthzServices,
  handler: AuthzHandler,
): AuthzQuestion | string {
  const cluster = clusters.get(name);
  if (cluster === undefined) return `no cluster ${name}`;
  const call = new GrpcCall(
    { cluster, method: CHECK, authority, message, timeoutMs, nowMs, timers, faults },
    new GrpcAnswer(handler),
  );
  return call.start() ?? call;
}

class GrpcAnswer implements GrpcCallHandler {
  readonly #handler: AuthzHandler;

  constructor(handler: AuthzHandler) {
    this.#handler = handler;
  }

  onGrpcReply(message: Buffer): void {
    const answer = readCheckResponse(message);
    if (answer === undefined) this.#handler.onNoAnswer("the answer cannot be read");
    else if (answer === "error") this.#handler.onNoAnswer("the service says that it has failed");
    else this.#handler.onAnswer(answer);
  }

  onGrpcFailure(_status: number, reason: string): void {
    this.#handler.onNoAnswer(reason);
  }
}
