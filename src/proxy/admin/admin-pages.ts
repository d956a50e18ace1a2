/** The pages of the admin port. Paths and shapes follow Envoy's, so that its tools work on both. */
import { LOG_LEVELS, type LogLevel, type LogThreshold } from "../../core/logger.ts";
import type { MetricRegistry } from "../../telemetry/metric-registry.ts";
import { PROMETHEUS_CONTENT_TYPE, prometheusText } from "../../telemetry/prometheus-text.ts";
import type { DataPlane } from "../data-plane.ts";
import type { DrainDirection } from "../drain.ts";
import { type AdminPage, type AdminResponse, jsonResponse, textResponse } from "./admin-server.ts";
import { clustersJson, clustersText } from "./clusters-page.ts";
import { type ConfigDumpInput, configDump } from "./config-dump.ts";

export interface AdminPagesOptions {
  readonly proxy: DataPlane;
  readonly registry: MetricRegistry;
  readonly threshold: LogThreshold;
  /** Why the proxy is not ready, or undefined when it is. */
  readonly notReadyReason: () => string | undefined;
  readonly configDump: () => ConfigDumpInput;
  /** Resolves when it is done. */
  readonly drain: (direction: DrainDirection, isGraceful: boolean) => Promise<void>;
  readonly quit: () => void;
  readonly serverInfo: () => Readonly<Record<string, unknown>>;
}

export function adminPages(options: AdminPagesOptions): ReadonlyMap<string, AdminPage> {
  const metrics = (): AdminResponse => ({
    status: 200,
    contentType: PROMETHEUS_CONTENT_TYPE,
    body: prometheusText(options.registry.families()),
  });
  return new Map<string, AdminPage>([
    [
      "/ready",
      { method: "GET", summary: "200 when traffic can be served", run: () => ready(options) },
    ],
    [
      "/config_dump",
      {
        method: "GET",
        summary: "configuration in force, secrets left out",
        run: (query) => jsonResponse(configDump(options.configDump(), query.has("include_eds"))),
      },
    ],
    [
      "/clusters",
      {
        method: "GET",
        summary: "clusters and their endpoints; ?format=json",
        run: (query) =>
          query.get("format") === "json"
            ? jsonResponse(clustersJson(options.proxy))
            : textResponse(200, clustersText(options.proxy)),
      },
    ],
    [
      "/listeners",
      {
        method: "GET",
        summary: "bound listeners; ?format=json",
        run: (query) => listeners(options.proxy, query),
      },
    ],
    ["/metrics", { method: "GET", summary: "metrics in the Prometheus text format", run: metrics }],
    ["/stats/prometheus", { method: "GET", summary: "the same as /metrics", run: metrics }],
    [
      "/server_info",
      {
        method: "GET",
        summary: "version, node and state",
        run: () => jsonResponse(options.serverInfo()),
      },
    ],
    [
      "/logging",
      {
        method: "POST",
        summary: "log level; ?level=debug",
        run: (query) => logging(options.threshold, query),
      },
    ],
    [
      "/drain_listeners",
      {
        method: "POST",
        summary:
          "stop accepting and finish what is in flight; ?inboundonly; ?graceful accepts a while longer and answers when all is done",
        run: (query) => drain(options, query),
      },
    ],
    [
      "/quitquitquit",
      {
        method: "POST",
        summary: "end this process",
        run: () => {
          options.quit();
          return textResponse(200, "OK\n");
        },
      },
    ],
  ]);
}

async function drain(options: AdminPagesOptions, query: URLSearchParams): Promise<AdminResponse> {
  const direction = query.has("inboundonly") ? "inbound" : "all";
  const isGraceful = query.has("graceful");
  const drained = options.drain(direction, isGraceful);
  // Whoever stops an app gracefully has to know when its callers have let go.
  if (isGraceful) await drained;
  return textResponse(200, "OK\n");
}

function ready(options: AdminPagesOptions): AdminResponse {
  const reason = options.notReadyReason();
  return reason === undefined ? textResponse(200, "LIVE\n") : textResponse(503, `${reason}\n`);
}

function listeners(proxy: DataPlane, query: URLSearchParams): AdminResponse {
  const bound = [...proxy.listeners.values()].map(({ config, port, protocols }) => ({
    name: config.name,
    address: config.address.host,
    port,
    protocols,
  }));
  if (query.get("format") !== "json") {
    const lines = bound.map(({ name, address, port }) => `${name}::${address}:${port}\n`);
    return textResponse(200, lines.join(""));
  }
  const statuses = bound.map(({ name, address, port, protocols }) => ({
    name,
    local_address: { socket_address: { address, port_value: port } },
    // Not in Envoy's message: what accepted connections turned out to speak.
    accepted_connections: Object.fromEntries(
      Object.entries(protocols).map(([protocol, { value }]) => [protocol, value]),
    ),
  }));
  return jsonResponse({ listener_statuses: statuses });
}

function logging(threshold: LogThreshold, query: URLSearchParams): AdminResponse {
  const level = query.get("level");
  if (level === null) return textResponse(200, `active level: ${threshold.level}\n`);
  if (!LOG_LEVELS.includes(level as LogLevel)) {
    return textResponse(400, `no such level: ${level}; use one of ${LOG_LEVELS.join(", ")}\n`);
  }
  threshold.level = level as LogLevel;
  return textResponse(200, `active level: ${level}\n`);
}
