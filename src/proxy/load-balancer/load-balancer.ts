/** How a cluster chooses among its eligible endpoints. No I/O, no clock: both are passed in. */
import type { Prng } from "../../core/prng.ts";

/** What balancers look at. Weights are whole numbers from 1. */
export interface Candidate {
  readonly info: { readonly weight: number };
  /** Requests sent to it that have not ended. */
  readonly activeRequests: number;
  /** Requests that wait for a connection to it. */
  readonly waitingCount: number;
  /** Peak-EWMA of latency in milliseconds, 0 before the first answer, and when it was last updated. */
  readonly ewmaMs: number;
  readonly ewmaAtMs: number;
  /** It could not be connected to, and is not to be preferred until then. 0 when it could. */
  readonly unreachableUntilMs: number;
}

export interface LoadBalancer<T extends Candidate = Candidate> {
  /** Called when endpoints, health or weights change; never per request. */
  setEndpoints(endpoints: readonly T[]): void;
  /** The endpoint for one request, or undefined when there is none. Builds no lists. */
  pick(): T | undefined;
}

export interface LoadBalancerInputs {
  readonly prng: Prng;
  /** Monotonic. */
  readonly nowMs: () => number;
}
