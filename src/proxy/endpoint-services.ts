/** What the endpoints of a cluster share: its limits, and how connections are made. */
import type { Dialer } from "./dialer.ts";
import type { CreateUpstreamConnection } from "./upstream-codec.ts";

/** Limits that the endpoints of a cluster share. What was admitted is released once. */
export interface ConnectionBudget {
  /** `isFirst`: the endpoint has no other connection, so that without this one nothing would ever move. */
  admitConnection(isFirst: boolean): boolean;
  releaseConnection(): void;
  admitPending(): boolean;
  releasePending(): void;
  onConnectFailure(): void;
  /** Something was turned away that no other method of this budget has counted. */
  onOverflow(): void;
  /** Milliseconds after which an idle connection is closed. */
  readonly idleTimeoutMs: number;
}

/** What the endpoints of a cluster share. */
export interface EndpointServices {
  readonly dialer: Dialer;
  readonly budget: ConnectionBudget;
  /** Monotonic. */
  readonly nowMs: () => number;
  readonly createConnection: CreateUpstreamConnection;
  /** What the cluster's TLS settings say is to be offered. */
  readonly alpn: readonly string[];
}
