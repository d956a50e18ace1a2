/**
 * The subset of Envoy's v3 messages that this proxy implements, by message and field. A field that is
 * set and not listed here is refused by its path, never ignored: a policy that silently does nothing
 * is worse than an error (T29).
 */
export const SUPPORTED_FIELDS: Readonly<Record<string, string>> = {
  "envoy.config.bootstrap.v3.Bootstrap":
    "node admin static_resources dynamic_resources overload_manager cluster_manager stats_sinks stats_flush_interval",
  "envoy.config.metrics.v3.StatsSink": "name typed_config",
  "envoy.extensions.stat_sinks.open_telemetry.v3.SinkConfig": "grpc_service",
  "envoy.config.bootstrap.v3.ClusterManager": "local_cluster_name",
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
  "envoy.config.core.v3.GrpcService": "envoy_grpc timeout",
  "envoy.config.core.v3.GrpcService.EnvoyGrpc": "cluster_name authority",
  "envoy.config.core.v3.ConfigSource": "ads resource_api_version",
  "envoy.config.core.v3.AggregatedConfigSource": "",
  "envoy.config.core.v3.Address": "socket_address",
  "envoy.config.core.v3.SocketAddress": "protocol address port_value",
  "envoy.config.core.v3.Metadata": "filter_metadata",
  "envoy.config.core.v3.DataSource": "filename inline_bytes inline_string",
  "envoy.config.core.v3.TransportSocket": "name typed_config",
  "envoy.config.core.v3.TypedExtensionConfig": "name typed_config",
  "envoy.config.core.v3.HttpProtocolOptions":
    "idle_timeout max_connection_duration max_requests_per_connection max_stream_duration headers_with_underscores_action",
  "envoy.config.core.v3.Http1ProtocolOptions": "",
  "envoy.config.core.v3.HeaderValueOption": "header append append_action",
  "envoy.config.core.v3.HeaderValue": "key value",
  "envoy.config.core.v3.RuntimeFractionalPercent": "default_value",
  "envoy.config.core.v3.SubstitutionFormatString":
    "text_format_source json_format omit_empty_values",
  "envoy.config.listener.v3.Listener":
    "name address filter_chains default_filter_chain listener_filters listener_filters_timeout continue_on_listener_filters_timeout traffic_direction stat_prefix enable_reuse_port metadata",
  "envoy.config.listener.v3.ListenerFilter": "name typed_config",
  "envoy.extensions.filters.udp.dns_filter.v3.DnsFilterConfig":
    "stat_prefix server_config client_config",
  "envoy.extensions.filters.udp.dns_filter.v3.DnsFilterConfig.ServerContextConfig":
    "inline_dns_table",
  "envoy.extensions.filters.udp.dns_filter.v3.DnsFilterConfig.ClientContextConfig":
    "resolver_timeout max_pending_lookups typed_dns_resolver_config",
  "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig": "resolvers",
  "envoy.data.dns.v3.DnsTable": "external_retry_count virtual_domains known_suffixes",
  "envoy.data.dns.v3.DnsTable.DnsVirtualDomain": "name endpoint answer_ttl",
  "envoy.data.dns.v3.DnsTable.DnsEndpoint": "address_list service_list",
  "envoy.data.dns.v3.DnsTable.AddressList": "address",
  "envoy.data.dns.v3.DnsTable.DnsServiceList": "services",
  "envoy.data.dns.v3.DnsTable.DnsService": "service_name protocol ttl targets",
  "envoy.data.dns.v3.DnsTable.DnsServiceProtocol": "name",
  "envoy.data.dns.v3.DnsTable.DnsServiceTarget": "host_name priority weight port",
  "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector": "",
  "envoy.extensions.filters.listener.http_inspector.v3.HttpInspector": "",
  "envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol":
    "allow_requests_without_proxy_protocol",
  "envoy.config.listener.v3.FilterChain":
    "name filter_chain_match filters transport_socket metadata",
  "envoy.config.listener.v3.FilterChainMatch":
    "destination_port server_names transport_protocol application_protocols",
  "envoy.config.listener.v3.Filter": "name typed_config",
  "envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit":
    "stat_prefix max_connections",
  "envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit": "stat_prefix token_bucket",
  "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy":
    "stat_prefix cluster weighted_clusters idle_timeout access_log max_connect_attempts hash_policy",
  "envoy.type.v3.HashPolicy": "source_ip",
  "envoy.type.v3.HashPolicy.SourceIp": "",
  "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster": "clusters",
  "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster.ClusterWeight":
    "name weight",
  "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager":
    "codec_type stat_prefix rds route_config http_filters common_http_protocol_options http_protocol_options http2_protocol_options server_name server_header_transformation stream_idle_timeout request_headers_timeout access_log use_remote_address generate_request_id preserve_external_request_id always_set_request_id_in_response forward_client_cert_details normalize_path merge_slashes path_with_escaped_slashes_action local_reply_config tracing upgrade_configs internal_address_config xff_num_trusted_hops skip_xff_append original_ip_detection_extensions set_current_client_cert_details strip_matching_host_port strip_any_host_port strip_trailing_host_dot proxy_status_config",
  "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.UpgradeConfig":
    "upgrade_type enabled",
  "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.SetCurrentClientCertDetails":
    "subject cert chain dns uri",
  "envoy.extensions.http.original_ip_detection.xff.v3.XffConfig": "xff_num_trusted_hops",
  "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.Tracing":
    "client_sampling random_sampling overall_sampling max_path_tag_length custom_tags provider spawn_upstream_span",
  "envoy.config.trace.v3.Tracing.Http": "name typed_config",
  "envoy.config.trace.v3.OpenTelemetryConfig": "grpc_service service_name",
  "envoy.type.tracing.v3.CustomTag": "tag literal environment request_header",
  "envoy.type.tracing.v3.CustomTag.Literal": "value",
  "envoy.type.tracing.v3.CustomTag.Environment": "name default_value",
  "envoy.type.tracing.v3.CustomTag.Header": "name default_value",
  "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.InternalAddressConfig":
    "cidr_ranges",
  "envoy.extensions.filters.network.http_connection_manager.v3.Rds":
    "config_source route_config_name",
  "envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter":
    "name typed_config disabled is_optional",
  "envoy.extensions.filters.http.cors.v3.Cors": "",
  "envoy.extensions.filters.http.cors.v3.CorsPolicy":
    "allow_origin_string_match allow_methods allow_headers expose_headers max_age allow_credentials filter_enabled shadow_enabled allow_private_network_access forward_not_matching_preflights",
  "envoy.extensions.filters.http.fault.v3.HTTPFault":
    "delay abort upstream_cluster headers downstream_nodes max_active_faults response_rate_limit disable_downstream_cluster_stats",
  "envoy.extensions.filters.http.fault.v3.FaultAbort":
    "http_status grpc_status header_abort percentage",
  "envoy.extensions.filters.http.fault.v3.FaultAbort.HeaderAbort": "",
  "envoy.extensions.filters.common.fault.v3.FaultDelay": "fixed_delay header_delay percentage",
  "envoy.extensions.filters.common.fault.v3.FaultDelay.HeaderDelay": "",
  "envoy.extensions.filters.common.fault.v3.FaultRateLimit": "fixed_limit header_limit percentage",
  "envoy.extensions.filters.common.fault.v3.FaultRateLimit.FixedLimit": "limit_kbps",
  "envoy.extensions.filters.common.fault.v3.FaultRateLimit.HeaderLimit": "",
  "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz":
    "grpc_service http_service transport_api_version failure_mode_allow failure_mode_allow_header_add with_request_body clear_route_cache status_on_error validate_mutations metadata_context_namespaces filter_enabled filter_enabled_metadata deny_at_disable include_peer_certificate stat_prefix allowed_headers disallowed_headers include_tls_session encode_raw_headers enable_dynamic_metadata_ingestion",
  "envoy.extensions.filters.http.ext_authz.v3.BufferSettings":
    "max_request_bytes allow_partial_message pack_as_bytes",
  "envoy.extensions.filters.http.ext_authz.v3.HttpService":
    "server_uri path_prefix authorization_request authorization_response",
  "envoy.extensions.filters.http.ext_authz.v3.AuthorizationRequest":
    "allowed_headers headers_to_add",
  "envoy.extensions.filters.http.ext_authz.v3.AuthorizationResponse":
    "allowed_upstream_headers allowed_upstream_headers_to_append allowed_client_headers allowed_client_headers_on_success dynamic_metadata_from_headers",
  "envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute": "disabled check_settings",
  "envoy.extensions.filters.http.ext_authz.v3.CheckSettings":
    "context_extensions disable_request_body_buffering with_request_body",
  "envoy.extensions.filters.network.ext_authz.v3.ExtAuthz":
    "stat_prefix grpc_service failure_mode_allow include_peer_certificate transport_api_version filter_enabled_metadata include_tls_session",
  "envoy.config.core.v3.HttpUri": "uri cluster timeout",
  "envoy.type.matcher.v3.ListStringMatcher": "patterns",
  "envoy.extensions.filters.http.grpc_web.v3.GrpcWeb": "",
  "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication":
    "providers rules bypass_cors_preflight requirement_map strip_failure_response",
  "envoy.extensions.filters.http.jwt_authn.v3.JwtProvider":
    "issuer audiences subjects require_expiration max_lifetime local_jwks forward from_headers from_params from_cookies forward_payload_header pad_forward_payload_header payload_in_metadata normalize_payload_in_metadata header_in_metadata clock_skew_seconds jwt_cache_config claim_to_headers clear_route_cache",
  "envoy.extensions.filters.http.jwt_authn.v3.JwtProvider.NormalizePayload":
    "space_delimited_claims",
  "envoy.extensions.filters.http.jwt_authn.v3.JwtCacheConfig": "jwt_cache_size",
  "envoy.extensions.filters.http.jwt_authn.v3.JwtHeader": "name value_prefix",
  "envoy.extensions.filters.http.jwt_authn.v3.JwtClaimToHeader": "header_name claim_name",
  "envoy.extensions.filters.http.jwt_authn.v3.JwtRequirement":
    "provider_name provider_and_audiences requires_any requires_all allow_missing_or_failed allow_missing",
  "envoy.extensions.filters.http.jwt_authn.v3.ProviderWithAudiences": "provider_name audiences",
  "envoy.extensions.filters.http.jwt_authn.v3.JwtRequirementOrList": "requirements",
  "envoy.extensions.filters.http.jwt_authn.v3.JwtRequirementAndList": "requirements",
  "envoy.extensions.filters.http.jwt_authn.v3.RequirementRule": "match requires requirement_name",
  "envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig": "disabled requirement_name",
  "envoy.extensions.filters.http.stateful_session.v3.StatefulSession": "session_state strict",
  "envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute":
    "disabled stateful_session",
  "envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState": "cookie",
  "envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState": "name",
  "envoy.type.http.v3.Cookie": "name ttl path",
  "envoy.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency":
    "gradient_controller_config enabled concurrency_limit_exceeded_status",
  "envoy.extensions.filters.http.adaptive_concurrency.v3.GradientControllerConfig":
    "sample_aggregate_percentile concurrency_limit_params min_rtt_calc_params",
  "envoy.extensions.filters.http.adaptive_concurrency.v3.GradientControllerConfig.ConcurrencyLimitCalculationParams":
    "max_concurrency_limit concurrency_update_interval",
  "envoy.extensions.filters.http.adaptive_concurrency.v3.GradientControllerConfig.MinimumRTTCalculationParams":
    "interval request_count jitter min_concurrency buffer",
  "envoy.config.core.v3.RuntimeFeatureFlag": "default_value",
  "envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit":
    "stat_prefix enable_mode limit_kbps",
  "envoy.extensions.filters.http.rbac.v3.RBAC":
    "rules rules_stat_prefix shadow_rules shadow_rules_stat_prefix",
  "envoy.extensions.filters.http.rbac.v3.RBACPerRoute": "rbac",
  "envoy.extensions.filters.network.rbac.v3.RBAC":
    "rules shadow_rules shadow_rules_stat_prefix stat_prefix enforcement_type",
  "envoy.config.rbac.v3.RBAC": "action policies",
  "envoy.config.rbac.v3.Policy": "permissions principals",
  "envoy.config.rbac.v3.Permission":
    "and_rules or_rules any header url_path destination_ip destination_port destination_port_range metadata not_rule requested_server_name uri_template",
  "envoy.config.rbac.v3.Permission.Set": "rules",
  "envoy.config.rbac.v3.Principal":
    "and_ids or_ids any authenticated source_ip direct_remote_ip remote_ip header url_path metadata not_id",
  "envoy.config.rbac.v3.Principal.Set": "ids",
  "envoy.config.rbac.v3.Principal.Authenticated": "principal_name",
  "envoy.type.matcher.v3.PathMatcher": "path",
  "envoy.type.matcher.v3.MetadataMatcher": "filter path value invert",
  "envoy.type.matcher.v3.MetadataMatcher.PathSegment": "key",
  "envoy.type.matcher.v3.ValueMatcher":
    "null_match double_match string_match bool_match present_match list_match or_match",
  "envoy.type.matcher.v3.ValueMatcher.NullMatch": "",
  "envoy.type.matcher.v3.DoubleMatcher": "range exact",
  "envoy.type.v3.DoubleRange": "start end",
  "envoy.type.v3.Int32Range": "start end",
  "envoy.type.matcher.v3.ListMatcher": "one_of",
  "envoy.type.matcher.v3.OrMatcher": "value_matchers",
  "envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig": "path_template",
  "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit":
    "stat_prefix status token_bucket filter_enabled filter_enforced request_headers_to_add_when_not_enforced response_headers_to_add descriptors local_rate_limit_per_downstream_connection enable_x_ratelimit_headers always_consume_default_token_bucket rate_limited_as_resource_exhausted rate_limits max_dynamic_descriptors enable_retry_after_header",
  "envoy.extensions.filters.http.ratelimit.v3.RateLimit":
    "domain stage request_type timeout failure_mode_deny rate_limited_as_resource_exhausted rate_limit_service enable_x_ratelimit_headers disable_x_envoy_ratelimited_header rate_limited_status response_headers_to_add status_on_error",
  "envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute": "vh_rate_limits domain",
  "envoy.config.ratelimit.v3.RateLimitServiceConfig": "grpc_service transport_api_version",
  "envoy.extensions.common.ratelimit.v3.LocalRateLimitDescriptor": "entries token_bucket",
  "envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.Entry": "key value",
  "envoy.type.v3.TokenBucket": "max_tokens tokens_per_fill fill_interval",
  "envoy.type.v3.HttpStatus": "code",
  "envoy.config.route.v3.RateLimit": "stage actions",
  "envoy.config.route.v3.RateLimit.Action":
    "generic_key request_headers query_parameters remote_address masked_remote_address header_value_match query_parameter_value_match extension metadata",
  "envoy.config.route.v3.RateLimit.Action.MetaData": "descriptor_key metadata_key default_value",
  "envoy.type.metadata.v3.MetadataKey": "key path",
  "envoy.type.metadata.v3.MetadataKey.PathSegment": "key",
  "envoy.config.route.v3.RateLimit.Action.GenericKey": "descriptor_key descriptor_value",
  "envoy.config.route.v3.RateLimit.Action.RequestHeaders": "header_name descriptor_key",
  "envoy.config.route.v3.RateLimit.Action.QueryParameters": "query_parameter_name descriptor_key",
  "envoy.config.route.v3.RateLimit.Action.RemoteAddress": "",
  "envoy.config.route.v3.RateLimit.Action.MaskedRemoteAddress":
    "v4_prefix_mask_len v6_prefix_mask_len",
  "envoy.config.route.v3.RateLimit.Action.HeaderValueMatch":
    "descriptor_key descriptor_value expect_match headers",
  "envoy.config.route.v3.RateLimit.Action.QueryParameterValueMatch":
    "descriptor_key descriptor_value expect_match query_parameters",
  "envoy.extensions.matching.common_inputs.ssl.v3.UriSanInput": "",
  "envoy.extensions.filters.http.router.v3.Router":
    "suppress_envoy_headers respect_expected_rq_timeout",
  "envoy.extensions.filters.network.http_connection_manager.v3.LocalReplyConfig": "mappers",
  "envoy.extensions.filters.network.http_connection_manager.v3.ResponseMapper":
    "filter headers_to_add",
  "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.ProxyStatusConfig":
    "remove_details remove_connection_termination_details remove_response_flags use_node_id literal_proxy_name",
  "envoy.config.accesslog.v3.AccessLogFilter":
    "response_flag_filter status_code_filter duration_filter and_filter or_filter header_filter grpc_status_filter runtime_filter",
  "envoy.config.accesslog.v3.StatusCodeFilter": "comparison",
  "envoy.config.accesslog.v3.DurationFilter": "comparison",
  "envoy.config.accesslog.v3.ComparisonFilter": "op value",
  "envoy.config.core.v3.RuntimeUInt32": "default_value runtime_key",
  "envoy.config.accesslog.v3.AndFilter": "filters",
  "envoy.config.accesslog.v3.OrFilter": "filters",
  "envoy.config.accesslog.v3.HeaderFilter": "header",
  "envoy.config.accesslog.v3.GrpcStatusFilter": "statuses exclude",
  "envoy.config.accesslog.v3.RuntimeFilter":
    "runtime_key percent_sampled use_independent_randomness",
  "envoy.config.accesslog.v3.ResponseFlagFilter": "flags",
  "envoy.config.accesslog.v3.AccessLog": "name filter typed_config",
  "envoy.extensions.access_loggers.file.v3.FileAccessLog": "path log_format",
  "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog": "log_format",
  "envoy.extensions.access_loggers.stream.v3.StderrAccessLog": "log_format",
  "envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig":
    "common_config disable_builtin_labels resource_attributes body attributes",
  "envoy.extensions.access_loggers.grpc.v3.CommonGrpcAccessLogConfig":
    "log_name grpc_service transport_api_version buffer_flush_interval buffer_size_bytes",
  "opentelemetry.proto.common.v1.KeyValueList": "values",
  "opentelemetry.proto.common.v1.KeyValue": "key value",
  "opentelemetry.proto.common.v1.AnyValue": "string_value",
  "envoy.config.route.v3.RouteConfiguration":
    "name virtual_hosts request_headers_to_add request_headers_to_remove response_headers_to_add response_headers_to_remove validate_clusters ignore_port_in_host_matching metadata typed_per_filter_config",
  "envoy.config.route.v3.VirtualHost":
    "name domains routes request_headers_to_add request_headers_to_remove response_headers_to_add response_headers_to_remove metadata typed_per_filter_config retry_policy hedge_policy request_mirror_policies include_request_attempt_count include_attempt_count_in_response rate_limits",
  "envoy.config.route.v3.Route":
    "name match route redirect direct_response metadata tracing request_headers_to_add request_headers_to_remove response_headers_to_add response_headers_to_remove typed_per_filter_config",
  "envoy.config.route.v3.Tracing": "client_sampling random_sampling overall_sampling custom_tags",
  "envoy.config.route.v3.FilterConfig": "config is_optional disabled",
  "envoy.config.route.v3.RouteMatch":
    "prefix path safe_regex path_separated_prefix connect_matcher case_sensitive headers query_parameters dynamic_metadata",
  "envoy.config.route.v3.RouteMatch.ConnectMatcher": "",
  "envoy.config.route.v3.HeaderMatcher":
    "name exact_match safe_regex_match range_match present_match prefix_match suffix_match contains_match string_match invert_match treat_missing_header_as_empty",
  "envoy.config.route.v3.QueryParameterMatcher": "name string_match present_match",
  "envoy.config.route.v3.RouteAction":
    "cluster weighted_clusters cluster_not_found_response_code prefix_rewrite regex_rewrite host_rewrite_literal timeout idle_timeout retry_policy hedge_policy max_stream_duration max_grpc_timeout grpc_timeout_offset priority request_mirror_policies upgrade_configs hash_policy metadata_match rate_limits",
  "envoy.config.route.v3.RouteAction.UpgradeConfig": "upgrade_type enabled",
  "envoy.config.route.v3.RouteAction.MaxStreamDuration":
    "max_stream_duration grpc_timeout_header_max grpc_timeout_header_offset",
  "envoy.config.route.v3.HedgePolicy":
    "initial_requests additional_request_chance hedge_on_per_try_timeout",
  "envoy.config.route.v3.RouteAction.RequestMirrorPolicy":
    "cluster runtime_fraction trace_sampled disable_shadow_host_suffix_append",
  "envoy.config.route.v3.RouteAction.HashPolicy":
    "header cookie connection_properties query_parameter terminal",
  "envoy.config.route.v3.RouteAction.HashPolicy.Header": "header_name regex_rewrite",
  "envoy.config.route.v3.RouteAction.HashPolicy.Cookie": "name ttl path attributes",
  "envoy.config.route.v3.RouteAction.HashPolicy.CookieAttribute": "name value",
  "envoy.config.route.v3.RouteAction.HashPolicy.ConnectionProperties": "source_ip",
  "envoy.config.route.v3.RouteAction.HashPolicy.QueryParameter": "name",
  "envoy.config.route.v3.WeightedCluster": "clusters total_weight header_name use_hash_policy",
  "envoy.config.route.v3.WeightedCluster.ClusterWeight":
    "name weight request_headers_to_add request_headers_to_remove response_headers_to_add response_headers_to_remove host_rewrite_literal metadata_match",
  "envoy.config.route.v3.RetryPolicy":
    "retry_on num_retries per_try_timeout per_try_idle_timeout retry_host_predicate host_selection_retry_max_attempts retriable_status_codes retriable_headers retriable_request_headers retry_back_off rate_limited_retry_back_off",
  "envoy.config.route.v3.RetryPolicy.RetryBackOff": "base_interval max_interval",
  "envoy.config.route.v3.RetryPolicy.RateLimitedRetryBackOff": "reset_headers max_interval",
  "envoy.config.route.v3.RetryPolicy.ResetHeader": "name format",
  "envoy.config.route.v3.RetryPolicy.RetryHostPredicate": "name typed_config",
  "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate": "",
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
    "name type eds_cluster_config connect_timeout load_assignment lb_policy load_balancing_policy circuit_breakers typed_extension_protocol_options transport_socket metadata common_lb_config alt_stat_name http2_protocol_options upstream_connection_options outlier_detection health_checks close_connections_on_host_health_failure round_robin_lb_config least_request_lb_config ring_hash_lb_config maglev_lb_config lb_subset_config cluster_type dns_refresh_rate respect_dns_ttl dns_lookup_family",
  "envoy.config.cluster.v3.Cluster.EdsClusterConfig": "eds_config service_name",
  "envoy.config.cluster.v3.Cluster.CustomClusterType": "name typed_config",
  "envoy.config.cluster.v3.Cluster.RingHashLbConfig":
    "minimum_ring_size maximum_ring_size hash_function",
  "envoy.config.cluster.v3.Cluster.MaglevLbConfig": "table_size",
  "envoy.config.cluster.v3.Cluster.LbSubsetConfig":
    "fallback_policy default_subset subset_selectors locality_weight_aware panic_mode_any list_as_any",
  "envoy.config.cluster.v3.Cluster.LbSubsetConfig.LbSubsetSelector":
    "keys fallback_policy fallback_keys_subset",
  "envoy.config.cluster.v3.Cluster.CommonLbConfig.ZoneAwareLbConfig":
    "routing_enabled min_cluster_size fail_traffic_on_panic",
  "envoy.config.cluster.v3.Cluster.CommonLbConfig.LocalityWeightedLbConfig": "",
  "envoy.config.cluster.v3.Cluster.CommonLbConfig.ConsistentHashingLbConfig":
    "use_hostname_for_hashing hash_balance_factor",
  "envoy.config.core.v3.HealthStatusSet": "statuses",
  "envoy.extensions.clusters.aggregate.v3.ClusterConfig": "clusters",
  "envoy.config.cluster.v3.Cluster.CommonLbConfig":
    "healthy_panic_threshold zone_aware_lb_config locality_weighted_lb_config consistent_hashing_lb_config override_host_status",
  "envoy.config.cluster.v3.CircuitBreakers": "thresholds per_host_thresholds",
  "envoy.config.cluster.v3.CircuitBreakers.Thresholds":
    "priority max_connections max_pending_requests max_requests max_retries retry_budget track_remaining",
  "envoy.config.cluster.v3.CircuitBreakers.Thresholds.RetryBudget":
    "budget_percent min_retry_concurrency",
  "envoy.config.cluster.v3.UpstreamConnectionOptions": "tcp_keepalive",
  "envoy.config.core.v3.CidrRange": "address_prefix prefix_len",
  "envoy.config.core.v3.TcpKeepalive": "keepalive_probes keepalive_time keepalive_interval",
  "envoy.config.cluster.v3.LoadBalancingPolicy": "policies",
  "envoy.config.cluster.v3.LoadBalancingPolicy.Policy": "typed_extension_config",
  "envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin":
    "slow_start_config locality_lb_config",
  "envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest":
    "choice_count active_request_bias slow_start_config locality_lb_config",
  "envoy.extensions.load_balancing_policies.random.v3.Random": "locality_lb_config",
  "envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash":
    "hash_function minimum_ring_size maximum_ring_size use_hostname_for_hashing hash_balance_factor consistent_hashing_lb_config locality_weighted_lb_config",
  "envoy.extensions.load_balancing_policies.maglev.v3.Maglev":
    "table_size consistent_hashing_lb_config locality_weighted_lb_config",
  "envoy.extensions.load_balancing_policies.wrr_locality.v3.WrrLocality": "endpoint_picking_policy",
  "envoy.extensions.load_balancing_policies.random_subsetting.v3.RandomSubsetting":
    "subset_size child_policy",
  "envoy.extensions.load_balancing_policies.subset.v3.Subset":
    "fallback_policy default_subset subset_selectors locality_weight_aware panic_mode_any list_as_any subset_lb_policy",
  "envoy.extensions.load_balancing_policies.subset.v3.Subset.LbSubsetSelector":
    "keys fallback_policy fallback_keys_subset",
  "envoy.extensions.load_balancing_policies.common.v3.ConsistentHashingLbConfig":
    "use_hostname_for_hashing hash_balance_factor",
  "envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig":
    "zone_aware_lb_config locality_weighted_lb_config",
  "envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig.ZoneAwareLbConfig":
    "routing_enabled min_cluster_size fail_traffic_on_panic",
  "envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig.LocalityWeightedLbConfig":
    "",
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
  "envoy.config.endpoint.v3.ClusterLoadAssignment": "cluster_name endpoints policy",
  "envoy.config.endpoint.v3.ClusterLoadAssignment.Policy":
    "overprovisioning_factor weighted_priority_health",
  "envoy.config.endpoint.v3.LocalityLbEndpoints":
    "locality lb_endpoints load_balancing_weight priority metadata",
  "envoy.config.endpoint.v3.LbEndpoint": "endpoint health_status load_balancing_weight metadata",
  "envoy.config.endpoint.v3.Endpoint": "address hostname health_check_config",
  "envoy.config.cluster.v3.OutlierDetection":
    "consecutive_5xx interval base_ejection_time max_ejection_percent enforcing_consecutive_5xx enforcing_success_rate success_rate_minimum_hosts success_rate_request_volume success_rate_stdev_factor consecutive_gateway_failure enforcing_consecutive_gateway_failure split_external_local_origin_errors consecutive_local_origin_failure enforcing_consecutive_local_origin_failure enforcing_local_origin_success_rate failure_percentage_threshold enforcing_failure_percentage enforcing_failure_percentage_local_origin failure_percentage_minimum_hosts failure_percentage_request_volume max_ejection_time max_ejection_time_jitter successful_active_health_check_uneject_host always_eject_one_host",
  "envoy.config.cluster.v3.Cluster.SlowStartConfig":
    "slow_start_window aggression min_weight_percent",
  "envoy.config.cluster.v3.Cluster.RoundRobinLbConfig": "slow_start_config",
  "envoy.config.cluster.v3.Cluster.LeastRequestLbConfig":
    "choice_count active_request_bias slow_start_config",
  "envoy.extensions.load_balancing_policies.common.v3.SlowStartConfig":
    "slow_start_window aggression min_weight_percent",
  "envoy.config.core.v3.RuntimeDouble": "default_value runtime_key",
  "envoy.config.core.v3.HealthCheck":
    "timeout interval initial_jitter interval_jitter interval_jitter_percent unhealthy_threshold healthy_threshold reuse_connection http_health_check tcp_health_check grpc_health_check no_traffic_interval no_traffic_healthy_interval unhealthy_interval unhealthy_edge_interval healthy_edge_interval always_log_health_check_failures always_log_health_check_success tls_options",
  "envoy.config.core.v3.HealthCheck.HttpHealthCheck":
    "host path send receive response_buffer_size request_headers_to_add request_headers_to_remove expected_statuses retriable_statuses codec_client_type service_name_matcher method",
  "envoy.config.core.v3.HealthCheck.TcpHealthCheck": "send receive",
  "envoy.config.core.v3.HealthCheck.GrpcHealthCheck": "service_name authority initial_metadata",
  "envoy.config.core.v3.HealthCheck.Payload": "text binary",
  "envoy.config.core.v3.HealthCheck.TlsOptions": "alpn_protocols",
  "envoy.config.endpoint.v3.Endpoint.HealthCheckConfig":
    "port_value hostname disable_active_health_check",
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
  "envoy.extensions.transport_sockets.tls.v3.GenericSecret": "secret",
  "envoy.extensions.transport_sockets.tls.v3.Secret":
    "name tls_certificate validation_context generic_secret",
};

/** What to do instead, for fields that are left out on purpose. */
const HINTS: Readonly<Record<string, string>> = {
  "envoy.extensions.filters.http.jwt_authn.v3.JwtProvider.remote_jwks":
    "give the keys in local_jwks.inline_string; with a RequestAuthentication the control plane fetches and sends them",
};

/** What a field is refused with. Names are Envoy's: the message's full one, the field's as in its `.proto` file. */
export function fieldRefusal(typeName: string, field: string): string {
  const hint = HINTS[`${typeName}.${field}`];
  return `not implemented by this proxy${hint === undefined ? "" : `: ${hint}`}`;
}
