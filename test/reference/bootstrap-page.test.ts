/** `docs/reference/bootstrap.md`: what of Envoy's configuration is implemented, by message and field. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SUPPORTED_FIELDS } from "../../src/proxy/config/supported-fields.ts";
import { LISTS_OF_ALTERNATIVES, SUPPORTED_TYPES } from "../../src/proxy/config/supported-types.ts";
import { checkPage, code, table } from "./reference-page.ts";

const INTRODUCTION = `# Bootstrap and xDS

\`tulle sidecar --bootstrap FILE\` starts from an Envoy v3 bootstrap file in JSON or YAML, and takes the same messages
from a control plane over xDS. This page is the part of Envoy's configuration that is implemented, by message and
field; it is written from the list that the sidecar itself checks against.

Nothing is ignored. A field that is set and not listed here, a message in a place where it is not listed, a value
that no version of the list knows, and a value out of bounds are errors that name the path, such as
\`static_resources.clusters[0].outlier_detection\`. Errors in a bootstrap file end the start with
exit code 2, each on a line of its own; an xDS resource with errors is refused (NACK) with all of them, and the one
before it stays in use.

What the fields mean is described in [Envoy's reference](https://www.envoyproxy.io/docs/envoy/latest/api-v3/api);
where Tulle does something else on purpose, [envoy-differences.md](envoy-differences.md) says what and why.
`;

/** What there is to say about a field besides Envoy's description. */
const NOTES: Readonly<Record<string, string>> = {
  "rbac.v3.Principal.authenticated":
    "without a name: any peer that was verified; Envoy takes any TLS connection for one",
  "rbac.v3.Principal.header": "as in permissions",
  "rbac.v3.Permission.header":
    "of several fields one that matches is enough for DENY and LOG, all must match for ALLOW",
  "network.rbac.v3.RBAC.enforcement_type":
    "connections are judged before their first byte and when configuration changes, whatever is said",
  "http.rbac.v3.RBAC.rules_stat_prefix": "accepted; metrics are by policy and rule",
  "bootstrap.v3.Bootstrap.admin":
    "loopback addresses are meant: whoever reaches the port can end the process",
  "overload.v3.ResourceMonitor.name":
    "`envoy.resource_monitors.global_downstream_max_connections`; with several workers each has its part",
  "downstream_connections.v3.DownstreamConnectionsConfig.max_active_downstream_connections":
    "without it 50,000, or half of the open files that the process may have where those are fewer, for each worker; the admin port is never counted",
  "core.v3.ApiConfigSource.api_type": "`GRPC` or `DELTA_GRPC`",
  "core.v3.ApiConfigSource.set_node_on_first_message_only":
    "no effect: the node is always sent with the first message alone",
  "core.v3.SocketAddress.protocol": "only `TCP`",
  "core.v3.SocketAddress.address": "an IP address, never a name",
  "core.v3.DataSource.filename":
    "read when the proxy starts or the secret arrives; not for direct responses and log formats",
  "core.v3.Http2ProtocolOptions.allow_connect":
    "whether extended CONNECT (RFC 8441) may be used, which WebSocket over HTTP/2 needs",
  "core.v3.Http2ProtocolOptions.connection_keepalive":
    "of clusters and listeners; a connection on which anything comes sends no PING",
  "core.v3.KeepaliveSettings.interval": "at least 0.1s; counted in steps of half a second",
  "core.v3.KeepaliveSettings.timeout": "required",
  "core.v3.KeepaliveSettings.interval_jitter": "15 % when left out",
  "core.v3.KeepaliveSettings.connection_idle_interval": "at least 0.1s; of clusters",
  "core.v3.HeaderValue.value":
    "literal or `%PROTOCOL%`; `%%` is a percent sign, other command operators are refused",
  "core.v3.SubstitutionFormatString.json_format":
    "one level, text values; see the operators in [metrics.md](metrics.md#access-logs)",
  "core.v3.SubstitutionFormatString.text_format_source": "`inline_string`",
  "core.v3.TypedExtensionConfig.name": "for people: the type of `typed_config` decides",
  "listener.v3.Listener.filter_chains":
    "at least one, or `default_filter_chain`; the most specific match is taken, as in Envoy",
  "listener.v3.Listener.name": "the address when there is none",
  "listener.v3.Listener.traffic_direction":
    "`INBOUND`, else outbound; decides which side's metrics are counted",
  "listener.v3.Listener.stat_prefix": "no effect",
  "listener.v3.Listener.enable_reuse_port": "no effect: each worker has a socket of its own",
  "listener.v3.FilterChain.filters":
    "HttpConnectionManager or TcpProxy, the last one; those before it limit connections",
  "http_connection_manager.v3.HttpConnectionManager.codec_type": "`AUTO`, `HTTP1` or `HTTP2`",
  "http_connection_manager.v3.HttpConnectionManager.stat_prefix": "no effect",
  "http_connection_manager.v3.HttpConnectionManager.forward_client_cert_details":
    "`SANITIZE` or `ALWAYS_FORWARD_ONLY`",
  "http_connection_manager.v3.HttpConnectionManager.tracing":
    "without a provider nothing is traced",
  "trace.v3.Tracing.Http.typed_config": "`envoy.config.trace.v3.OpenTelemetryConfig`",
  "http_connection_manager.v3.HttpConnectionManager.http_filters":
    "the router comes last; before it `envoy.filters.http.grpc_web`",
  "http_connection_manager.v3.ResponseMapper.headers_to_add":
    "for the answers that the proxy gives itself",
  "route.v3.RouteConfiguration.validate_clusters": "`false`; `true` is refused",
  "route.v3.RetryPolicy.retry_on":
    "`connect-failure`, `refused-stream`, `reset-before-request`, `reset`, `5xx`, `gateway-error`, `retriable-status-codes`, `retriable-headers`",
  "route.v3.RetryPolicy.retriable_headers": "`present_match: true`",
  "route.v3.WeightedCluster.total_weight": "no effect, as in Envoy: the sum of the weights counts",
  "route.v3.DirectResponseAction.body": "`inline_string` or `inline_bytes`, 4096 bytes at most",
  "matcher.v3.RegexMatcher.regex":
    "RE2 syntax, 1024 characters at most, matched in linear time against the whole text",
  "matcher.v3.RegexMatcher.google_re2": "no effect: there is no other engine",
  "cluster.v3.Cluster.type": "`STATIC` or `EDS`",
  "cluster.v3.Cluster.lb_policy":
    "`ROUND_ROBIN`, `LEAST_REQUEST` or `RANDOM`; used where `load_balancing_policy` is not given",
  "cluster.v3.Cluster.load_balancing_policy": "the first policy of the list that is known is used",
  "cluster.v3.Cluster.alt_stat_name": "no effect",
  "cluster.v3.CircuitBreakers.Thresholds.priority": "`DEFAULT`; no request has another",
  "least_request.v3.LeastRequest.choice_count": "2",
  "core.v3.GrpcService.timeout": "of authorization services; 200 ms when left out",
  "core.v3.GrpcService.EnvoyGrpc.authority":
    "of authorization services; the cluster's name when left out",
  "core.v3.HttpUri.uri": "no effect: `cluster` says where, and the request's own host is asked for",
  "ext_authz.v3.ExtAuthz.validate_mutations":
    "no effect: answers with malformed fields are never used",
  "ext_authz.v3.BufferSettings.max_request_bytes": "at most 1 MiB",
  "ext_authz.v3.BufferSettings.pack_as_bytes": "of gRPC services",
  "type.v3.TypedStruct.type_url":
    "`envoy.extensions.load_balancing_policies.peak_ewma.v3alpha.PeakEwma`, which only Tulle has; `value` must be empty",
  "cluster.v3.Cluster.http2_protocol_options":
    "Envoy's older way to say `explicit_http_config.http2_protocol_options`",
  "core.v3.HttpProtocolOptions.max_connection_duration":
    "clusters only; up to 20 % earlier, 0 for never; without it 10 minutes for HTTP/2 and never for HTTP/1.1",
  "core.v3.HttpProtocolOptions.max_requests_per_connection": "clusters only",
  "http.v3.HttpProtocolOptions.auto_config": "needs TLS, whose handshake decides",
  "endpoint.v3.LocalityLbEndpoints.load_balancing_weight":
    "no effect, as in Envoy without locality-weighted balancing",
  "endpoint.v3.Endpoint.hostname": "no effect",
  "tls.v3.CommonTlsContext.tls_certificates": "one, here or by SDS",
  "tls.v3.CommonTlsContext.alpn_protocols":
    "clusters leave out what they do not speak; without it `h2`, `http/1.1` or both, by what they do",
  "tls.v3.CommonTlsContext.CombinedCertificateValidationContext.default_validation_context":
    "`match_typed_subject_alt_names`",
  "tls.v3.TlsParameters.tls_minimum_protocol_version": "`TLSv1_2` (default) or `TLSv1_3`",
  "tls.v3.TlsParameters.tls_maximum_protocol_version": "`TLSv1_2` or `TLSv1_3` (default)",
  "tls.v3.CertificateValidationContext.match_typed_subject_alt_names": "not within a secret",
  "tls.v3.SubjectAltNameMatcher.san_type": "`URI` or `DNS`",
};

/**
 * `listener.v3.Filter` for `envoy.config.listener.v3.Filter`: the last two packages tell messages apart, but for rate limits
 * of requests and of connections.
 */
function shortName(type: string): string {
  const parts = type.split(".");
  const version = parts.findIndex((part) => /^v\d/.test(part));
  const isNamedTwice =
    /\.filters\.(network\.local_ratelimit|network\.rbac|network\.ext_authz|http\.rbac)\./.test(
      type,
    );
  return parts.slice(version - (isNamedTwice ? 2 : 1)).join(".");
}

function noteOf(type: string, field: string): string {
  const types = typesOf(`${type}.${field}`);
  const note = NOTES[`${shortName(type)}.${field}`] ?? "";
  return [note, types].filter((text) => text !== "").join("; ");
}

/** Which messages may stand in a field that can hold any. */
function typesOf(holder: string): string {
  const types = SUPPORTED_TYPES[holder];
  if (types === undefined) return "";
  const list = types.map((type) => code(shortName(type))).join(", ");
  return LISTS_OF_ALTERNATIVES.has(holder) ? `${list}; others are passed over` : list;
}

function section([type, fields]: readonly [string, string]): string {
  const names = fields === "" ? [] : fields.split(" ");
  const heading = `### ${type}\n\n`;
  if (names.length === 0) return `${heading}May be given, without any field.\n`;
  const rows = names.map((name) => [code(name), noteOf(type, name)]);
  return `${heading}${table(["Field", "Notes"], rows)}\n`;
}

function bootstrapPage(): string {
  const sections = Object.entries(SUPPORTED_FIELDS).map(section);
  return [INTRODUCTION, "## Messages\n", ...sections].join("\n");
}

test("bootstrap.md lists what the sidecar implements", () => {
  checkPage("bootstrap.md", bootstrapPage());
});

test("each note belongs to a field that is implemented", () => {
  const known = new Set(
    Object.entries(SUPPORTED_FIELDS).flatMap(([type, fields]) =>
      fields.split(" ").map((field) => `${shortName(type)}.${field}`),
    ),
  );
  assert.deepEqual(
    Object.keys(NOTES).filter((name) => !known.has(name)),
    [],
  );
});

test("short names tell messages apart", () => {
  const names = Object.keys(SUPPORTED_FIELDS).map(shortName);
  assert.equal(new Set(names).size, names.length);
});
