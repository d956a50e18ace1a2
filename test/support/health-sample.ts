/** Clusters of the sample bootstrap file that watch the health of their endpoints. */
import type { JsonObject } from "@bufbuild/protobuf";
import { spokenOptions } from "./protocol-options-sample.ts";
import { LB, socketAddress } from "./sample-parts.ts";

const SLOW_START: JsonObject = {
  slow_start_window: "30s",
  aggression: { default_value: 1.5, runtime_key: "aggression" },
  min_weight_percent: { value: 5 },
};

const OUTLIER_DETECTION: JsonObject = {
  consecutive_5xx: 5,
  interval: "1s",
  base_ejection_time: "2s",
  max_ejection_percent: 50,
  enforcing_consecutive_5xx: 100,
  enforcing_success_rate: 90,
  success_rate_minimum_hosts: 4,
  success_rate_request_volume: 50,
  success_rate_stdev_factor: 1_500,
  consecutive_gateway_failure: 3,
  enforcing_consecutive_gateway_failure: 100,
  split_external_local_origin_errors: true,
  consecutive_local_origin_failure: 4,
  enforcing_consecutive_local_origin_failure: 80,
  enforcing_local_origin_success_rate: 70,
  failure_percentage_threshold: 60,
  enforcing_failure_percentage: 50,
  enforcing_failure_percentage_local_origin: 40,
  failure_percentage_minimum_hosts: 3,
  failure_percentage_request_volume: 20,
  max_ejection_time: "10s",
  max_ejection_time_jitter: "1s",
  successful_active_health_check_uneject_host: false,
  always_eject_one_host: true,
};

const REQUIRED: JsonObject = {
  timeout: "1s",
  interval: "5s",
  unhealthy_threshold: 3,
  healthy_threshold: 2,
};

const HTTP_CHECK: JsonObject = {
  ...REQUIRED,
  initial_jitter: "0.5s",
  interval_jitter: "0.2s",
  interval_jitter_percent: 10,
  reuse_connection: false,
  no_traffic_interval: "30s",
  no_traffic_healthy_interval: "60s",
  unhealthy_interval: "1s",
  unhealthy_edge_interval: "0.5s",
  healthy_edge_interval: "0.25s",
  always_log_health_check_failures: true,
  always_log_health_check_success: true,
  tls_options: { alpn_protocols: ["http/1.1"] },
  http_health_check: {
    host: "health.example",
    path: "/healthz",
    method: "POST",
    send: { text: "7b7d" },
    receive: [{ text: "6f6b" }, { binary: "IQ==" }],
    response_buffer_size: 512,
    request_headers_to_add: [{ header: { key: "x-check", value: "1" } }],
    request_headers_to_remove: ["user-agent"],
    expected_statuses: [{ start: 200, end: 300 }],
    retriable_statuses: [{ start: 503, end: 504 }],
    codec_client_type: "HTTP2",
    service_name_matcher: { prefix: "items" },
  },
};

function endpoints(port: number): JsonObject {
  const endpoint = {
    address: socketAddress(port),
    health_check_config: {
      port_value: port + 1,
      hostname: "one.example",
      disable_active_health_check: true,
    },
  };
  return { endpoints: [{ lb_endpoints: [{ endpoint }] }] };
}

export const HEALTH_CLUSTERS: readonly JsonObject[] = [
  {
    name: "watched",
    type: "STATIC",
    close_connections_on_host_health_failure: true,
    outlier_detection: OUTLIER_DETECTION,
    health_checks: [HTTP_CHECK],
    lb_policy: "ROUND_ROBIN",
    round_robin_lb_config: { slow_start_config: SLOW_START },
    load_assignment: endpoints(8_090),
  },
  {
    name: "watched-by-grpc",
    health_checks: [
      {
        ...REQUIRED,
        grpc_health_check: {
          service_name: "items.Items",
          authority: "items.example",
          initial_metadata: [{ header: { key: "x-check", value: "1" } }],
        },
      },
    ],
    lb_policy: "LEAST_REQUEST",
    least_request_lb_config: { slow_start_config: SLOW_START },
    typed_extension_protocol_options: spokenOptions({
      explicit_http_config: { http2_protocol_options: {} },
    }),
  },
  {
    name: "watched-by-tcp",
    health_checks: [
      {
        ...REQUIRED,
        tcp_health_check: { send: { text: "50494e47" }, receive: [{ text: "504f4e47" }] },
      },
    ],
    load_balancing_policy: {
      policies: [slowlyStarted("round_robin.v3.RoundRobin")],
    },
  },
  {
    name: "slowly-started",
    load_balancing_policy: {
      policies: [slowlyStarted("least_request.v3.LeastRequest")],
    },
  },
];

function slowlyStarted(type: string): JsonObject {
  const typed_config = { "@type": `${LB}.${type}`, slow_start_config: SLOW_START };
  return { typed_extension_config: { name: "policy", typed_config } };
}
