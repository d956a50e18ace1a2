/**
 * What translation may use of Envoy's vocabulary. Our sidecars learn it step by step; translation emits nothing
 * that they would refuse, and says by a finding what an author asked for and cannot have yet.
 */

export interface DataPlaneFeatures {
  /** What sidecars speak to each other: one request at a time, or HTTP/2 with many streams on a connection. */
  readonly meshHop: "http1" | "http2";
  /** Opaque TCP, TLS passed through, and detection: tcp_proxy, listener filters, several filter chains. */
  readonly streams: boolean;
  /** WebSocket, and extended CONNECT where HTTP/2 carries it. */
  readonly upgrades: boolean;
}

/** What the sidecars of this release understand. */
export const SIDECAR_FEATURES: DataPlaneFeatures = {
  meshHop: "http2",
  streams: true,
  upgrades: true,
};

/** All that translation can say. A real Envoy takes it. */
export const ALL_FEATURES: DataPlaneFeatures = {
  meshHop: "http2",
  streams: true,
  upgrades: true,
};
