/** Boards about requests: the whole mesh, and one service. */
import type { Board, Panel, Query } from "./board.ts";

const RATE = "$__rate_interval";
/** Figures of the called side, and of callers where no request arrived. */
const SOURCE = 'reporter="source"';
const DESTINATION = 'reporter="destination"';

function rate(metric: string, selector: string, by: string): string {
  return `sum by (${by}) (rate(${metric}{${selector}}[${RATE}]))`;
}

/** Share of requests that were answered without an error of the server. */
function success(selector: string, by: string): string {
  const all = rate("istio_requests_total", selector, by);
  const bad = rate("istio_requests_total", `${selector}, response_code=~"5..|0"`, by);
  return `1 - ((${bad} or ${all} * 0) / ${all})`;
}

export function quantile(q: number, metric: string, selector: string, by: string): string {
  const labels = by === "" ? "le" : `le, ${by}`;
  return `histogram_quantile(${q}, sum by (${labels}) (rate(${metric}_bucket{${selector}}[${RATE}])))`;
}

function latencies(selector: string): readonly Query[] {
  return [0.5, 0.9, 0.99].map((q) => ({
    expr: quantile(q, "istio_request_duration_milliseconds", selector, ""),
    legend: `P${q * 100}`,
  }));
}

function latencyHeatmap(selector: string): Panel {
  return {
    title: "Latency, requests by bucket",
    kind: "heatmap",
    unit: "short",
    width: 12,
    queries: [
      {
        expr: `sum by (le) (increase(istio_request_duration_milliseconds_bucket{${selector}}[${RATE}]))`,
        legend: "{{le}}",
      },
    ],
  };
}

export const MESH_BOARD: Board = {
  id: "tulle-mesh",
  title: "Tulle / Mesh",
  description:
    "All services at a glance: traffic, success, latency, and how much of it is on mutual TLS.",
  variables: [],
  rows: [
    {
      title: "The mesh",
      panels: [
        {
          title: "Requests",
          kind: "stat",
          unit: "reqps",
          width: 4,
          height: 4,
          queries: [
            {
              expr: `sum(rate(istio_requests_total{${DESTINATION}}[${RATE}]))`,
              legend: "requests",
            },
          ],
        },
        {
          title: "Success",
          kind: "stat",
          unit: "percentunit",
          width: 4,
          height: 4,
          description: "Without HTTP 5xx and requests without an answer.",
          queries: [{ expr: success(SOURCE, "reporter"), legend: "success" }],
        },
        {
          title: "P99",
          kind: "stat",
          unit: "ms",
          width: 4,
          height: 4,
          queries: [
            {
              expr: quantile(0.99, "istio_request_duration_milliseconds", SOURCE, ""),
              legend: "P99",
            },
          ],
        },
        {
          title: "On mutual TLS",
          kind: "stat",
          unit: "percentunit",
          width: 4,
          height: 4,
          description: "Requests whose caller was proven. See the board Tulle / Security.",
          queries: [
            {
              expr: `sum(rate(istio_requests_total{${DESTINATION}, connection_security_policy="mutual_tls"}[${RATE}])) / sum(rate(istio_requests_total{${DESTINATION}}[${RATE}]))`,
              legend: "mutual TLS",
            },
          ],
        },
        {
          title: "Proxies",
          kind: "stat",
          unit: "short",
          width: 4,
          height: 4,
          queries: [{ expr: "sum(pilot_xds)", legend: "connected" }],
        },
        {
          title: "Services",
          kind: "stat",
          unit: "short",
          width: 4,
          height: 4,
          queries: [{ expr: "sum(pilot_services)", legend: "services" }],
        },
      ],
    },
    {
      title: "Services",
      panels: [
        {
          title: "Services",
          kind: "table",
          unit: "short",
          width: 24,
          height: 10,
          description:
            "As callers see them: requests per second, success, and latency in milliseconds.",
          queries: [
            {
              expr: rate("istio_requests_total", SOURCE, "destination_service"),
              legend: "requests/s",
              isInstant: true,
            },
            {
              expr: success(SOURCE, "destination_service"),
              legend: "success",
              isInstant: true,
            },
            ...[0.5, 0.99].map((q) => ({
              expr: quantile(
                q,
                "istio_request_duration_milliseconds",
                SOURCE,
                "destination_service",
              ),
              legend: `P${q * 100}`,
              isInstant: true,
            })),
          ],
        },
        {
          title: "Requests by service",
          kind: "timeseries",
          unit: "reqps",
          width: 12,
          queries: [
            {
              expr: rate("istio_requests_total", SOURCE, "destination_service"),
              legend: "{{destination_service}}",
            },
          ],
        },
        {
          title: "Success by service",
          kind: "timeseries",
          unit: "percentunit",
          width: 12,
          queries: [
            { expr: success(SOURCE, "destination_service"), legend: "{{destination_service}}" },
          ],
        },
        {
          title: "Failures by service, status and flag",
          kind: "timeseries",
          unit: "reqps",
          width: 12,
          mayBeEmpty: true,
          description: "The flag says why: docs/reference/errors.md lists them.",
          queries: [
            {
              expr: rate(
                "istio_requests_total",
                `${SOURCE}, response_code=~"5..|0"`,
                "destination_service, response_code, response_flags",
              ),
              legend: "{{destination_service}} {{response_code}} {{response_flags}}",
            },
          ],
        },
        latencyHeatmap(SOURCE),
      ],
    },
    {
      title: "TCP",
      panels: [
        {
          title: "Connections opened",
          kind: "timeseries",
          unit: "cps",
          width: 12,
          mayBeEmpty: true,
          queries: [
            {
              expr: rate("istio_tcp_connections_opened_total", SOURCE, "destination_service"),
              legend: "{{destination_service}}",
            },
          ],
        },
        {
          title: "Bytes",
          kind: "timeseries",
          unit: "Bps",
          width: 12,
          mayBeEmpty: true,
          queries: [
            {
              expr: rate("istio_tcp_received_bytes_total", SOURCE, "destination_service"),
              legend: "{{destination_service}} received",
            },
            {
              expr: rate("istio_tcp_sent_bytes_total", SOURCE, "destination_service"),
              legend: "{{destination_service}} sent",
            },
          ],
        },
      ],
    },
  ],
};

const OF_SERVICE = `${SOURCE}, destination_service=~"$service"`;
const AT_SERVICE = `${DESTINATION}, destination_service=~"$service"`;

export const SERVICE_BOARD: Board = {
  id: "tulle-service",
  title: "Tulle / Service",
  description: "One service as its callers and its own sidecars see it.",
  variables: [
    {
      name: "service",
      label: "Service",
      query: "label_values(istio_requests_total, destination_service)",
    },
  ],
  rows: [
    {
      title: "As callers see it",
      panels: [
        {
          title: "Requests by caller",
          kind: "timeseries",
          unit: "reqps",
          queries: [
            {
              expr: rate("istio_requests_total", OF_SERVICE, "source_workload"),
              legend: "{{source_workload}}",
            },
          ],
        },
        {
          title: "Success by caller",
          kind: "timeseries",
          unit: "percentunit",
          queries: [
            { expr: success(OF_SERVICE, "source_workload"), legend: "{{source_workload}}" },
          ],
        },
        { title: "Latency", kind: "timeseries", unit: "ms", queries: latencies(OF_SERVICE) },
        {
          title: "Answers by status and flag",
          kind: "timeseries",
          unit: "reqps",
          width: 12,
          queries: [
            {
              expr: rate("istio_requests_total", OF_SERVICE, "response_code, response_flags"),
              legend: "{{response_code}} {{response_flags}}",
            },
          ],
        },
        latencyHeatmap(OF_SERVICE),
      ],
    },
    {
      title: "As its own sidecars see it",
      panels: [
        {
          title: "Requests by version",
          kind: "timeseries",
          unit: "reqps",
          queries: [
            {
              expr: rate("istio_requests_total", AT_SERVICE, "destination_version"),
              legend: "{{destination_version}}",
            },
          ],
        },
        { title: "Latency", kind: "timeseries", unit: "ms", queries: latencies(AT_SERVICE) },
        {
          title: "Requests by security",
          kind: "timeseries",
          unit: "reqps",
          queries: [
            {
              expr: rate("istio_requests_total", AT_SERVICE, "connection_security_policy"),
              legend: "{{connection_security_policy}}",
            },
          ],
        },
        {
          title: "Size of requests",
          kind: "timeseries",
          unit: "bytes",
          width: 12,
          queries: [0.5, 0.99].map((q) => ({
            expr: quantile(q, "istio_request_bytes", AT_SERVICE, ""),
            legend: `P${q * 100}`,
          })),
        },
        {
          title: "Size of answers",
          kind: "timeseries",
          unit: "bytes",
          width: 12,
          queries: [0.5, 0.99].map((q) => ({
            expr: quantile(q, "istio_response_bytes", AT_SERVICE, ""),
            legend: `P${q * 100}`,
          })),
        },
      ],
    },
    {
      title: "Routes",
      panels: [
        {
          title: "Requests by route and backend",
          kind: "timeseries",
          unit: "reqps",
          width: 24,
          queries: [
            {
              expr: `sum by (route, backend) (rate(tulle_route_requests_total[${RATE}]))`,
              legend: "{{route}} → {{backend}}",
            },
          ],
        },
      ],
    },
  ],
};
