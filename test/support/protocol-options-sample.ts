/** The options of what clusters of the bootstrap sample speak, and how long their connections are kept. */
import type { JsonObject } from "@bufbuild/protobuf";

const TYPE = "type.googleapis.com/envoy";

export const PLAIN_OPTIONS: JsonObject = {
  "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
    "@type": `${TYPE}.extensions.upstreams.http.v3.HttpProtocolOptions`,
    common_http_protocol_options: {
      idle_timeout: "55s",
      max_connection_duration: "600s",
      max_requests_per_connection: 1000,
    },
    explicit_http_config: { http_protocol_options: {} },
  },
};

export const HTTP2_SETTINGS: JsonObject = {
  max_concurrent_streams: 100,
  initial_stream_window_size: 65_535,
  initial_connection_window_size: 1_048_576,
  allow_connect: true,
  connection_keepalive: {
    interval: "30s",
    timeout: "5s",
    interval_jitter: { value: 10 },
    connection_idle_interval: "2s",
  },
};

export function spokenOptions(choice: JsonObject): JsonObject {
  return {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      "@type": `${TYPE}.extensions.upstreams.http.v3.HttpProtocolOptions`,
      ...choice,
    },
  };
}
