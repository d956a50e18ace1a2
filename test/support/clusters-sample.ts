/** Clusters of the sample bootstrap file. */
import type { JsonObject } from "@bufbuild/protobuf";
import { BALANCING_CLUSTERS } from "./balancing-sample.ts";
import { HEALTH_CLUSTERS } from "./health-sample.ts";
import { HTTP2_SETTINGS, PLAIN_OPTIONS, spokenOptions } from "./protocol-options-sample.ts";
import { TCP_KEEPALIVE, URGENT_THRESHOLDS } from "./resilience-sample.ts";
import { ADS, LB, metadata, PEER_NAME, secret, socketAddress, TYPE, tls } from "./sample-parts.ts";
import { PROXIED_CLUSTER } from "./tcp-listener-sample.ts";

/** The cluster of the sample that only carries the link to the control plane. */
export const SAMPLE_CHANNEL = "control-plane";

/** What else a cluster may speak. */
const PROTOCOL_CLUSTERS: readonly JsonObject[] = [
  { name: "http2", http2_protocol_options: HTTP2_SETTINGS },
  {
    name: "by-handshake",
    transport_socket: tls("Upstream", { alpn_protocols: ["h2", "http/1.1"] }, {}),
    typed_extension_protocol_options: spokenOptions({
      auto_config: { http_protocol_options: {}, http2_protocol_options: HTTP2_SETTINGS },
    }),
  },
  {
    name: "as-the-client",
    typed_extension_protocol_options: spokenOptions({
      use_downstream_protocol_config: {
        http_protocol_options: {},
        http2_protocol_options: HTTP2_SETTINGS,
      },
    }),
  },
];

function policy(typedConfig: JsonObject): JsonObject {
  return { typed_extension_config: { name: "policy", typed_config: typedConfig } };
}

const namedAddress = { socket_address: { address: "localhost", port_value: 80 } };

const PLAIN_CLUSTERS: readonly JsonObject[] = [
  {
    name: "everything",
    alt_stat_name: "sample",
    type: "EDS",
    eds_cluster_config: { eds_config: ADS, service_name: "endpoints" },
    connect_timeout: "3s",
    load_balancing_policy: {
      policies: [
        policy({
          "@type": "type.googleapis.com/xds.type.v3.TypedStruct",
          type_url: `${LB}.peak_ewma.v3alpha.PeakEwma`,
          value: {},
        }),
        policy({ "@type": `${LB}.least_request.v3.LeastRequest`, choice_count: 2 }),
        policy({ "@type": `${LB}.round_robin.v3.RoundRobin` }),
        policy({ "@type": `${LB}.random.v3.Random` }),
      ],
    },
    circuit_breakers: {
      thresholds: [
        {
          priority: "DEFAULT",
          max_connections: 1,
          max_pending_requests: 2,
          max_requests: 3,
          max_retries: 4,
        },
        URGENT_THRESHOLDS,
      ],
      per_host_thresholds: [{ max_connections: 5 }],
    },
    upstream_connection_options: TCP_KEEPALIVE,
    common_lb_config: { healthy_panic_threshold: { value: 25 } },
    typed_extension_protocol_options: PLAIN_OPTIONS,
    metadata: metadata({ services: [{ host: "a.b", name: "a", namespace: "b" }] }),
    transport_socket: tls(
      "Upstream",
      {
        tls_certificate_sds_secret_configs: [secret("own")],
        combined_validation_context: {
          default_validation_context: { match_typed_subject_alt_names: [PEER_NAME] },
          validation_context_sds_secret_config: secret("roots"),
        },
      },
      { sni: "outbound" },
    ),
  },
  {
    name: "contained",
    type: "STATIC",
    lb_policy: "LEAST_REQUEST",
    transport_socket: {
      name: "envoy.transport_sockets.raw_buffer",
      typed_config: { "@type": `${TYPE}.extensions.transport_sockets.raw_buffer.v3.RawBuffer` },
    },
    load_assignment: {
      cluster_name: "contained",
      endpoints: [
        {
          locality: { region: "r", zone: "z", sub_zone: "s" },
          priority: 1,
          load_balancing_weight: 1,
          metadata: metadata({}),
          lb_endpoints: [
            {
              endpoint: { address: socketAddress(8_080), hostname: "host" },
              health_status: "DRAINING",
              load_balancing_weight: 3,
              metadata: metadata({ workload: "w;ns;svc;v1;c" }),
            },
          ],
        },
      ],
    },
  },
  {
    name: "named",
    type: "STRICT_DNS",
    dns_refresh_rate: "5s",
    respect_dns_ttl: true,
    dns_lookup_family: "V4_ONLY",
    load_assignment: {
      endpoints: [{ lb_endpoints: [{ endpoint: { address: namedAddress } }] }],
    },
  },
  {
    name: SAMPLE_CHANNEL,
    type: "STATIC",
    typed_extension_protocol_options: spokenOptions({
      explicit_http_config: { http2_protocol_options: {} },
    }),
    load_assignment: {
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(15_012) } }] }],
    },
  },
];

export const CLUSTERS: readonly JsonObject[] = [
  ...PLAIN_CLUSTERS,
  ...PROTOCOL_CLUSTERS,
  ...HEALTH_CLUSTERS,
  ...BALANCING_CLUSTERS,
  PROXIED_CLUSTER,
];
