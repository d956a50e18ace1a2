/** The telemetry part of the admin API as typed functions. */
import type {
  AccessLogView,
  EdgesResponse,
  ErrorsResponse,
  EventsResponse,
  LogsResponse,
  MeshEvent,
  OverviewResponse,
  ProxiesTelemetryResponse,
  RoutesResponse,
  SecurityResponse,
  ServiceDetailResponse,
  ServicesResponse,
  TapEvent,
  TraceResponse,
  TracesResponse,
} from "../../control-plane/telemetry-types.ts";
import type { AdminTransport } from "../admin-transport.ts";

export type TelemetryQuery = Readonly<Record<string, string | undefined>>;

/** Streams end when `signal` aborts. */
export interface TelemetryClient {
  overview(query: TelemetryQuery): Promise<OverviewResponse>;
  services(query: TelemetryQuery): Promise<ServicesResponse>;
  service(namespace: string, name: string, query: TelemetryQuery): Promise<ServiceDetailResponse>;
  edges(query: TelemetryQuery): Promise<EdgesResponse>;
  routes(query: TelemetryQuery): Promise<RoutesResponse>;
  errors(query: TelemetryQuery): Promise<ErrorsResponse>;
  logs(query: TelemetryQuery): Promise<LogsResponse>;
  traces(query: TelemetryQuery): Promise<TracesResponse>;
  trace(id: string): Promise<TraceResponse>;
  events(query: TelemetryQuery): Promise<EventsResponse>;
  security(query: TelemetryQuery): Promise<SecurityResponse>;
  proxies(query: TelemetryQuery): Promise<ProxiesTelemetryResponse>;
  followLogs(query: TelemetryQuery, signal: AbortSignal): AsyncIterable<AccessLogView>;
  followEvents(query: TelemetryQuery, signal: AbortSignal): AsyncIterable<MeshEvent>;
  tap(query: TelemetryQuery, signal: AbortSignal): AsyncIterable<TapEvent>;
}

const ROOT = "/api/v1/telemetry";

export function createTelemetryClient(transport: AdminTransport): TelemetryClient {
  const get = <T>(path: string, query: TelemetryQuery): Promise<T> =>
    transport.request<T>({ method: "GET", path: `${ROOT}${path}`, query });
  const follow = <T>(path: string, query: TelemetryQuery, signal: AbortSignal): AsyncIterable<T> =>
    transport.follow<T>({ method: "GET", path: `${ROOT}${path}`, query, signal });
  return {
    overview: (query) => get("/overview", query),
    services: (query) => get("/services", query),
    service: (namespace, name, query) =>
      get(`/services/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`, query),
    edges: (query) => get("/edges", query),
    routes: (query) => get("/routes", query),
    errors: (query) => get("/errors", query),
    logs: (query) => get("/logs", query),
    traces: (query) => get("/traces", query),
    trace: (id) => get(`/traces/${encodeURIComponent(id)}`, {}),
    events: (query) => get("/events", query),
    security: (query) => get("/security", query),
    proxies: (query) => get("/proxies", query),
    followLogs: (query, signal) => follow("/logs/follow", query, signal),
    followEvents: (query, signal) => follow("/events/follow", query, signal),
    tap: (query, signal) => follow("/tap", query, signal),
  };
}
