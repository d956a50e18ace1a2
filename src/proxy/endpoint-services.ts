/** What the endpoints of a cluster share: its limits, and how connections are made and kept. */
import type { Prng } from "../core/prng.ts";
import type { TimerWheel } from "../core/timer-wheel.ts";
import type { CallbackFaults } from "./callback-faults.ts";
import type { UpstreamHttpConfig } from "./config/upstream-http-config.ts";
import type { Dialer } from "./dialer.ts";
import type { UpstreamFailure } from "./stream.ts";
import type { CreateUpstreamConnection } from "./upstream-codec.ts";

/** Limits that the endpoints of a cluster share. What was admitted is released once. */
export interface ConnectionBudget {
  /** Connections to one endpoint. Infinite for no limit. */
  readonly hostConnectionsMax: number;
  /**
   * `isFirst`: the pool has no other connection, so that without this one nothing would ever move. `isUrgent`: as
   * whoever wants it says.
   */
  admitConnection(isFirst: boolean, isUrgent?: boolean): boolean;
  releaseConnection(): void;
  admitPending(isUrgent?: boolean): boolean;
  releasePending(isUrgent?: boolean): void;
  onConnectFailure(kind: UpstreamFailure["kind"]): void;
  /** Something was turned away that no other method of this budget has counted. */
  onOverflow(): void;
}

export interface EndpointServices {
  readonly dialer: Dialer;
  readonly budget: ConnectionBudget;
  /** Monotonic. */
  readonly nowMs: () => number;
  readonly wallMs: () => number;
  /** Coarse ticks. */
  readonly timers: { readonly idle: TimerWheel };
  readonly prng: Prng;
  readonly faults: CallbackFaults;
  readonly createConnection: CreateUpstreamConnection;
  readonly http: UpstreamHttpConfig;
  /** What the cluster's TLS settings offer for other protocols than HTTP. */
  readonly rawAlpn: readonly string[];
}
