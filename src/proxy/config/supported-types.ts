/**
 * The messages that may stand in an `Any` of this proxy's configuration, by the field that holds it. What is
 * known but stands in the wrong place is refused like what is unknown.
 */
const LB = "envoy.extensions.load_balancing_policies";
const TLS = "envoy.extensions.transport_sockets.tls.v3";
const HTTP = "envoy.extensions.filters.network.http_connection_manager.v3";
const SESSION = "envoy.extensions.filters.http.stateful_session.v3";

/** What routes may say to HTTP filters. */
const FILTERS_OF_ROUTES: readonly string[] = [
  "envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit",
  "envoy.extensions.filters.http.cors.v3.CorsPolicy",
  "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
  "envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute",
  "envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
  "envoy.extensions.filters.http.fault.v3.HTTPFault",
  "envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig",
  "envoy.extensions.filters.http.rbac.v3.RBACPerRoute",
  `${SESSION}.StatefulSessionPerRoute`,
  "xds.type.v3.TypedStruct",
];
const OF_ROUTES = ["envoy.config.route.v3.FilterConfig", ...FILTERS_OF_ROUTES];

export const SUPPORTED_TYPES: Readonly<Record<string, readonly string[]>> = {
  "envoy.config.overload.v3.ResourceMonitor.typed_config": [
    "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
  ],
  "envoy.config.metrics.v3.StatsSink.typed_config": [
    "envoy.extensions.stat_sinks.open_telemetry.v3.SinkConfig",
  ],
  "envoy.config.trace.v3.Tracing.Http.typed_config": ["envoy.config.trace.v3.OpenTelemetryConfig"],
  "envoy.config.listener.v3.Filter.typed_config": [
    "envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit",
    "envoy.extensions.filters.network.ext_authz.v3.ExtAuthz",
    "envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit",
    "envoy.extensions.filters.network.rbac.v3.RBAC",
    `${HTTP}.HttpConnectionManager`,
    "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
  ],
  "envoy.config.listener.v3.ListenerFilter.typed_config": [
    "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
    "envoy.extensions.filters.listener.http_inspector.v3.HttpInspector",
    "envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol",
    "envoy.extensions.filters.udp.dns_filter.v3.DnsFilterConfig",
  ],
  "envoy.extensions.filters.udp.dns_filter.v3.DnsFilterConfig.ClientContextConfig.typed_dns_resolver_config":
    ["envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig"],
  [`${HTTP}.HttpConnectionManager.original_ip_detection_extensions`]: [
    "envoy.extensions.http.original_ip_detection.xff.v3.XffConfig",
  ],
  [`${HTTP}.HttpFilter.typed_config`]: [
    "envoy.extensions.filters.http.cors.v3.Cors",
    "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
    "envoy.extensions.filters.http.fault.v3.HTTPFault",
    "envoy.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency",
    "envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit",
    "envoy.extensions.filters.http.grpc_web.v3.GrpcWeb",
    "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
    "envoy.extensions.filters.http.ratelimit.v3.RateLimit",
    "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
    "envoy.extensions.filters.http.rbac.v3.RBAC",
    "envoy.extensions.filters.http.router.v3.Router",
    `${SESSION}.StatefulSession`,
    "xds.type.v3.TypedStruct",
  ],
  "envoy.config.route.v3.RouteConfiguration.typed_per_filter_config": OF_ROUTES,
  "envoy.config.route.v3.VirtualHost.typed_per_filter_config": OF_ROUTES,
  "envoy.config.route.v3.Route.typed_per_filter_config": OF_ROUTES,
  "envoy.config.route.v3.FilterConfig.config": FILTERS_OF_ROUTES,
  "envoy.config.rbac.v3.Permission.uri_template": [
    "envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
  ],
  "envoy.config.route.v3.RateLimit.Action.extension": [
    "envoy.extensions.matching.common_inputs.ssl.v3.UriSanInput",
  ],
  "envoy.config.route.v3.RetryPolicy.RetryHostPredicate.typed_config": [
    "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
  ],
  "envoy.config.accesslog.v3.AccessLog.typed_config": [
    "envoy.extensions.access_loggers.file.v3.FileAccessLog",
    "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
    "envoy.extensions.access_loggers.stream.v3.StderrAccessLog",
    "envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig",
  ],
  "envoy.config.core.v3.TransportSocket.typed_config": [
    "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer",
    "envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport",
    `${TLS}.DownstreamTlsContext`,
    `${TLS}.UpstreamTlsContext`,
  ],
  "envoy.config.cluster.v3.Cluster.typed_extension_protocol_options": [
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
  ],
  "envoy.config.cluster.v3.LoadBalancingPolicy.Policy.typed_extension_config": [
    `${LB}.round_robin.v3.RoundRobin`,
    `${LB}.least_request.v3.LeastRequest`,
    `${LB}.random.v3.Random`,
    `${LB}.ring_hash.v3.RingHash`,
    `${LB}.maglev.v3.Maglev`,
    `${LB}.wrr_locality.v3.WrrLocality`,
    `${LB}.subset.v3.Subset`,
    `${LB}.random_subsetting.v3.RandomSubsetting`,
    "xds.type.v3.TypedStruct",
  ],
  "envoy.config.cluster.v3.Cluster.CustomClusterType.typed_config": [
    "envoy.extensions.clusters.aggregate.v3.ClusterConfig",
  ],
  [`${SESSION}.StatefulSession.session_state`]: [
    "envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState",
    "envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState",
  ],
  [`${TLS}.CertificateValidationContext.custom_validator_config`]: [
    `${TLS}.SPIFFECertValidatorConfig`,
  ],
};

/** Of these lists a proxy takes the first entry that it knows: others are no error. */
export const LISTS_OF_ALTERNATIVES: ReadonlySet<string> = new Set([
  "envoy.config.cluster.v3.LoadBalancingPolicy.Policy.typed_extension_config",
]);
