/** One instance of a service: what its sidecar says about it, and where it is in its life. */
import type { InstanceProtocol } from "../resource/port-protocol.ts";

/** What a sidecar's node metadata tells, checked against its certificate before it gets here. */
export interface InstanceDescription {
  /** Unique in its namespace: `catalog-v1-x7k2p`. */
  readonly name: string;
  readonly namespace: string;
  readonly service: string;
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly zone: string;
  /** Where peers reach its inbound listeners; an IP literal. */
  readonly address: string;
  readonly ports: readonly InstancePort[];
}

export interface InstancePort {
  readonly name: string;
  /** The port that the app listens on. */
  readonly port: number;
  /** The port of the sidecar's inbound listener for it. */
  readonly inboundPort: number;
  readonly protocol: InstanceProtocol;
}

/** What a sidecar reports over HDS. */
export type InstanceHealth = "healthy" | "unhealthy" | "draining";

/**
 * ```
 *            connect            report            report
 *  (absent) ────────► starting ───────► healthy ◄───────► unhealthy, draining
 *                        │                 │                   │
 *                        └──── stream gone ┴───────────────────┘
 *                                   ▼   connect: as it was
 *  (restart) ─► unconfirmed ──► suspect ──► (removed after the grace period)
 *   (expired)      window passes
 * ```
 */
export const LEASE_STATES = [
  "starting",
  "healthy",
  "unhealthy",
  "draining",
  "suspect",
  "unconfirmed",
] as const;
export type LeaseState = (typeof LEASE_STATES)[number];

export interface Instance {
  readonly description: InstanceDescription;
  readonly state: LeaseState;
  /** Wall clock, milliseconds. */
  readonly stateSinceMs: number;
  /** What was last known of its app; what it returns to when its sidecar comes back. */
  readonly health: InstanceHealth | undefined;
  /** Somebody took it out of service (`tulle drain`): it gets no new requests, however well it is. */
  readonly isInMaintenance: boolean;
  /** The ADS stream that holds the lease; undefined while there is none. */
  readonly lease: string | undefined;
}

/** `namespace/name`. */
export function instanceKey(id: { readonly namespace: string; readonly name: string }): string {
  return `${id.namespace}/${id.name}`;
}

/** Whether other proxies may send it new requests. */
export function isServing(instance: Instance): boolean {
  const isWell =
    instance.state === "healthy" ||
    (instance.state === "unconfirmed" && instance.health === "healthy");
  return isWell && !instance.isInMaintenance;
}
