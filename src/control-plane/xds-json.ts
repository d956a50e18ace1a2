/** Encoded xDS resources as protobuf JSON, for people and for `tulle proxy config`. */
import {
  createRegistry,
  type DescMessage,
  fromBinary,
  type Registry,
  toJson,
} from "@bufbuild/protobuf";
import { assert } from "../core/assert.ts";
import { GrpcWebSchema } from "../gen/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.js";
import { RouterSchema } from "../gen/envoy/extensions/filters/http/router/v3/router_pb.js";
import { HttpInspectorSchema } from "../gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.js";
import { TlsInspectorSchema } from "../gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js";
import { HttpConnectionManagerSchema } from "../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { TcpProxySchema } from "../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import { LeastRequestSchema } from "../gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.js";
import { RandomSchema } from "../gen/envoy/extensions/load_balancing_policies/random/v3/random_pb.js";
import { RoundRobinSchema } from "../gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.js";
import {
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from "../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import { SPIFFECertValidatorConfigSchema } from "../gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js";
import { HttpProtocolOptionsSchema } from "../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";
import { TypedStructSchema } from "../gen/xds/type/v3/typed_struct_pb.js";
import {
  AUTHENTICATION_MESSAGES,
  AUTHORIZATION_MESSAGES,
  DNS_MESSAGES,
  RATE_LIMIT_MESSAGES,
  ROUTE_MESSAGES,
  TELEMETRY_MESSAGES,
  TRAFFIC_POLICY_MESSAGES,
} from "../translate/packed-messages.ts";
import type { EncodedResource } from "../xds/snapshot.ts";
import { XDS_RESOURCE_SCHEMAS } from "./encoded-resources.ts";

/** What translation puts into an Any. */
const EXTENSION_SCHEMAS: readonly DescMessage[] = [
  HttpConnectionManagerSchema,
  GrpcWebSchema,
  RouterSchema,
  TcpProxySchema,
  TlsInspectorSchema,
  HttpInspectorSchema,
  UpstreamTlsContextSchema,
  DownstreamTlsContextSchema,
  HttpProtocolOptionsSchema,
  LeastRequestSchema,
  RandomSchema,
  RoundRobinSchema,
  SPIFFECertValidatorConfigSchema,
  TypedStructSchema,
  ...DNS_MESSAGES,
  ...AUTHENTICATION_MESSAGES,
  ...AUTHORIZATION_MESSAGES,
  ...RATE_LIMIT_MESSAGES,
  ...ROUTE_MESSAGES,
  ...TELEMETRY_MESSAGES,
  ...TRAFFIC_POLICY_MESSAGES,
];

const REGISTRY: Registry = createRegistry(...XDS_RESOURCE_SCHEMAS, ...EXTENSION_SCHEMAS);

export type JsonMessage = Readonly<Record<string, unknown>>;

/** A resource that translation made. */
export function resourceJson(resource: EncodedResource): JsonMessage {
  const typeName = resource.typeUrl.slice(resource.typeUrl.lastIndexOf("/") + 1);
  const schema = REGISTRY.getMessage(typeName);
  assert(schema !== undefined, `translation makes no ${typeName}`);
  return toJson(schema, fromBinary(schema, resource.bytes), { registry: REGISTRY }) as JsonMessage;
}

/** Whether a message of that name can be shown where it is packed. */
export function knowsMessage(typeName: string): boolean {
  return REGISTRY.getMessage(typeName) !== undefined;
}
