/** xDS messages as the JSON that Envoy reads, with the extensions packed into them spelled out. */
import {
  createRegistry,
  type JsonValue,
  type Message,
  type Registry,
  toJson,
} from "@bufbuild/protobuf";
import { file_envoy_config_bootstrap_v3_bootstrap } from "../../src/gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { file_envoy_config_cluster_v3_cluster } from "../../src/gen/envoy/config/cluster/v3/cluster_pb.js";
import { file_envoy_config_endpoint_v3_endpoint } from "../../src/gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { file_envoy_config_listener_v3_listener } from "../../src/gen/envoy/config/listener/v3/listener_pb.js";
import { file_envoy_config_route_v3_route } from "../../src/gen/envoy/config/route/v3/route_pb.js";
import { GrpcWebSchema } from "../../src/gen/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.js";
import { file_envoy_extensions_filters_http_router_v3_router } from "../../src/gen/envoy/extensions/filters/http/router/v3/router_pb.js";
import { HttpInspectorSchema } from "../../src/gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.js";
import { TlsInspectorSchema } from "../../src/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js";
import { file_envoy_extensions_filters_network_http_connection_manager_v3_http_connection_manager } from "../../src/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { TcpProxySchema } from "../../src/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import { file_envoy_extensions_load_balancing_policies_least_request_v3_least_request } from "../../src/gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.js";
import { file_envoy_extensions_load_balancing_policies_random_v3_random } from "../../src/gen/envoy/extensions/load_balancing_policies/random/v3/random_pb.js";
import { file_envoy_extensions_load_balancing_policies_round_robin_v3_round_robin } from "../../src/gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.js";
import { file_envoy_extensions_transport_sockets_tls_v3_secret } from "../../src/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { file_envoy_extensions_transport_sockets_tls_v3_tls } from "../../src/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import { file_envoy_extensions_transport_sockets_tls_v3_tls_spiffe_validator_config } from "../../src/gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js";
import { file_envoy_extensions_upstreams_http_v3_http_protocol_options } from "../../src/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";
import { file_xds_type_v3_typed_struct } from "../../src/gen/xds/type/v3/typed_struct_pb.js";
import {
  AUTHENTICATION_MESSAGES,
  AUTHORIZATION_MESSAGES,
  DNS_MESSAGES,
  RATE_LIMIT_MESSAGES,
  ROUTE_MESSAGES,
  TELEMETRY_MESSAGES,
  TRAFFIC_POLICY_MESSAGES,
} from "../../src/translate/packed-messages.ts";

const TYPE_URL_PREFIX = "type.googleapis.com/";

/** Every message that translation emits or packs. */
export function xdsRegistry(): Registry {
  return createRegistry(
    ...DNS_MESSAGES,
    ...AUTHENTICATION_MESSAGES,
    ...AUTHORIZATION_MESSAGES,
    ...RATE_LIMIT_MESSAGES,
    ...ROUTE_MESSAGES,
    ...TELEMETRY_MESSAGES,
    ...TRAFFIC_POLICY_MESSAGES,
    GrpcWebSchema,
    HttpInspectorSchema,
    TcpProxySchema,
    TlsInspectorSchema,
    file_envoy_config_bootstrap_v3_bootstrap,
    file_envoy_config_cluster_v3_cluster,
    file_envoy_config_endpoint_v3_endpoint,
    file_envoy_config_listener_v3_listener,
    file_envoy_config_route_v3_route,
    file_envoy_extensions_filters_http_router_v3_router,
    file_envoy_extensions_filters_network_http_connection_manager_v3_http_connection_manager,
    file_envoy_extensions_load_balancing_policies_least_request_v3_least_request,
    file_envoy_extensions_load_balancing_policies_random_v3_random,
    file_envoy_extensions_load_balancing_policies_round_robin_v3_round_robin,
    file_envoy_extensions_transport_sockets_tls_v3_secret,
    file_envoy_extensions_transport_sockets_tls_v3_tls,
    file_envoy_extensions_transport_sockets_tls_v3_tls_spiffe_validator_config,
    file_envoy_extensions_upstreams_http_v3_http_protocol_options,
    file_xds_type_v3_typed_struct,
  );
}

/** The message as JSON with the field names of the `.proto` files. */
export function xdsJson(message: Message, registry: Registry): JsonValue {
  const schema = registry.getMessage(message.$typeName);
  if (schema === undefined) throw new Error(`not in the registry: ${message.$typeName}`);
  return toJson(schema, message, { registry, useProtoFieldName: true });
}

/** The schema of a type URL. */
export function schemaOfTypeUrl(typeUrl: string, registry: Registry) {
  const schema = registry.getMessage(typeUrl.slice(TYPE_URL_PREFIX.length));
  if (schema === undefined) throw new Error(`not in the registry: ${typeUrl}`);
  return schema;
}
