/** How a cluster chooses among its eligible endpoints. No I/O, no clock: both are passed in. */
import type { Prng } from "../../core/prng.ts";

/** What balancers look at. Weights are whole numbers from 1. */
export interface Candidate {
  readonly info: { readonly weight: number };
  readonly activeRequests: number;
  readonly ewmaMs: number;
  readonly ewmaAtMs: number;
}

export interface LoadBalancer<T extends Candidate = Candidate> {
  /** Called when endpoints, health or weights change; never per request. */
  setEndpoints(endpoints: readonly T[]): void;
  /** The endpoint for one request, or undefined when there is none. */
  pick(): T | undefined;
}

export interface LoadBalancerInputs {
  readonly prng: Prng;
  readonly nowMs: () => number;
}
