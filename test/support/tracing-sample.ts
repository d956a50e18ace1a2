/** Every supported field of traces. */
import type { JsonObject } from "@bufbuild/protobuf";

const percent = (numerator: number): JsonObject => ({ numerator, denominator: "TEN_THOUSAND" });

const CUSTOM_TAGS: readonly JsonObject[] = [
  { tag: "shop.region", literal: { value: "eu" } },
  { tag: "shop.host", environment: { name: "HOSTNAME", default_value: "unknown" } },
  { tag: "shop.tenant", request_header: { name: "x-tenant", default_value: "none" } },
];

/** Of an HttpConnectionManager. */
export const TRACING: JsonObject = {
  client_sampling: { value: 0 },
  random_sampling: { value: 1 },
  overall_sampling: { value: 100 },
  max_path_tag_length: 128,
  spawn_upstream_span: true,
  custom_tags: [...CUSTOM_TAGS],
  provider: {
    name: "envoy.tracers.opentelemetry",
    typed_config: {
      "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
      service_name: "edge",
      grpc_service: {
        envoy_grpc: { cluster_name: "collector", authority: "collector.test" },
        timeout: "5s",
      },
    },
  },
};

/** Of a Route. */
export const ROUTE_TRACING: JsonObject = {
  client_sampling: percent(0),
  random_sampling: percent(5000),
  overall_sampling: percent(10_000),
  custom_tags: [...CUSTOM_TAGS],
};
