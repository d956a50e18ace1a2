/**
 * The subset of Envoy's v3 messages that this proxy implements, by message and field. A field that is
 * set and not listed here is refused by its path, never ignored: a policy that silently does nothing
 * is worse than an error (T29).
 */
export const SUPPORTED_FIELDS: Readonly<Record<string, string>> = {
  "envoy.config.bootstrap.v3.Bootstrap":
    "node admin static_resources dynamic_resources overload_manager",
  "envoy.config.overload.v3.OverloadManager": "resource_monitors",
  "envoy.config.overload.v3.ResourceMonitor": "name typed_config",
  "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig":
    "max_active_downstream_connections",
  "envoy.config.bootstrap.v3.Bootstrap.StaticResources": "listeners clusters secrets",
  "envoy.config.bootstrap.v3.Bootstrap.DynamicResources": "ads_config lds_config cds_config",
  "envoy.config.bootstrap.v3.Admin": "address",
  "envoy.config.core.v3.Node":
    "id cluster metadata locality user_agent_name user_agent_version client_features",
  "envoy.config.core.v3.Locality": "region zone sub_zone",
  "envoy.config.core.v3.ApiConfigSource":
    "api_type transport_api_version grpc_services set_node_on_first_message_only",
  "envoy.config.core.v3.GrpcService": "envoy_grpc",
  "envoy.config.core.v3.GrpcService.EnvoyGrpc": "cluster_name",
  "envoy.config.core.v3.ConfigSource": "ads resource_api_version",
  "envoy.config.core.v3.AggregatedConfigSource": "",
  "envoy.config.core.v3.Address": "socket_address",
  "envoy.config.core.v3.SocketAddress": "protocol address port_value",
  "envoy.config.core.v3.Metadata": "filter_metadata",
  "envoy.config.core.v3.DataSource": "filename inline_bytes inline_string",
  "envoy.config.core.v3.TransportSocket": "name typed_config",
  "envoy.config.core.v3.TypedExtensionConfig": "name typed_config",
  "envoy.config.core.v3.HttpProtocolOptions":
    "idle_timeout max_connection_duration max_requests_per_connection",
  "envoy.config.core.v3.Http1ProtocolOptions": "",
  "envoy.config.core.v3.HeaderValueOption": "header append append_action",
  "envoy.config.core.v3.HeaderValue": "key value",
  "envoy.config.core.v3.RuntimeFractionalPercent": "default_value",
  "envoy.config.core.v3.SubstitutionFormatString": "text_format_source json_format",
  "envoy.config.listener.v3.Listener":
    "name address filter_chains default_filter_chain listener_filters listener_filters_timeout continue_on_listener_filters_timeout traffic_direction stat_prefix enable_reuse_port metadata",
  "envoy.config.listener.v3.ListenerFilter": "name typed_config",
  "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector": "",
  "envoy.extensions.filters.listener.http_inspector.v3.HttpInspector": "",
  "envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol":
    "allow_requests_without_proxy_protocol",
  "envoy.config.listener.v3.FilterChain":
    "name filter_chain_match filters transport_socket metadata",
  "envoy.config.listener.v3.FilterChainMatch":
    "destination_port server_names transport_protocol application_protocols",
  "envoy.config.listener.v3.Filter": "name typed_config",
  "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy":
    "stat_prefix cluster weighted_clusters idle_timeout access_log max_connect_attempts",
  "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster": "clusters",
  "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster.ClusterWeight":
    "name weight",
  "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager":
    "codec_type stat_prefix rds route_config http_filters common_http_protocol_options http_protocol_options http2_protocol_options server_name server_header_transformation stream_idle_timeout request_headers_timeout access_log use_remote_address generate_request_id preserve_external_request_id always_set_request_id_in_response forward_client_cert_details normalize_path merge_slashes path_with_escaped_slashes_action local_reply_config tracing upgrade_configs",
  "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.UpgradeConfig":
    "upgrade_type enabled",
  "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.Tracing": "",
  "envoy.extensions.filters.network.http_connection_manager.v3.Rds":
    "config_source route_config_name",
  "envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter":
    "name typed_config disabled",
  "envoy.extensions.filters.http.grpc_web.v3.GrpcWeb": "",
  "envoy.extensions.filters.http.router.v3.Router": "suppress_envoy_headers",
  "envoy.extensions.filters.network.http_connection_manager.v3.LocalReplyConfig": "mappers",
  "envoy.extensions.filters.network.http_connection_manager.v3.ResponseMapper":
    "filter headers_to_add",
  "envoy.config.accesslog.v3.AccessLogFilter": "response_flag_filter",
  "envoy.config.accesslog.v3.ResponseFlagFilter": "flags",
  "envoy.config.accesslog.v3.AccessLog": "name typed_config",
  "envoy.extensions.access_loggers.file.v3.FileAccessLog": "path log_format",
  "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog": "log_format",
  "envoy.config.route.v3.RouteConfiguration":
    "name virtual_hosts request_headers_to_add request_headers_to_remove response_headers_to_add response_headers_to_remove validate_clusters ignore_port_in_host_matching metadata typed_per_filter_config",
  "envoy.config.route.v3.VirtualHost":
    "name domains routes request_headers_to_add request_headers_to_remove response_headers_to_add response_headers_to_remove metadata typed_per_filter_config",
  "envoy.config.route.v3.Route":
    "name match route redirect direct_response metadata request_headers_to_add request_headers_to_remove response_headers_to_add response_headers_to_remove typed_per_filter_config",
  "envoy.config.route.v3.FilterConfig": "disabled",
  "envoy.config.route.v3.RouteMatch":
    "prefix path safe_regex path_separated_prefix connect_matcher case_sensitive headers query_parameters",
  "envoy.config.route.v3.RouteMatch.ConnectMatcher": "",
  "envoy.config.route.v3.HeaderMatcher":
    "name exact_match safe_regex_match range_match present_match prefix_match suffix_match contains_match string_match invert_match treat_missing_header_as_empty",
  "envoy.config.route.v3.QueryParameterMatcher": "name string_match present_match",
  "envoy.config.route.v3.RouteAction":
    "cluster weighted_clusters cluster_not_found_response_code prefix_rewrite regex_rewrite host_rewrite_literal timeout idle_timeout retry_policy request_mirror_policies upgrade_configs",
  "envoy.config.route.v3.RouteAction.UpgradeConfig": "upgrade_type enabled",
  "envoy.config.route.v3.RouteAction.RequestMirrorPolicy":
    "cluster runtime_fraction disable_shadow_host_suffix_append",
  "envoy.config.route.v3.WeightedCluster": "clusters total_weight header_name",
  "envoy.config.route.v3.WeightedCluster.ClusterWeight":
    "name weight request_headers_to_add request_headers_to_remove response_headers_to_add response_headers_to_remove host_rewrite_literal",
  "envoy.config.route.v3.RetryPolicy":
    "retry_on num_retries per_try_timeout retriable_status_codes retriable_headers retry_back_off",
  "envoy.config.route.v3.RetryPolicy.RetryBackOff": "base_interval max_interval",
  "envoy.config.route.v3.RedirectAction":
    "https_redirect scheme_redirect host_redirect port_redirect path_redirect prefix_rewrite regex_rewrite response_code strip_query",
  "envoy.config.route.v3.DirectResponseAction": "status body",
  "envoy.type.matcher.v3.StringMatcher": "exact prefix suffix contains safe_regex ignore_case",
  "envoy.type.matcher.v3.RegexMatcher": "google_re2 regex",
  "envoy.type.matcher.v3.RegexMatcher.GoogleRE2": "",
  "envoy.type.matcher.v3.RegexMatchAndSubstitute": "pattern substitution",
  "envoy.type.v3.FractionalPercent": "numerator denominator",
  "envoy.type.v3.Percent": "value",
  "envoy.type.v3.Int64Range": "start end",
  "envoy.config.cluster.v3.Cluster":
    "name type eds_cluster_config connect_timeout load_assignment lb_policy load_balancing_policy circuit_breakers typed_extension_protocol_options transport_socket metadata common_lb_config alt_stat_name http2_protocol_options",
  "envoy.config.cluster.v3.Cluster.EdsClusterConfig": "eds_config service_name",
  "envoy.config.cluster.v3.Cluster.CommonLbConfig": "healthy_panic_threshold",
  "envoy.config.cluster.v3.CircuitBreakers": "thresholds",
  "envoy.config.cluster.v3.CircuitBreakers.Thresholds":
    "priority max_connections max_pending_requests max_requests max_retries",
  "envoy.config.cluster.v3.LoadBalancingPolicy": "policies",
  "envoy.config.cluster.v3.LoadBalancingPolicy.Policy": "typed_extension_config",
  "envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin": "",
  "envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest": "choice_count",
  "envoy.extensions.load_balancing_policies.random.v3.Random": "",
  "xds.type.v3.TypedStruct": "type_url value",
  "envoy.extensions.upstreams.http.v3.HttpProtocolOptions":
    "common_http_protocol_options explicit_http_config auto_config use_downstream_protocol_config",
  "envoy.extensions.upstreams.http.v3.HttpProtocolOptions.ExplicitHttpConfig":
    "http_protocol_options http2_protocol_options",
  "envoy.extensions.upstreams.http.v3.HttpProtocolOptions.AutoHttpConfig":
    "http_protocol_options http2_protocol_options",
  "envoy.extensions.upstreams.http.v3.HttpProtocolOptions.UseDownstreamHttpConfig":
    "http_protocol_options http2_protocol_options",
  "envoy.config.core.v3.Http2ProtocolOptions":
    "max_concurrent_streams initial_stream_window_size initial_connection_window_size allow_connect connection_keepalive",
  "envoy.config.core.v3.KeepaliveSettings":
    "interval timeout interval_jitter connection_idle_interval",
  "envoy.config.endpoint.v3.ClusterLoadAssignment": "cluster_name endpoints",
  "envoy.config.endpoint.v3.LocalityLbEndpoints":
    "locality lb_endpoints load_balancing_weight priority metadata",
  "envoy.config.endpoint.v3.LbEndpoint": "endpoint health_status load_balancing_weight metadata",
  "envoy.config.endpoint.v3.Endpoint": "address hostname",
  "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer": "",
  "envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport":
    "config transport_socket",
  "envoy.config.core.v3.ProxyProtocolConfig": "version",
  "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext": "common_tls_context sni",
  "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext":
    "common_tls_context require_client_certificate",
  "envoy.extensions.transport_sockets.tls.v3.CommonTlsContext":
    "tls_params tls_certificates tls_certificate_sds_secret_configs validation_context validation_context_sds_secret_config combined_validation_context alpn_protocols",
  "envoy.extensions.transport_sockets.tls.v3.CommonTlsContext.CombinedCertificateValidationContext":
    "default_validation_context validation_context_sds_secret_config",
  "envoy.extensions.transport_sockets.tls.v3.TlsParameters":
    "tls_minimum_protocol_version tls_maximum_protocol_version ecdh_curves",
  "envoy.extensions.transport_sockets.tls.v3.TlsCertificate": "certificate_chain private_key",
  "envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext":
    "trusted_ca match_typed_subject_alt_names custom_validator_config",
  "envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig": "trust_domains",
  "envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig.TrustDomain":
    "name trust_bundle",
  "envoy.extensions.transport_sockets.tls.v3.SubjectAltNameMatcher": "san_type matcher",
  "envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig": "name sds_config",
  "envoy.extensions.transport_sockets.tls.v3.Secret": "name tls_certificate validation_context",
};
