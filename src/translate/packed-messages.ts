/** Messages that translation packs, by what asks for them: whoever shows configuration must know how to read them. */
import type { DescMessage } from "@bufbuild/protobuf";
import { FilterConfigSchema } from "../gen/envoy/config/route/v3/route_components_pb.js";
import { OpenTelemetryConfigSchema } from "../gen/envoy/config/trace/v3/opentelemetry_pb.js";
import { FileAccessLogSchema } from "../gen/envoy/extensions/access_loggers/file/v3/file_pb.js";
import { OpenTelemetryAccessLogConfigSchema } from "../gen/envoy/extensions/access_loggers/open_telemetry/v3/logs_service_pb.js";
import {
  StderrAccessLogSchema,
  StdoutAccessLogSchema,
} from "../gen/envoy/extensions/access_loggers/stream/v3/stream_pb.js";
import { ClusterConfigSchema } from "../gen/envoy/extensions/clusters/aggregate/v3/cluster_pb.js";
import { AdaptiveConcurrencySchema } from "../gen/envoy/extensions/filters/http/adaptive_concurrency/v3/adaptive_concurrency_pb.js";
import { BandwidthLimitSchema } from "../gen/envoy/extensions/filters/http/bandwidth_limit/v3/bandwidth_limit_pb.js";
import {
  CorsPolicySchema,
  CorsSchema,
} from "../gen/envoy/extensions/filters/http/cors/v3/cors_pb.js";
import {
  ExtAuthzPerRouteSchema,
  ExtAuthzSchema,
} from "../gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js";
import { HTTPFaultSchema } from "../gen/envoy/extensions/filters/http/fault/v3/fault_pb.js";
import { JwtAuthenticationSchema } from "../gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js";
import { LocalRateLimitSchema } from "../gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.js";
import {
  RateLimitPerRouteSchema,
  RateLimitSchema,
} from "../gen/envoy/extensions/filters/http/ratelimit/v3/rate_limit_pb.js";
import { RBACSchema } from "../gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js";
import {
  StatefulSessionPerRouteSchema,
  StatefulSessionSchema,
} from "../gen/envoy/extensions/filters/http/stateful_session/v3/stateful_session_pb.js";
import { ConnectionLimitSchema } from "../gen/envoy/extensions/filters/network/connection_limit/v3/connection_limit_pb.js";
import { ExtAuthzSchema as ConnectionExtAuthzSchema } from "../gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.js";
import { LocalRateLimitSchema as ConnectionRateSchema } from "../gen/envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit_pb.js";
import { RBACSchema as ConnectionRbacSchema } from "../gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js";
import { DnsFilterConfigSchema } from "../gen/envoy/extensions/filters/udp/dns_filter/v3/dns_filter_pb.js";
import { CookieBasedSessionStateSchema } from "../gen/envoy/extensions/http/stateful_session/cookie/v3/cookie_pb.js";
import { HeaderBasedSessionStateSchema } from "../gen/envoy/extensions/http/stateful_session/header/v3/header_pb.js";
import { MaglevSchema } from "../gen/envoy/extensions/load_balancing_policies/maglev/v3/maglev_pb.js";
import { RingHashSchema } from "../gen/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.js";
import { SubsetSchema } from "../gen/envoy/extensions/load_balancing_policies/subset/v3/subset_pb.js";
import { UriSanInputSchema } from "../gen/envoy/extensions/matching/common_inputs/ssl/v3/ssl_inputs_pb.js";
import { CaresDnsResolverConfigSchema } from "../gen/envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver_pb.js";
import { UriTemplateMatchConfigSchema } from "../gen/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.js";
import { PreviousHostsPredicateSchema } from "../gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js";

/** For what a route asks of its requests by itself, and for faults. */
export const ROUTE_MESSAGES: readonly DescMessage[] = [
  CorsPolicySchema,
  CorsSchema,
  FilterConfigSchema,
  HTTPFaultSchema,
];

/** For what sidecars tell. */
export const TELEMETRY_MESSAGES: readonly DescMessage[] = [
  FileAccessLogSchema,
  OpenTelemetryAccessLogConfigSchema,
  OpenTelemetryConfigSchema,
  StderrAccessLogSchema,
  StdoutAccessLogSchema,
];

/** For a TrafficPolicy. */
export const TRAFFIC_POLICY_MESSAGES: readonly DescMessage[] = [
  ClusterConfigSchema,
  CookieBasedSessionStateSchema,
  HeaderBasedSessionStateSchema,
  MaglevSchema,
  PreviousHostsPredicateSchema,
  RingHashSchema,
  StatefulSessionPerRouteSchema,
  StatefulSessionSchema,
  SubsetSchema,
];

/** For the names of the mesh. */
export const DNS_MESSAGES: readonly DescMessage[] = [
  CaresDnsResolverConfigSchema,
  DnsFilterConfigSchema,
];

/** For a RateLimitPolicy. */
export const RATE_LIMIT_MESSAGES: readonly DescMessage[] = [
  AdaptiveConcurrencySchema,
  BandwidthLimitSchema,
  ConnectionLimitSchema,
  ConnectionRateSchema,
  LocalRateLimitSchema,
  RateLimitPerRouteSchema,
  RateLimitSchema,
  UriSanInputSchema,
];

/** For a RequestAuthentication. */
export const AUTHENTICATION_MESSAGES: readonly DescMessage[] = [JwtAuthenticationSchema];

/** For an AuthorizationPolicy. */
export const AUTHORIZATION_MESSAGES: readonly DescMessage[] = [
  ConnectionRbacSchema,
  ConnectionExtAuthzSchema,
  ExtAuthzPerRouteSchema,
  ExtAuthzSchema,
  RBACSchema,
  UriTemplateMatchConfigSchema,
];
