/** Boards about the mesh itself: its proxies, its control plane, its security. */
import type { Board } from "./board.ts";
import { quantile } from "./traffic-boards.ts";

const RATE = "$__rate_interval";

export const PROXY_BOARD: Board = {
  id: "tulle-proxies",
  title: "Tulle / Proxies",
  description: "What sidecars and gateways cost, and how they reach what they call.",
  variables: [{ name: "pod", label: "Proxy", query: "label_values(tulle_xds_connected, pod)" }],
  rows: [
    {
      title: "Cost",
      panels: [
        {
          title: "Processor",
          kind: "timeseries",
          unit: "percentunit",
          description: "Of one core.",
          queries: [
            {
              expr: `sum by (pod) (rate(process_cpu_seconds_total{pod=~"$pod"}[${RATE}]))`,
              legend: "{{pod}}",
            },
          ],
        },
        {
          title: "Memory",
          kind: "timeseries",
          unit: "bytes",
          queries: [{ expr: 'process_resident_memory_bytes{pod=~"$pod"}', legend: "{{pod}}" }],
        },
        {
          title: "Connections of callers",
          kind: "timeseries",
          unit: "short",
          queries: [
            {
              expr: 'sum by (pod) (tulle_downstream_connections_active{pod=~"$pod"})',
              legend: "{{pod}}",
            },
          ],
        },
      ],
    },
    {
      title: "Configuration and identity",
      panels: [
        {
          title: "Connected to the control plane",
          kind: "timeseries",
          unit: "short",
          description: "0: the proxy goes on with what it has. `tulle status` says since when.",
          queries: [{ expr: 'tulle_xds_connected{pod=~"$pod"}', legend: "{{pod}}" }],
        },
        {
          title: "Refused configuration",
          kind: "timeseries",
          unit: "short",
          mayBeEmpty: true,
          description: "`tulle status` shows which, and why.",
          queries: [
            {
              expr: `sum by (pod, type) (increase(tulle_xds_rejections_total{pod=~"$pod"}[${RATE}]))`,
              legend: "{{pod}} {{type}}",
            },
          ],
        },
        {
          title: "Certificate's time left",
          kind: "timeseries",
          unit: "s",
          description: "Renewed at half of its life. `tulle ca status` shows the roots.",
          queries: [
            {
              expr: 'tulle_certificate_expiry_timestamp_seconds{pod=~"$pod"} - time()',
              legend: "{{pod}}",
            },
          ],
        },
      ],
    },
    {
      title: "What they call",
      panels: [
        {
          title: "Endpoints that are well",
          kind: "timeseries",
          unit: "short",
          queries: [
            {
              expr: 'sum by (cluster) (tulle_upstream_endpoints_healthy{pod=~"$pod"})',
              legend: "{{cluster}}",
            },
          ],
        },
        {
          title: "Endpoints ejected",
          kind: "timeseries",
          unit: "short",
          mayBeEmpty: true,
          queries: [
            {
              expr: 'sum by (cluster) (tulle_outlier_ejections_active{pod=~"$pod"})',
              legend: "{{cluster}}",
            },
          ],
        },
        {
          title: "Connections that could not be made",
          kind: "timeseries",
          unit: "cps",
          mayBeEmpty: true,
          queries: [
            {
              expr: `sum by (cluster) (rate(tulle_upstream_connect_failures_total{pod=~"$pod"}[${RATE}]))`,
              legend: "{{cluster}}",
            },
          ],
        },
        {
          title: "Retries, and what the budget refused",
          kind: "timeseries",
          unit: "reqps",
          mayBeEmpty: true,
          queries: [
            {
              expr: `sum by (cluster) (rate(tulle_upstream_retries_total{pod=~"$pod"}[${RATE}]))`,
              legend: "{{cluster}} sent again",
            },
            {
              expr: `sum by (cluster) (rate(tulle_upstream_retry_overflows_total{pod=~"$pod"}[${RATE}]))`,
              legend: "{{cluster}} refused",
            },
          ],
        },
        {
          title: "Timeouts",
          kind: "timeseries",
          unit: "reqps",
          mayBeEmpty: true,
          queries: [
            {
              expr: `sum by (cluster) (rate(tulle_upstream_timeouts_total{pod=~"$pod"}[${RATE}]))`,
              legend: "{{cluster}}",
            },
          ],
        },
        {
          title: "Circuit breakers at their limit",
          kind: "timeseries",
          unit: "short",
          mayBeEmpty: true,
          queries: [
            {
              expr: 'sum by (cluster, resource) (tulle_circuit_breaker_open{pod=~"$pod"})',
              legend: "{{cluster}} {{resource}}",
            },
          ],
        },
      ],
    },
  ],
};

export const CONTROL_PLANE_BOARD: Board = {
  id: "tulle-control-plane",
  title: "Tulle / Control plane",
  description: "How fast changes reach proxies, and what the control plane costs.",
  variables: [],
  rows: [
    {
      title: "Changes",
      panels: [
        {
          title: "Proxies connected",
          kind: "timeseries",
          unit: "short",
          queries: [{ expr: "pilot_xds", legend: "connected" }],
        },
        {
          title: "Pushes by type",
          kind: "timeseries",
          unit: "ops",
          queries: [
            { expr: `sum by (type) (rate(pilot_xds_pushes[${RATE}]))`, legend: "{{type}}" },
          ],
        },
        {
          title: "From change to acknowledgement",
          kind: "timeseries",
          unit: "s",
          mayBeEmpty: true,
          description: "Empty while nothing changes.",
          queries: [0.5, 0.99].map((q) => ({
            expr: quantile(q, "pilot_proxy_convergence_time", "", ""),
            legend: `P${q * 100}`,
          })),
        },
        {
          title: "Causes of pushes",
          kind: "timeseries",
          unit: "ops",
          queries: [
            { expr: `sum by (type) (rate(pilot_push_triggers[${RATE}]))`, legend: "{{type}}" },
          ],
        },
        {
          title: "Refused by proxies",
          kind: "timeseries",
          unit: "ops",
          mayBeEmpty: true,
          queries: [
            { expr: `sum by (type) (rate(pilot_total_xds_rejects[${RATE}]))`, legend: "{{type}}" },
          ],
        },
        {
          title: "Findings",
          kind: "timeseries",
          unit: "short",
          description: "`tulle check` tells each, with what to do.",
          queries: [{ expr: "sum by (severity) (tulle_findings)", legend: "{{severity}}" }],
        },
      ],
    },
    {
      title: "Cost",
      panels: [
        {
          title: "Processor",
          kind: "timeseries",
          unit: "percentunit",
          queries: [
            {
              expr: `rate(process_cpu_seconds_total{app="tulle-control-plane"}[${RATE}])`,
              legend: "cores",
            },
          ],
        },
        {
          title: "Memory",
          kind: "timeseries",
          unit: "bytes",
          queries: [
            {
              expr: 'process_resident_memory_bytes{app="tulle-control-plane"}',
              legend: "resident",
            },
          ],
        },
        {
          title: "Instances by state",
          kind: "timeseries",
          unit: "short",
          queries: [{ expr: "sum by (state) (tulle_instances)", legend: "{{state}}" }],
        },
      ],
    },
  ],
};

export const SECURITY_BOARD: Board = {
  id: "tulle-security",
  title: "Tulle / Security",
  description: "Who is proven, who is denied, and how long certificates last.",
  variables: [],
  rows: [
    {
      title: "Connections",
      panels: [
        {
          title: "Requests by security",
          kind: "timeseries",
          unit: "reqps",
          queries: [
            {
              expr: `sum by (connection_security_policy) (rate(istio_requests_total{reporter="destination"}[${RATE}]))`,
              legend: "{{connection_security_policy}}",
            },
          ],
        },
        {
          title: "Plain text to ports that take mutual TLS as well",
          kind: "timeseries",
          unit: "cps",
          mayBeEmpty: true,
          description: "What a change to STRICT would refuse.",
          queries: [
            {
              expr: `sum by (pod) (rate(tulle_plaintext_connections_total[${RATE}]))`,
              legend: "{{pod}}",
            },
          ],
        },
        {
          title: "Refused before their first request",
          kind: "timeseries",
          unit: "cps",
          mayBeEmpty: true,
          queries: [
            {
              expr: `sum by (reason) (rate(tulle_downstream_connections_refused_total[${RATE}]))`,
              legend: "{{reason}}",
            },
          ],
        },
      ],
    },
    {
      title: "Decisions",
      panels: [
        {
          title: "Decisions of authorization policies",
          kind: "timeseries",
          unit: "reqps",
          width: 12,
          mayBeEmpty: true,
          queries: [
            {
              expr: `sum by (policy, result) (rate(tulle_policy_decisions_total[${RATE}]))`,
              legend: "{{policy}} {{result}}",
            },
          ],
        },
        {
          title: "Suspicious patterns",
          kind: "timeseries",
          unit: "short",
          width: 12,
          mayBeEmpty: true,
          description: "`tulle audit search --kind security-event` tells more.",
          queries: [
            {
              expr: `sum by (kind) (increase(tulle_security_events_total[${RATE}]))`,
              legend: "{{kind}}",
            },
          ],
        },
      ],
    },
    {
      title: "Certificates",
      panels: [
        {
          title: "The first certificate to expire",
          kind: "stat",
          unit: "s",
          queries: [
            {
              expr: "min(tulle_certificate_expiry_timestamp_seconds) - time()",
              legend: "time left",
            },
          ],
        },
        {
          title: "Roots",
          kind: "timeseries",
          unit: "s",
          queries: [
            {
              expr: "min by (root) (tulle_root_expiry_timestamp_seconds) - time()",
              legend: "{{root}}",
            },
          ],
        },
        {
          title: "Certificates in use, by root",
          kind: "timeseries",
          unit: "short",
          queries: [{ expr: "sum by (root) (tulle_ca_certificates)", legend: "{{root}}" }],
        },
      ],
    },
  ],
};
