/** What the choice among priorities, localities and subsets looks at, beyond what balancers do. */
import type { JsonObject } from "@bufbuild/protobuf";
import type { Candidate, HostHealth } from "./load-balancer.ts";

/** Shared by the endpoints of one locality. */
export interface HostLocality {
  /** `region/zone/sub-zone`. */
  readonly key: string;
  /** Its share among the localities of its priority, or 0 where nothing is said. */
  readonly weight: number;
  /** Percent by which the healthy endpoints of a priority or locality can stand in for others. */
  readonly overprovisioning: number;
  /** Whether a priority's health is that of its weights, not of its endpoints. */
  readonly isHealthWeighted: boolean;
}

/** Envoy's default: with 5 of 7 healthy nothing spills over yet. */
export const OVERPROVISIONING_PERCENT = 140;

export const UNKNOWN_LOCALITY: HostLocality = {
  key: "//",
  weight: 0,
  overprovisioning: OVERPROVISIONING_PERCENT,
  isHealthWeighted: false,
};

export interface HostInfo {
  /** A whole number from 1. */
  readonly weight: number;
  /** 0 is asked first. */
  readonly priority: number;
  readonly locality: HostLocality;
  /** What hashing policies may take instead of the address, or "". */
  readonly hostname: string;
  /** For subsets: the endpoint's `envoy.lb` metadata. */
  readonly labels: JsonObject | undefined;
  /** It goes away: sessions that it serves may go on. */
  readonly isDraining: boolean;
}

export interface Host extends Candidate {
  /** `address:port`. */
  readonly key: string;
  readonly health: HostHealth;
  readonly info: HostInfo;
}

/** Which endpoints keep the sessions that are bound to them. */
export interface OverrideRule {
  readonly healthy: boolean;
  readonly degraded: boolean;
  readonly draining: boolean;
  readonly unhealthy: boolean;
}

/** Envoy's default: those that are not known to be out. */
export const OVERRIDE_DEFAULT: OverrideRule = {
  healthy: true,
  degraded: true,
  draining: false,
  unhealthy: false,
};
