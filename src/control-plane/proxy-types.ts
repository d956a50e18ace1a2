/** What the admin API says of the proxies that are connected, in JSON. Types only. */
import type { InstanceState } from "./api-types.ts";

// ---- GET /api/v1/proxies, GET /api/v1/proxies/{id} ----

export interface ProxiesResponse {
  /** The revision that every connected proxy ought to run. */
  readonly revision: number;
  /** Sorted by namespace, service, id. */
  readonly proxies: readonly ProxyView[];
}

/**
 * `synced`: acknowledged what it was sent. `stale`: sent, not acknowledged yet. `refused`: refused
 * the newest of at least one type. `disconnected`: no stream.
 */
export type ProxySync = "synced" | "stale" | "refused" | "disconnected";

export interface ProxyView {
  readonly id: string;
  readonly service: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly spiffeId: string;
  readonly connected: boolean;
  readonly connectedSince: string | null;
  readonly disconnectedSince: string | null;
  /** `host:port` of the peer of its stream. */
  readonly remoteAddress: string | null;
  /** `tulle/0.1.0`, `envoy/1.35.0`. */
  readonly userAgent: string;
  readonly version: string;
  /** `host:port` of the proxy's own admin server, when it says. */
  readonly adminAddress: string | null;
  readonly protocol: "delta" | "sotw" | null;
  readonly instanceState: InstanceState | null;
  readonly sync: ProxySync;
  readonly stale: boolean;
  /** The newest revision whose every resource the proxy has acknowledged. */
  readonly acknowledgedRevision: number;
  readonly types: readonly ProxyTypeView[];
}

export interface ProxyTypeView {
  /** `cds`, `eds`, `lds`, `rds`, `sds`. */
  readonly type: string;
  readonly typeUrl: string;
  readonly subscribed: boolean;
  readonly sentRevision: number | null;
  readonly sentAt: string | null;
  readonly acknowledgedRevision: number | null;
  readonly acknowledgedAt: string | null;
  readonly refused: {
    readonly revision: number;
    readonly message: string;
    readonly at: string;
  } | null;
  readonly stale: boolean;
}

// ---- GET /api/v1/proxies/{id}/config ----

export interface ProxyConfigResponse {
  readonly id: string;
  readonly revision: number;
  readonly types: readonly {
    readonly type: string;
    readonly typeUrl: string;
    readonly resources: readonly {
      readonly name: string;
      readonly version: string;
      /** Protobuf JSON. */
      readonly resource: Readonly<Record<string, unknown>>;
    }[];
  }[];
}
