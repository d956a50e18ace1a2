/** Access logs that set every field that the sidecar implements, for the bootstrap sample. */
import type { JsonObject } from "@bufbuild/protobuf";

const TYPE = "type.googleapis.com/envoy.extensions.access_loggers";

function inline(text: string): JsonObject {
  return { inline_string: text };
}

const COMPARISON: JsonObject = {
  comparison: { op: "GE", value: { default_value: 500, runtime_key: "a" } },
};

const FILTERS: readonly JsonObject[] = [
  { status_code_filter: COMPARISON },
  { duration_filter: COMPARISON },
  { header_filter: { header: { name: ":method", string_match: { exact: "GET" } } } },
  { response_flag_filter: { flags: ["UF"] } },
  { grpc_status_filter: { statuses: ["OK"], exclude: true } },
  {
    and_filter: {
      filters: [
        { response_flag_filter: {} },
        {
          runtime_filter: {
            runtime_key: "a",
            percent_sampled: { numerator: 1, denominator: "HUNDRED" },
            use_independent_randomness: true,
          },
        },
      ],
    },
  },
];

/** `cluster` takes records. */
export function accessLogsSample(cluster: string): readonly JsonObject[] {
  return [
    {
      name: "envoy.access_loggers.file",
      filter: { or_filter: { filters: [...FILTERS] } },
      typed_config: {
        "@type": `${TYPE}.file.v3.FileAccessLog`,
        path: "/dev/stdout",
        log_format: { json_format: { path: "%PATH%" }, omit_empty_values: true },
      },
    },
    {
      name: "envoy.access_loggers.stdout",
      typed_config: {
        "@type": `${TYPE}.stream.v3.StdoutAccessLog`,
        log_format: { text_format_source: inline("%PATH%\n") },
      },
    },
    {
      name: "envoy.access_loggers.stderr",
      typed_config: {
        "@type": `${TYPE}.stream.v3.StderrAccessLog`,
        log_format: { text_format_source: inline("%PATH%\n") },
      },
    },
    {
      name: "envoy.access_loggers.open_telemetry",
      typed_config: {
        "@type": `${TYPE}.open_telemetry.v3.OpenTelemetryAccessLogConfig`,
        common_config: {
          log_name: "log",
          transport_api_version: "V3",
          grpc_service: { envoy_grpc: { cluster_name: cluster, authority: "logs" }, timeout: "1s" },
          buffer_flush_interval: "1s",
          buffer_size_bytes: 1024,
        },
        disable_builtin_labels: true,
        resource_attributes: { values: [{ key: "a", value: { string_value: "b" } }] },
        body: { string_value: "%PATH%" },
        attributes: { values: [{ key: "a", value: { string_value: "%DURATION%" } }] },
      },
    },
  ];
}
