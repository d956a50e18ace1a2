/** The endpoints under /api/v1/telemetry as rows of the table of routes. */

const parameter = (name: string, description: string, type: "integer" | "string" = "string") => ({
  ...{ name, description, type },
  in: "query" as const,
});

const WINDOW = [
  parameter("since", "How far back: 15m (the default), 1h, 7d."),
  parameter("from", "In place of `since`: an instant, ISO 8601."),
  parameter("to", "The end; default: now."),
  parameter("namespace", "Only this namespace."),
  parameter("service", "Only this Service, of the namespace or of `default`."),
];
const LIMIT = parameter("limit", "How many at most.", "integer");
const MIN_DURATION = parameter("minDurationMs", "Only such that took as long, in milliseconds.");
const LOG_FILTERS = [
  parameter("status", "A status, its class or a range: 503, 5xx, 400-499."),
  MIN_DURATION,
  parameter("flag", "Only with this response flag, such as UF."),
  parameter("traceId", "Only of this trace."),
  parameter("requestId", "Only with this request id."),
  parameter("text", "Only with this text anywhere in the record."),
];
const ENDS_AND_TARGET = [
  parameter("source", "Only requests of this caller, NAMESPACE/NAME."),
  parameter("destination", "Only requests to this Service, NAMESPACE/NAME."),
  parameter("method", "Only this method."),
  parameter("path", "Only paths that begin so."),
];

const row = (
  path: string,
  summary: string,
  response: string,
  parameters: readonly ReturnType<typeof parameter>[] = [],
) => ({
  method: "GET" as const,
  path: `/api/v1/telemetry/${path}`,
  ...{ summary, response },
  parameters: [...WINDOW, ...parameters],
  errors: [400, 401, 403, 503],
});

const inPath = (name: string, description: string) => ({
  ...{ name, description },
  in: "path" as const,
  type: "string" as const,
});

export const TELEMETRY_ROUTES = [
  row("overview", "The mesh at a glance, problems first", "OverviewResponse"),
  row("services", "Services with traffic and health", "ServicesResponse"),
  {
    ...row("services/{namespace}/{name}", "One service in full", "ServiceDetailResponse"),
    parameters: [
      inPath("namespace", "The namespace."),
      inPath("name", "The Service's name."),
      ...WINDOW.slice(0, 3),
    ],
    errors: [400, 401, 403, 404, 503],
  },
  row("series", "One service over time, with percentiles and exemplars", "SeriesResponse", [
    parameter("source", "Only requests of this caller, NAMESPACE/NAME."),
    parameter("version", "Only requests to this version."),
    parameter("reporter", "Whose figures: source or destination."),
  ]),
  row("edges", "Who calls whom, how it goes, and whether it is secured", "EdgesResponse"),
  row("routes", "Routes with configured and observed shares", "RoutesResponse"),
  row("errors", "Failures by service, code and flag", "ErrorsResponse"),
  row("logs", "Access logs, the newest first", "LogsResponse", [
    ...LOG_FILTERS,
    ...ENDS_AND_TARGET,
    LIMIT,
    parameter("before", "`next` of the page before."),
  ]),
  {
    ...row("logs/follow", "Access logs as they come", "AccessLogView", [
      ...LOG_FILTERS,
      ...ENDS_AND_TARGET,
    ]),
    mediaType: "text/event-stream",
  },
  {
    ...row(
      "tap",
      "Requests as they end, asked of the sidecars for as long as somebody reads",
      "TapEvent",
      [
        ...ENDS_AND_TARGET,
        ...LOG_FILTERS.slice(0, 3),
        parameter(
          "maxPerSecond",
          "At most so many a second of each sidecar: 1 to 1000.",
          "integer",
        ),
        parameter("show", "Request headers to tell, with commas between them. Operators only."),
        parameter("showResponse", "The same of answers."),
      ],
    ),
    mediaType: "text/event-stream",
  },
  row("traces", "Traces, the newest first", "TracesResponse", [
    MIN_DURATION,
    parameter("error", "true: only such with an error."),
    parameter("operation", "The name of the root span."),
    LIMIT,
  ]),
  {
    ...row("traces/{id}", "One trace with its logs", "TraceResponse"),
    parameters: [inPath("id", "32 hexadecimal digits.")],
    errors: [400, 401, 403, 404, 503],
  },
  row("events", "What happened in the mesh, the newest first", "EventsResponse", [
    parameter(
      "type",
      "config, instance, ejection, certificate, security, rollout, proxy or control-plane.",
    ),
    LIMIT,
  ]),
  {
    ...row("events/follow", "Events as they come", "MeshEvent", [
      parameter("type", "As of /events."),
    ]),
    mediaType: "text/event-stream",
  },
  row("security", "Who may and who does call whom; certificates", "SecurityResponse"),
  row("proxies", "Proxies with what they tell of themselves", "ProxiesTelemetryResponse"),
] as const;
