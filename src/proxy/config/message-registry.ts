/** The messages that may stand in an `Any` of this proxy's configuration. */
import { createRegistry } from "@bufbuild/protobuf";
import { FilterConfigSchema } from "../../gen/envoy/config/route/v3/route_components_pb.js";
import { OpenTelemetryConfigSchema } from "../../gen/envoy/config/trace/v3/opentelemetry_pb.js";
import { FileAccessLogSchema } from "../../gen/envoy/extensions/access_loggers/file/v3/file_pb.js";
import { OpenTelemetryAccessLogConfigSchema } from "../../gen/envoy/extensions/access_loggers/open_telemetry/v3/logs_service_pb.js";
import {
  StderrAccessLogSchema,
  StdoutAccessLogSchema,
} from "../../gen/envoy/extensions/access_loggers/stream/v3/stream_pb.js";
import { ClusterConfigSchema } from "../../gen/envoy/extensions/clusters/aggregate/v3/cluster_pb.js";
import { AdaptiveConcurrencySchema } from "../../gen/envoy/extensions/filters/http/adaptive_concurrency/v3/adaptive_concurrency_pb.js";
import { BandwidthLimitSchema } from "../../gen/envoy/extensions/filters/http/bandwidth_limit/v3/bandwidth_limit_pb.js";
import {
  CorsPolicySchema,
  CorsSchema,
} from "../../gen/envoy/extensions/filters/http/cors/v3/cors_pb.js";
import {
  ExtAuthzPerRouteSchema,
  ExtAuthzSchema,
} from "../../gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js";
import { HTTPFaultSchema } from "../../gen/envoy/extensions/filters/http/fault/v3/fault_pb.js";
import { GrpcWebSchema } from "../../gen/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.js";
import {
  JwtAuthenticationSchema,
  PerRouteConfigSchema,
} from "../../gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js";
import { LocalRateLimitSchema } from "../../gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.js";
import {
  RateLimitPerRouteSchema,
  RateLimitSchema,
} from "../../gen/envoy/extensions/filters/http/ratelimit/v3/rate_limit_pb.js";
import {
  RBACPerRouteSchema,
  RBACSchema,
} from "../../gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js";
import { RouterSchema } from "../../gen/envoy/extensions/filters/http/router/v3/router_pb.js";
import {
  StatefulSessionPerRouteSchema,
  StatefulSessionSchema,
} from "../../gen/envoy/extensions/filters/http/stateful_session/v3/stateful_session_pb.js";
import { HttpInspectorSchema } from "../../gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.js";
import { ProxyProtocolSchema } from "../../gen/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.js";
import { TlsInspectorSchema } from "../../gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js";
import { ConnectionLimitSchema } from "../../gen/envoy/extensions/filters/network/connection_limit/v3/connection_limit_pb.js";
import { ExtAuthzSchema as ConnectionExtAuthzSchema } from "../../gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.js";
import { HttpConnectionManagerSchema } from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { LocalRateLimitSchema as ConnectionRateSchema } from "../../gen/envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit_pb.js";
import { RBACSchema as ConnectionRbacSchema } from "../../gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js";
import { TcpProxySchema } from "../../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import { DnsFilterConfigSchema } from "../../gen/envoy/extensions/filters/udp/dns_filter/v3/dns_filter_pb.js";
import { XffConfigSchema } from "../../gen/envoy/extensions/http/original_ip_detection/xff/v3/xff_pb.js";
import { CookieBasedSessionStateSchema } from "../../gen/envoy/extensions/http/stateful_session/cookie/v3/cookie_pb.js";
import { HeaderBasedSessionStateSchema } from "../../gen/envoy/extensions/http/stateful_session/header/v3/header_pb.js";
import { LeastRequestSchema } from "../../gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.js";
import { MaglevSchema } from "../../gen/envoy/extensions/load_balancing_policies/maglev/v3/maglev_pb.js";
import { RandomSchema } from "../../gen/envoy/extensions/load_balancing_policies/random/v3/random_pb.js";
import { RandomSubsettingSchema } from "../../gen/envoy/extensions/load_balancing_policies/random_subsetting/v3/random_subsetting_pb.js";
import { RingHashSchema } from "../../gen/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.js";
import { RoundRobinSchema } from "../../gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.js";
import { SubsetSchema } from "../../gen/envoy/extensions/load_balancing_policies/subset/v3/subset_pb.js";
import { WrrLocalitySchema } from "../../gen/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality_pb.js";
import { UriSanInputSchema } from "../../gen/envoy/extensions/matching/common_inputs/ssl/v3/ssl_inputs_pb.js";
import { CaresDnsResolverConfigSchema } from "../../gen/envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver_pb.js";
import { UriTemplateMatchConfigSchema } from "../../gen/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.js";
import { DownstreamConnectionsConfigSchema } from "../../gen/envoy/extensions/resource_monitors/downstream_connections/v3/downstream_connections_pb.js";
import { PreviousHostsPredicateSchema } from "../../gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js";
import { SinkConfigSchema } from "../../gen/envoy/extensions/stat_sinks/open_telemetry/v3/open_telemetry_pb.js";
import { ProxyProtocolUpstreamTransportSchema } from "../../gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.js";
import { RawBufferSchema } from "../../gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.js";
import {
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from "../../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import { SPIFFECertValidatorConfigSchema } from "../../gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js";
import { HttpProtocolOptionsSchema } from "../../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";
import { TypedStructSchema } from "../../gen/xds/type/v3/typed_struct_pb.js";

export const messageRegistry = createRegistry(
  OpenTelemetryConfigSchema,
  SinkConfigSchema,
  AdaptiveConcurrencySchema,
  BandwidthLimitSchema,
  CaresDnsResolverConfigSchema,
  ClusterConfigSchema,
  ConnectionExtAuthzSchema,
  ConnectionLimitSchema,
  ConnectionRateSchema,
  ConnectionRbacSchema,
  CookieBasedSessionStateSchema,
  CorsPolicySchema,
  CorsSchema,
  DnsFilterConfigSchema,
  DownstreamConnectionsConfigSchema,
  DownstreamTlsContextSchema,
  ExtAuthzPerRouteSchema,
  ExtAuthzSchema,
  FileAccessLogSchema,
  FilterConfigSchema,
  GrpcWebSchema,
  HTTPFaultSchema,
  HeaderBasedSessionStateSchema,
  HttpConnectionManagerSchema,
  HttpInspectorSchema,
  HttpProtocolOptionsSchema,
  JwtAuthenticationSchema,
  LeastRequestSchema,
  LocalRateLimitSchema,
  RateLimitPerRouteSchema,
  RateLimitSchema,
  MaglevSchema,
  PerRouteConfigSchema,
  PreviousHostsPredicateSchema,
  ProxyProtocolSchema,
  ProxyProtocolUpstreamTransportSchema,
  RBACPerRouteSchema,
  RBACSchema,
  RandomSchema,
  RandomSubsettingSchema,
  RawBufferSchema,
  RingHashSchema,
  RoundRobinSchema,
  RouterSchema,
  SPIFFECertValidatorConfigSchema,
  StatefulSessionPerRouteSchema,
  StatefulSessionSchema,
  OpenTelemetryAccessLogConfigSchema,
  StderrAccessLogSchema,
  StdoutAccessLogSchema,
  SubsetSchema,
  TcpProxySchema,
  TlsInspectorSchema,
  TypedStructSchema,
  UpstreamTlsContextSchema,
  UriSanInputSchema,
  UriTemplateMatchConfigSchema,
  WrrLocalitySchema,
  XffConfigSchema,
);
