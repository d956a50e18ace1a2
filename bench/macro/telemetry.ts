/** What a listener tells of requests: metrics always, and beside them traces, or a line of JSON for each request. */
import type { Variant } from "./variants.ts";

const TYPES = "type.googleapis.com/envoy";
const HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
const COLLECTOR = "collector";
/** Percent of traces that begin at the proxy: what the mesh records where nobody says anything. */
const SAMPLED = 1;

/** Istio's keys, as far as one that is not asked for a body has them. */
const KEYS: Readonly<Record<string, string>> = {
  start_time: "%START_TIME%",
  route_name: "%ROUTE_NAME%",
  method: "%REQ(:METHOD)%",
  path: "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
  protocol: "%PROTOCOL%",
  response_code: "%RESPONSE_CODE%",
  response_flags: "%RESPONSE_FLAGS%",
  response_code_details: "%RESPONSE_CODE_DETAILS%",
  bytes_received: "%BYTES_RECEIVED%",
  bytes_sent: "%BYTES_SENT%",
  duration: "%DURATION%",
  x_forwarded_for: "%REQ(X-FORWARDED-FOR)%",
  user_agent: "%REQ(USER-AGENT)%",
  request_id: "%REQ(X-REQUEST-ID)%",
  authority: "%REQ(:AUTHORITY)%",
  upstream_host: "%UPSTREAM_HOST%",
  upstream_cluster: "%UPSTREAM_CLUSTER%",
  downstream_local_address: "%DOWNSTREAM_LOCAL_ADDRESS%",
  downstream_remote_address: "%DOWNSTREAM_REMOTE_ADDRESS%",
  requested_server_name: "%REQUESTED_SERVER_NAME%",
};

/** Fields of the HttpConnectionManager. */
export function managerTelemetry({ telemetry }: Variant): object {
  switch (telemetry) {
    case "traces":
      return {
        tracing: {
          random_sampling: { value: SAMPLED },
          provider: {
            name: "envoy.tracers.opentelemetry",
            typed_config: {
              "@type": `${TYPES}.config.trace.v3.OpenTelemetryConfig`,
              grpc_service: { envoy_grpc: { cluster_name: COLLECTOR }, timeout: "5s" },
              service_name: "bench",
            },
          },
        },
      };
    case "logs":
      return {
        access_log: [
          {
            name: "envoy.access_loggers.file",
            typed_config: {
              "@type": `${TYPES}.extensions.access_loggers.file.v3.FileAccessLog`,
              // Writing is part of the price, a disk is not.
              path: "/dev/null",
              log_format: { json_format: KEYS },
            },
          },
        ],
      };
    default:
      return {};
  }
}

/** In the listener's metadata what our sidecar keeps beside, as in a mesh. Envoy passes over it. */
export function listenerTelemetry({ telemetry }: Variant): object {
  if (telemetry !== "traces") return {};
  const tracing = { formats: ["W3C"], keepErrors: true, keepSlowerThanMs: 1000 };
  return { metadata: { filter_metadata: { tulle: { tracing } } } };
}

/** The receiver of spans: a server of HTTP/2 that reads them and knows nothing of gRPC, which is an answer. */
export function telemetryClusters({ telemetry }: Variant, port: number): readonly object[] {
  if (telemetry !== "traces") return [];
  const endpoint = {
    address: { socket_address: { address: "127.0.0.1", port_value: port } },
  };
  return [
    {
      name: COLLECTOR,
      type: "STATIC",
      connect_timeout: "1s",
      load_assignment: {
        cluster_name: COLLECTOR,
        endpoints: [{ lb_endpoints: [{ endpoint }] }],
      },
      typed_extension_protocol_options: {
        [HTTP_OPTIONS]: {
          "@type": `type.googleapis.com/${HTTP_OPTIONS}`,
          explicit_http_config: { http2_protocol_options: {} },
        },
      },
    },
  ];
}
