/** The pages of the admin port. Paths and shapes follow Envoy's, so that its tools work on both. */
import { messageOf } from "../../core/errors.ts";
import { RESTART_DRAIN_MS, RESTART_DRAIN_MS_MAX } from "../../core/limits.ts";
import { LOG_LEVELS, type LogLevel } from "../../core/logger.ts";
import { exposition } from "../../telemetry/metric-exposition.ts";
import type { FamilySnapshot } from "../../telemetry/metric-snapshot.ts";
import type { DrainDirection } from "../drain.ts";
import { type AdminPage, type AdminResponse, jsonResponse, textResponse } from "./admin-server.ts";
import type { AppMetrics } from "./app-metrics.ts";
import { clustersJson, clustersText } from "./clusters-page.ts";
import { type ConfigDumpInput, configDump } from "./config-dump.ts";
import type { ListenerStatus, ProxyStatus } from "./proxy-status.ts";

/** One process answers at once, several are asked. */
type Answer<T> = T | Promise<T>;

export interface AdminPagesOptions {
  readonly metrics: () => Answer<readonly FamilySnapshot[]>;
  /** The app's own, behind ours on the page; undefined where nobody asked for it. */
  readonly appMetrics?: AppMetrics | undefined;
  readonly status: () => Answer<ProxyStatus>;
  readonly logLevel: () => LogLevel;
  readonly setLogLevel: (level: LogLevel) => void;
  /** Why the proxy is not ready, or undefined when it is. */
  readonly notReadyReason: () => string | undefined;
  readonly configDump: () => Answer<ConfigDumpInput>;
  /** Resolves when it is done. */
  readonly drain: (direction: DrainDirection, isGraceful: boolean) => Promise<void>;
  /** Resolves when another process has taken over. Rejects when none could. */
  readonly restart: (drainMs: number) => Promise<void>;
  readonly quit: () => void;
  readonly serverInfo: () => Readonly<Record<string, unknown>>;
}

export function adminPages(options: AdminPagesOptions): ReadonlyMap<string, AdminPage> {
  const metrics = async (
    _query: URLSearchParams,
    accept: string | undefined,
  ): Promise<AdminResponse> => {
    const families = await options.metrics();
    const names = new Set(families.map(({ name }) => name));
    const more = await options.appMetrics?.read(accept, names);
    return { status: 200, ...exposition(families, accept, more) };
  };
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
        run: async (query) =>
          jsonResponse(configDump(await options.configDump(), query.has("include_eds"))),
      },
    ],
    [
      "/clusters",
      {
        method: "GET",
        summary: "clusters and their endpoints; ?format=json",
        run: async (query) => clusters(await options.status(), query),
      },
    ],
    [
      "/listeners",
      {
        method: "GET",
        summary: "bound listeners; ?format=json",
        run: async (query) => listeners(await options.status(), query),
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
        run: (query) => logging(options, query),
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
      "/restart",
      {
        method: "POST",
        summary:
          "another process takes over; ?drain_time_s=600 for what this one carries; answers when it is done",
        run: (query) => restart(options, query),
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

async function restart(options: AdminPagesOptions, query: URLSearchParams): Promise<AdminResponse> {
  const text = query.get("drain_time_s");
  const drainMs = text === null ? RESTART_DRAIN_MS : Number(text) * 1000;
  if (text === "" || !(drainMs >= 0 && drainMs <= RESTART_DRAIN_MS_MAX)) {
    const most = RESTART_DRAIN_MS_MAX / 1000;
    return textResponse(400, `drain_time_s=${text}: write seconds from 0 to ${most}\n`);
  }
  try {
    await options.restart(drainMs);
    return textResponse(200, "OK\n");
  } catch (error) {
    return textResponse(503, `${messageOf(error)}\n`);
  }
}

function ready(options: AdminPagesOptions): AdminResponse {
  const reason = options.notReadyReason();
  return reason === undefined ? textResponse(200, "LIVE\n") : textResponse(503, `${reason}\n`);
}

function clusters(status: ProxyStatus, query: URLSearchParams): AdminResponse {
  return query.get("format") === "json"
    ? jsonResponse(clustersJson(status.clusters))
    : textResponse(200, clustersText(status.clusters));
}

function listeners(status: ProxyStatus, query: URLSearchParams): AdminResponse {
  if (query.get("format") !== "json") {
    return textResponse(200, status.listeners.map(listenerLine).join(""));
  }
  const statuses = status.listeners.map(({ name, host, port, accepted }) => ({
    name,
    local_address: { socket_address: { address: host, port_value: port } },
    // Not in Envoy's message: what accepted connections turned out to speak.
    accepted_connections: accepted,
  }));
  // Nor is that in Envoy's: what could not be bound, and why.
  const failed = [...status.bindErrors].map(([name, { reason }]) => ({ name, reason }));
  return jsonResponse({
    listener_statuses: statuses,
    ...(failed.length === 0 ? {} : { failed_listeners: failed }),
  });
}

function listenerLine({ name, host, port }: ListenerStatus): string {
  return `${name}::${host}:${port}\n`;
}

function logging(options: AdminPagesOptions, query: URLSearchParams): AdminResponse {
  const level = query.get("level");
  if (level === null) return textResponse(200, `active level: ${options.logLevel()}\n`);
  if (!LOG_LEVELS.includes(level as LogLevel)) {
    return textResponse(400, `no such level: ${level}; use one of ${LOG_LEVELS.join(", ")}\n`);
  }
  options.setLogLevel(level as LogLevel);
  return textResponse(200, `active level: ${level}\n`);
}
