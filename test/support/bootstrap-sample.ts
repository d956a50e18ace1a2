/**
 * A bootstrap file that sets every field that the proxy implements at least once. Names say what a part is
 * there for; alternatives of one choice stand in listeners, clusters and routes of their own.
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { HTTP2_SETTINGS, PLAIN_OPTIONS, spokenOptions } from "./protocol-options-sample.ts";
import { PROXIED_CLUSTER, TCP_LISTENER } from "./tcp-listener-sample.ts";

const TYPE = "type.googleapis.com/envoy";
const TLS = `${TYPE}.extensions.transport_sockets.tls.v3`;
const LB = `${TYPE}.extensions.load_balancing_policies`;

const ADS = { ads: {}, resource_api_version: "V3" };
const PREFIX = { prefix: "/" };
const OK = { status: 200 };
const inline = (text: string): JsonObject => ({ inline_string: text });
const socketAddress = (port: number): JsonObject => ({
  socket_address: { protocol: "TCP", address: "127.0.0.1", port_value: port },
});
const metadata = (value: JsonObject): JsonObject => ({ filter_metadata: { istio: value } });

const MUTATIONS: JsonObject = {
  request_headers_to_add: [
    { header: { key: "x-a", value: "1" }, append_action: "OVERWRITE_IF_EXISTS_OR_ADD" },
  ],
  request_headers_to_remove: ["x-b"],
  response_headers_to_add: [{ header: { key: "x-c", value: "3" }, append: true }],
  response_headers_to_remove: ["x-d"],
};

const CERTIFICATE = { certificate_chain: { filename: "/chain.pem" }, private_key: inline("key") };
const BUNDLE = { inline_bytes: Buffer.from("bundle").toString("base64") };
const SPIFFE = {
  name: "envoy.tls.cert_validator.spiffe",
  typed_config: {
    "@type": `${TLS}.SPIFFECertValidatorConfig`,
    trust_domains: [{ name: "tulle.local", trust_bundle: BUNDLE }],
  },
};
const PEER_NAME = { san_type: "URI", matcher: { exact: "spiffe://tulle.local/ns/a/sa/b" } };
const secret = (name: string): JsonObject => ({ name, sds_config: ADS });

function tls(side: "Upstream" | "Downstream", common: JsonObject, more: JsonObject): JsonObject {
  const typed_config = {
    "@type": `${TLS}.${side}TlsContext`,
    common_tls_context: common,
    ...more,
  };
  return { name: "envoy.transport_sockets.tls", typed_config };
}

const MATCHES: readonly JsonObject[] = [
  { prefix: "/a", case_sensitive: false },
  { path: "/b" },
  { path_separated_prefix: "/c" },
  { safe_regex: { google_re2: {}, regex: "/d.*" } },
  {
    prefix: "/",
    headers: [
      { name: "a", exact_match: "1", invert_match: true },
      { name: "b", safe_regex_match: { regex: ".*" } },
      { name: "c", range_match: { start: "1", end: "2" } },
      { name: "d", present_match: true },
      { name: "e", prefix_match: "a" },
      { name: "f", suffix_match: "a" },
      { name: "g", contains_match: "a" },
      { name: "h", string_match: { exact: "a", ignore_case: true } },
      { name: "i", string_match: { prefix: "a" }, treat_missing_header_as_empty: true },
      { name: "j", string_match: { suffix: "a" } },
      { name: "k", string_match: { contains: "a" } },
      { name: "l", string_match: { safe_regex: { regex: "a" } } },
    ],
    query_parameters: [
      { name: "m", string_match: { exact: "1" } },
      { name: "n", present_match: true },
    ],
  },
];

const CONNECT: JsonObject = { connect_matcher: {} };

const REWRITE = { pattern: { regex: "/a" }, substitution: "/b" };

const ACTIONS: readonly JsonObject[] = [
  {
    route: {
      cluster: "everything",
      cluster_not_found_response_code: "NOT_FOUND",
      prefix_rewrite: "/",
      host_rewrite_literal: "other",
      timeout: "1s",
      idle_timeout: "2s",
      retry_policy: {
        retry_on: "retriable-status-codes,retriable-headers",
        num_retries: 2,
        per_try_timeout: "0.5s",
        retriable_status_codes: [503],
        retriable_headers: [{ name: "x-retry", present_match: true }],
        retry_back_off: { base_interval: "0.1s", max_interval: "1s" },
      },
      request_mirror_policies: [
        {
          cluster: "everything",
          runtime_fraction: { default_value: { numerator: 1, denominator: "TEN_THOUSAND" } },
          disable_shadow_host_suffix_append: true,
        },
      ],
      upgrade_configs: [{ upgrade_type: "CONNECT", enabled: false }],
    },
  },
  {
    route: {
      weighted_clusters: {
        clusters: [
          { name: "everything", weight: 1, host_rewrite_literal: "third", ...MUTATIONS },
          { name: "contained", weight: 2 },
        ],
        total_weight: 3,
        header_name: "x-random",
      },
      regex_rewrite: REWRITE,
    },
  },
  {
    redirect: { https_redirect: true, host_redirect: "h", port_redirect: 8443, strip_query: true },
  },
  { redirect: { scheme_redirect: "https", path_redirect: "/n", response_code: "FOUND" } },
  { redirect: { prefix_rewrite: "/n" } },
  { redirect: { regex_rewrite: REWRITE } },
  { direct_response: { status: 418, body: inline("teapot") } },
];

const ROUTES: JsonObject = {
  name: "inline",
  validate_clusters: false,
  ignore_port_in_host_matching: true,
  metadata: metadata({}),
  ...MUTATIONS,
  virtual_hosts: [
    {
      name: "all",
      domains: ["*"],
      metadata: metadata({}),
      ...MUTATIONS,
      routes: [
        { match: CONNECT, direct_response: OK },
        ...MATCHES.map((match) => ({ match, direct_response: OK })),
        ...ACTIONS.map((action) => ({ match: PREFIX, ...action })),
        { name: "named", match: PREFIX, direct_response: OK, metadata: metadata({}), ...MUTATIONS },
      ],
    },
  ],
};

function httpFilter(name: string, type: string, fields: JsonObject = {}): JsonObject {
  const typed_config = { "@type": `${TYPE}.extensions.filters.http.${name}.v3.${type}`, ...fields };
  return { name: `envoy.filters.http.${name}`, typed_config };
}

const GRPC_WEB = httpFilter("grpc_web", "GrpcWeb");
const ROUTER = httpFilter("router", "Router", { suppress_envoy_headers: true });

function manager(fields: JsonObject): JsonObject {
  return {
    name: "envoy.filters.network.http_connection_manager",
    typed_config: {
      "@type": `${TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
      stat_prefix: "sample",
      http_filters: [GRPC_WEB, ROUTER],
      ...fields,
    },
  };
}

const ACCESS_LOGS: readonly JsonObject[] = [
  {
    name: "envoy.access_loggers.file",
    typed_config: {
      "@type": `${TYPE}.extensions.access_loggers.file.v3.FileAccessLog`,
      path: "/dev/stdout",
      log_format: { json_format: { path: "%PATH%" } },
    },
  },
  {
    name: "envoy.access_loggers.stdout",
    typed_config: {
      "@type": `${TYPE}.extensions.access_loggers.stream.v3.StdoutAccessLog`,
      log_format: { text_format_source: inline("%PATH%\n") },
    },
  },
];

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
          common_http_protocol_options: { idle_timeout: "60s" },
          http_protocol_options: {},
          http2_protocol_options: { max_concurrent_streams: 100 },
          server_name: "sample",
          server_header_transformation: "APPEND_IF_ABSENT",
          stream_idle_timeout: "30s",
          request_headers_timeout: "5s",
          access_log: [...ACCESS_LOGS],
          use_remote_address: true,
          generate_request_id: true,
          preserve_external_request_id: true,
          always_set_request_id_in_response: true,
          forward_client_cert_details: "ALWAYS_FORWARD_ONLY",
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
          tracing: {},
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
      filters: [manager({ rds: { config_source: ADS, route_config_name: "dynamic" } })],
    },
  ],
};

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

const CLUSTERS: readonly JsonObject[] = [
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
      ],
    },
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
    name: "control-plane",
    type: "STATIC",
    typed_extension_protocol_options: spokenOptions({
      explicit_http_config: { http2_protocol_options: {} },
    }),
    load_assignment: {
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(15_012) } }] }],
    },
  },
];

/** The cluster of the sample that only carries the link to the control plane. */
export const SAMPLE_CHANNEL = "control-plane";

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
      listeners: [EVERYTHING_LISTENER, RDS_LISTENER, TCP_LISTENER],
      clusters: [...CLUSTERS, ...PROTOCOL_CLUSTERS, PROXIED_CLUSTER],
      secrets: [
        { name: "own", tls_certificate: CERTIFICATE },
        { name: "roots", validation_context: { trusted_ca: inline("ca") } },
      ],
    },
  };
  // Through text, so that no two places share an object and each can be changed by itself.
  return JSON.parse(JSON.stringify(sample)) as JsonObject;
}
