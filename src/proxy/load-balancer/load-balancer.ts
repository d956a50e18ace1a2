/** How a cluster chooses among its eligible endpoints. No I/O, no clock: both are passed in. */
import type { Prng } from "../../core/prng.ts";
import type { RecentRefusals } from "./recent-refusals.ts";

/**
 * Degraded endpoints are asked when too few are healthy, those that are not healthy in a panic only (Envoy's three
 * kinds of health).
 */
export type HostHealth = "healthy" | "degraded" | "unhealthy";

/** What balancers look at. Weights are whole numbers from 1. */
export interface Candidate {
  readonly info: { readonly weight: number };
  /** The part of its weight that counts now, above 0 and up to 1: less while an endpoint starts slowly. */
  readonly weightFactor: number;
  /** Requests sent to it that have not ended. */
  readonly activeRequests: number;
  /** Requests that wait for a connection to it. */
  readonly waitingCount: number;
  /** Peak-EWMA of latency in milliseconds, 0 before the first answer, and when it was last updated. */
  readonly ewmaMs: number;
  readonly ewmaAtMs: number;
  /** Since its sidecar refused the first request. */
  readonly refusals?: RecentRefusals | undefined;
  /** It could not be connected to, and is not to be preferred until then. 0 when it could. */
  readonly unreachableUntilMs: number;
}

export interface LoadBalancer<T extends Candidate = Candidate> {
  /** Called when endpoints, health or weights change; never per request. */
  setEndpoints(endpoints: readonly T[]): void;
  /** The endpoint for one request, or undefined when there is none. Builds no lists. `key`: for policies that hash. */
  pick(key?: PickKey): T | undefined;
}

/** The part of a request that policies which hash look at. */
export interface PickKey {
  readonly hasHash: boolean;
  /** The upper and lower 32 bits, unsigned. */
  readonly hashHigh: number;
  readonly hashLow: number;
  /** How often the endpoint for this hash was not wanted. */
  readonly attempt: number;
}

export interface LoadBalancerInputs {
  readonly prng: Prng;
  /** Monotonic. */
  readonly nowMs: () => number;
}
