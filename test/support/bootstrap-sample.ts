/**
 * A bootstrap file that sets every field that the proxy implements at least once. Names say what a part is
 * there for; alternatives of one choice stand in listeners, clusters and routes of their own.
 */

import type { JsonObject } from "@bufbuild/protobuf";
import {
  formatIdentityPolicy,
  IDENTITY_POLICY_SECRET,
} from "../../src/identity/identity-policy.ts";
import { accessLogsSample } from "./access-logs-sample.ts";
import { CLUSTERS, SAMPLE_CHANNEL } from "./clusters-sample.ts";
import { DNS_LISTENER } from "./dns-listener-sample.ts";
import { HTTP_FILTERS } from "./filters-sample.ts";
import { ROUTES } from "./routes-sample.ts";
import {
  ADS,
  CERTIFICATE,
  inline,
  metadata,
  PEER_NAME,
  SPIFFE,
  secret,
  socketAddress,
  TYPE,
  tls,
} from "./sample-parts.ts";
import { TCP_LISTENER } from "./tcp-listener-sample.ts";
import { TRACING } from "./tracing-sample.ts";

/** Nobody is revoked. */
const NOBODY = formatIdentityPolicy({
  denied: { spiffeIds: new Set(), serials: new Set() },
  issuers: [],
  reissueWithinMs: 0,
});

function manager(fields: JsonObject): JsonObject {
  return {
    name: "envoy.filters.network.http_connection_manager",
    typed_config: {
      "@type": `${TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
      stat_prefix: "sample",
      http_filters: [...HTTP_FILTERS],
      ...fields,
    },
  };
}

const EVERYTHING_LISTENER: JsonObject = {
  name: "everything",
  address: socketAddress(15_001),
  traffic_direction: "INBOUND",
  stat_prefix: "sample",
  enable_reuse_port: false,
  metadata: metadata({}),
  filter_chains: [
    {
      name: "only",
      transport_socket: tls(
        "Downstream",
        {
          tls_params: {
            tls_minimum_protocol_version: "TLSv1_3",
            tls_maximum_protocol_version: "TLSv1_3",
            ecdh_curves: ["X25519MLKEM768", "X25519"],
          },
          tls_certificates: [CERTIFICATE],
          validation_context: {
            trusted_ca: inline("ca"),
            match_typed_subject_alt_names: [PEER_NAME],
            custom_validator_config: SPIFFE,
          },
          alpn_protocols: ["http/1.1"],
        },
        { require_client_certificate: true },
      ),
      filters: [
        manager({
          codec_type: "HTTP1",
          route_config: ROUTES,
          common_http_protocol_options: {
            idle_timeout: "60s",
            max_stream_duration: "600s",
            headers_with_underscores_action: "REJECT_REQUEST",
          },
          internal_address_config: {
            cidr_ranges: [{ address_prefix: "127.0.0.0", prefix_len: 8 }],
          },
          http_protocol_options: {},
          http2_protocol_options: { max_concurrent_streams: 100 },
          server_name: "sample",
          server_header_transformation: "APPEND_IF_ABSENT",
          stream_idle_timeout: "30s",
          request_headers_timeout: "5s",
          access_log: [...accessLogsSample("everything")],
          proxy_status_config: {
            ...{ remove_details: true, remove_response_flags: true, use_node_id: true },
            remove_connection_termination_details: true,
          },
          use_remote_address: true,
          generate_request_id: true,
          preserve_external_request_id: true,
          always_set_request_id_in_response: true,
          xff_num_trusted_hops: 1,
          skip_xff_append: true,
          forward_client_cert_details: "SANITIZE_SET",
          set_current_client_cert_details: {
            subject: true,
            cert: true,
            chain: true,
            dns: true,
            uri: true,
          },
          strip_any_host_port: true,
          strip_trailing_host_dot: true,
          normalize_path: true,
          merge_slashes: true,
          path_with_escaped_slashes_action: "REJECT_REQUEST",
          local_reply_config: {
            mappers: [
              {
                filter: { response_flag_filter: { flags: ["UF"] } },
                headers_to_add: [{ header: { key: "x-flag", value: "UF" } }],
              },
            ],
          },
          tracing: TRACING,
          upgrade_configs: [{ upgrade_type: "websocket", enabled: true }],
        }),
      ],
    },
  ],
};

const RDS_LISTENER: JsonObject = {
  name: "rds",
  address: socketAddress(15_002),
  filter_chains: [
    {
      transport_socket: tls(
        "Downstream",
        {
          tls_certificate_sds_secret_configs: [secret("own")],
          validation_context_sds_secret_config: secret("roots"),
        },
        {},
      ),
      filters: [
        manager({
          rds: { config_source: ADS, route_config_name: "dynamic" },
          strip_matching_host_port: true,
          proxy_status_config: { literal_proxy_name: "sample" },
          original_ip_detection_extensions: [
            {
              name: "envoy.http.original_ip_detection.xff",
              typed_config: {
                "@type": `${TYPE}.extensions.http.original_ip_detection.xff.v3.XffConfig`,
                xff_num_trusted_hops: 1,
              },
            },
          ],
        }),
      ],
    },
  ],
};

export function sampleBootstrap(): JsonObject {
  const sample = {
    node: {
      id: "sample",
      cluster: "svc",
      metadata: { NAMESPACE: "default" },
      locality: { region: "r", zone: "z", sub_zone: "s" },
      user_agent_name: "tulle",
      user_agent_version: "1",
      client_features: ["a"],
    },
    admin: { address: socketAddress(15_000) },
    cluster_manager: { local_cluster_name: "contained" },
    dynamic_resources: {
      ads_config: {
        api_type: "DELTA_GRPC",
        transport_api_version: "V3",
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: SAMPLE_CHANNEL } }],
      },
      lds_config: ADS,
      cds_config: ADS,
    },
    stats_flush_interval: "5s",
    stats_sinks: [
      {
        name: "envoy.stat_sinks.open_telemetry",
        typed_config: {
          "@type": `${TYPE}.extensions.stat_sinks.open_telemetry.v3.SinkConfig`,
          grpc_service: { envoy_grpc: { cluster_name: SAMPLE_CHANNEL } },
        },
      },
    ],
    overload_manager: {
      resource_monitors: [
        {
          name: "envoy.resource_monitors.global_downstream_max_connections",
          typed_config: {
            "@type": `${TYPE}.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig`,
            max_active_downstream_connections: 1000,
          },
        },
      ],
    },
    static_resources: {
      listeners: [EVERYTHING_LISTENER, RDS_LISTENER, TCP_LISTENER, DNS_LISTENER],
      clusters: [...CLUSTERS],
      secrets: [
        { name: "own", tls_certificate: CERTIFICATE },
        { name: IDENTITY_POLICY_SECRET, generic_secret: { secret: { inline_string: NOBODY } } },
        { name: "roots", validation_context: { trusted_ca: inline("ca") } },
      ],
    },
  };
  // Through text, so that no two places share an object and each can be changed by itself.
  return JSON.parse(JSON.stringify(sample)) as JsonObject;
}
