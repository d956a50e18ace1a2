/** What is said of peers that are revoked: a line in the log and a count for each connection. */
import type { Logger } from "../core/logger.ts";
import type { MetricRegistry } from "../telemetry/metric-registry.ts";
import type { DeniedPeers } from "./denied-peers.ts";

export function reportDeniedPeers(peers: DeniedPeers, registry: MetricRegistry, log: Logger): void {
  const counts = registry.counter(
    "tulle_revoked_peers_total",
    "Connections refused or closed because the peer is revoked, by side: downstream, upstream, and by action: refused, closed.",
  );
  peers.observe(({ side, action, remoteAddress, spiffeId, serialHex, reason }) => {
    counts.with({ side, action }).value += 1;
    // The listener tells of those whom it refuses.
    if (action === "refused" && side === "downstream") return;
    log.warn(
      action === "refused" ? "revoked peer refused" : "connection of a revoked peer closed",
      {
        side,
        remote: remoteAddress,
        peer: spiffeId,
        serial: serialHex,
        reason,
      },
    );
  });
}
