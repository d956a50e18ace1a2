/** Listeners: address, direction, filter chains with their one filter, and their access logs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import type { FieldError } from "../../decision/field-error.ts";
import { ListenerSchema } from "../../gen/envoy/config/listener/v3/listener_pb.js";
import type { HttpConfig } from "../http-config.ts";
import { compileListener, type ListenerConfig } from "./listener-config.ts";
import { messageRegistry } from "./message-registry.ts";

const TYPE = "type.googleapis.com/envoy.extensions";
const TCP_PROXY = `${TYPE}.filters.network.tcp_proxy.v3.TcpProxy`;
const MANAGER = `${TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager`;
const ROUTER = {
  name: "router",
  typed_config: { "@type": `${TYPE}.filters.http.router.v3.Router` },
};

function compile(json: JsonObject): {
  readonly config: ListenerConfig | undefined;
  readonly errors: readonly string[];
} {
  const errors: FieldError[] = [];
  const address = { socket_address: { address: "127.0.0.1", port_value: 80 } };
  const message = fromJson(ListenerSchema, { address, ...json }, { registry: messageRegistry });
  const config = compileListener(message, errors, () => 0);
  const prefix = "filter_chains[0].filters[0].typed_config.";
  return {
    config,
    errors: errors.map(({ path, message }) => `${path.replace(prefix, "~")}: ${message}`),
  };
}

function filter(manager: JsonObject = {}): JsonObject {
  const routes = { route_config: { name: "r" } };
  return {
    name: "http",
    typed_config: { "@type": MANAGER, http_filters: [ROUTER], ...routes, ...manager },
  };
}

function tcp(proxy: JsonObject = { cluster: "c" }): JsonObject {
  return { name: "tcp", typed_config: { "@type": TCP_PROXY, stat_prefix: "t", ...proxy } };
}

function maxConnections(max_connections: number): JsonObject {
  const type = `${TYPE}.filters.network.connection_limit.v3.ConnectionLimit`;
  return { name: "limit", typed_config: { "@type": type, stat_prefix: "p", max_connections } };
}

function connectionRate(token_bucket: JsonObject): JsonObject {
  const type = `${TYPE}.filters.network.local_ratelimit.v3.LocalRateLimit`;
  return { name: "rate", typed_config: { "@type": type, stat_prefix: "p", token_bucket } };
}

function listenerFilter(type: string): JsonObject {
  return { name: type, typed_config: { "@type": `${TYPE}.filters.listener.${type}` } };
}

function httpOf(config: ListenerConfig | undefined): HttpConfig {
  const service = config?.chains[0]?.service;
  assert.ok(service?.kind === "http");
  return service.http;
}

function errorsOf(manager: JsonObject): readonly string[] {
  return compile({ filter_chains: [{ filters: [filter(manager)] }] }).errors;
}

const CHAINS = { filter_chains: [{ filters: [filter()] }] };

test("a listener has a name, an address and a direction", () => {
  const { config, errors } = compile({ name: "in", traffic_direction: "INBOUND", ...CHAINS });
  assert.deepEqual(errors, []);
  assert.equal(config?.name, "in");
  assert.deepEqual(config?.address, { host: "127.0.0.1", port: 80 });
  assert.equal(config?.direction, "inbound");
  assert.equal(config?.chains[0]?.tls, undefined);
  assert.equal(compile(CHAINS).config?.direction, "outbound");
});

test("a listener without a name is called by its address", () => {
  assert.equal(compile(CHAINS).config?.name, "127.0.0.1:80");
});

test("the last filter of a chain serves, others limit connections", () => {
  const last =
    "filter_chains[0].filters: the last filter must be an HttpConnectionManager or a TcpProxy";
  assert.deepEqual(compile({}).errors, ["filter_chains: at least one filter chain is required"]);
  assert.deepEqual(compile({ filter_chains: [{}] }).errors, [last]);
  const two = [filter(), filter()];
  assert.deepEqual(compile({ filter_chains: [{ filters: two }] }).errors, [
    "filter_chains[0].filters[0]: only a ConnectionLimit, a LocalRateLimit, an RBAC or an ExtAuthz may stand before the last filter",
  ]);
  assert.deepEqual(compile({ filter_chains: [{ filters: [maxConnections(3)] }] }).errors, [last]);
  const { config, errors } = compile({
    filter_chains: [
      { filters: [filter()], filter_chain_match: { server_names: ["a.example"] } },
      { filters: [tcp()] },
    ],
    default_filter_chain: { filters: [filter()] },
  });
  assert.deepEqual(errors, []);
  assert.deepEqual(
    config?.chains.map(({ service }) => service.kind),
    ["http", "tcp", "http"],
  );
  assert.equal(config?.defaultChain, 2);
});

test("limits of a chain's connections keep their order", () => {
  const bucket = { max_tokens: 6, tokens_per_fill: 4, fill_interval: "1s" };
  const filters = [connectionRate(bucket), maxConnections(3), tcp()];
  const { config, errors } = compile({ filter_chains: [{ filters }] });
  assert.deepEqual(errors, []);
  assert.deepEqual(config?.chains[0]?.limits, [
    { kind: "rate", policy: "p", tokensMax: 6, intervalMs: 250 },
    { kind: "active", policy: "p", max: 3 },
  ]);
});

test("limits that make no sense are told by their path", () => {
  const limitErrors = (limit: JsonObject): readonly string[] =>
    compile({ filter_chains: [{ filters: [limit, tcp()] }] }).errors;
  assert.deepEqual(limitErrors(maxConnections(0)), ["~max_connections: must be at least 1"]);
  assert.deepEqual(limitErrors(connectionRate({ max_tokens: 1, fill_interval: "0.049s" })), [
    "~token_bucket.fill_interval: must be 50 ms or longer",
  ]);
  const nothing = { max_tokens: 0, tokens_per_fill: 0, fill_interval: "1s" };
  assert.deepEqual(limitErrors(connectionRate(nothing)), [
    "~token_bucket.max_tokens: must be above 0",
    "~token_bucket.tokens_per_fill: must be above 0",
  ]);
});

test("two chains for the same connections are refused", () => {
  const same = { filters: [filter()], filter_chain_match: { server_names: ["b.example"] } };
  const both = {
    filters: [filter()],
    filter_chain_match: { server_names: ["a.example", "B.example"] },
  };
  assert.deepEqual(compile({ filter_chains: [same, both] }).errors, [
    "filter_chains[1].filter_chain_match: matches the same connections as filter_chains[0]",
  ]);
});

test("a default chain has no match", () => {
  const chain = { filters: [filter()], filter_chain_match: { server_names: ["a"] } };
  assert.deepEqual(compile({ default_filter_chain: chain }).errors, [
    "default_filter_chain.filter_chain_match: the default chain takes what no other matches: it has no match of its own",
  ]);
});

test("wrong matches are told by their path", () => {
  const filter_chain_match = {
    server_names: ["*", "*.a.example", "a*.example"],
    transport_protocol: "quic",
    application_protocols: [""],
    destination_port: 0,
  };
  const errors = compile({ filter_chains: [{ filters: [filter()], filter_chain_match }] }).errors;
  assert.deepEqual(
    errors.map((error) => error.replace("filter_chains[0].filter_chain_match.", "")),
    [
      "destination_port: 0 is not a port",
      "application_protocols[0]: must not be empty",
      'server_names[0]: "*" is neither a host name nor "*." with one; leave server_names out to match every name',
      'server_names[2]: "a*.example" is neither a host name nor "*." with one; leave server_names out to match every name',
      'transport_protocol: "quic" is neither tls nor raw_buffer',
    ],
  );
});

test("nothing is inspected that no chain asks for", () => {
  const http = { application_protocols: ["http/1.1"], transport_protocol: "raw_buffer" };
  const of = (listener_filters: JsonObject[], ...matches: JsonObject[]) => {
    const filter_chains = matches.map((filter_chain_match) => ({
      filters: [filter()],
      filter_chain_match,
    }));
    const { config, errors } = compile({ listener_filters, filter_chains });
    assert.deepEqual(errors, []);
    return config?.inspection;
  };
  const none = {
    proxyProtocol: "none",
    readsTls: false,
    readsHttp: false,
    timeoutMs: 15_000,
    continuesOnTimeout: false,
  };
  const tls = listenerFilter("tls_inspector.v3.TlsInspector");
  const inspector = listenerFilter("http_inspector.v3.HttpInspector");
  assert.deepEqual(of([tls, inspector], {}), none);
  assert.deepEqual(of([tls, inspector], http, {}), { ...none, readsTls: true, readsHttp: true });
  assert.deepEqual(of([inspector], http), { ...none, readsHttp: true });
  // Envoy adds the TLS inspector by itself.
  assert.deepEqual(of([], { server_names: ["a.example"] }), { ...none, readsTls: true });
  const proxied = listenerFilter("proxy_protocol.v3.ProxyProtocol");
  assert.deepEqual(of([proxied], {}), { ...none, proxyProtocol: "required" });
});

test("listener filters have their place and their limits", () => {
  const proxied = listenerFilter("proxy_protocol.v3.ProxyProtocol");
  const tls = listenerFilter("tls_inspector.v3.TlsInspector");
  const { errors } = compile({
    ...CHAINS,
    listener_filters: [tls, proxied, tls, { name: "none" }],
    listener_filters_timeout: "-1s",
  });
  assert.deepEqual(errors, [
    "listener_filters[1]: proxy_protocol must be the first filter",
    "listener_filters[2]: the same listener filter stands before it",
    "listener_filters[3].typed_config: is required",
    "listener_filters_timeout: must not be negative",
  ]);
});

test("a TCP proxy names its clusters, its limits and its logs", () => {
  const weighted_clusters = {
    clusters: [
      { name: "a", weight: 1 },
      { name: "b", weight: 3 },
    ],
  };
  const chain = (proxy: JsonObject) => ({ filter_chains: [{ filters: [tcp(proxy)] }] });
  const { config, errors } = compile(
    chain({ weighted_clusters, idle_timeout: "10s", max_connect_attempts: 3 }),
  );
  assert.deepEqual(errors, []);
  const [{ service } = assert.fail("no chain")] = config?.chains ?? [];
  assert.ok(service.kind === "tcp");
  assert.equal(service.tcp.clusters.total, 4);
  assert.equal(service.tcp.idleTimeoutMs, 10_000);
  assert.equal(service.tcp.connectAttemptsMax, 3);
  const wrong = compile(
    chain({
      ...{ weighted_clusters: { clusters: [{ name: "", weight: 0 }] }, stat_prefix: "" },
      ...{ max_connect_attempts: 0, idle_timeout: "-1s" },
    }),
  ).errors;
  assert.deepEqual(wrong, [
    "~stat_prefix: is required",
    "~max_connect_attempts: must be at least 1",
    "~weighted_clusters.clusters[0].name: a cluster name is required",
    "~weighted_clusters.clusters[0].weight: must be at least 1",
    "~idle_timeout: must not be negative",
  ]);
  const nowhere = compile({
    filter_chains: [
      { filters: [{ name: "t", typed_config: { "@type": TCP_PROXY, stat_prefix: "t" } }] },
    ],
  });
  assert.deepEqual(nowhere.errors, [
    "filter_chains[0].filters[0].typed_config: one of cluster, weighted_clusters is required",
  ]);
});

test("routes are contained or named", () => {
  const rds = { config_source: { ads: {} }, route_config_name: "dynamic" };
  const { config, errors } = compile({
    filter_chains: [
      {
        filters: [
          { name: "http", typed_config: { "@type": MANAGER, http_filters: [ROUTER], rds } },
        ],
      },
    ],
  });
  assert.deepEqual(errors, []);
  assert.equal(httpOf(config).routesName, "dynamic");
  assert.equal(httpOf(config).inlineRoutes, undefined);
  assert.equal(httpOf(compile(CHAINS).config).inlineRoutes?.name, "r");
});

test("timeouts below zero are refused", () => {
  const common_http_protocol_options = { idle_timeout: "-1s" };
  assert.deepEqual(
    errorsOf({
      ...{ common_http_protocol_options, stream_idle_timeout: "-1s" },
      request_headers_timeout: "-0.5s",
    }),
    [
      "~stream_idle_timeout: must not be negative",
      "~common_http_protocol_options.idle_timeout: must not be negative",
      "~request_headers_timeout: must not be negative",
    ],
  );
});

test("errors of routes are told with the whole path", () => {
  const route_config = { name: "r", virtual_hosts: [{ domains: ["*"] }] };
  assert.deepEqual(errorsOf({ route_config }), [
    "~route_config.virtual_hosts[0].name: a name is required",
  ]);
});

const FILE = `${TYPE}.access_loggers.file.v3.FileAccessLog`;
const STDOUT = `${TYPE}.access_loggers.stream.v3.StdoutAccessLog`;

function logErrors(type: string, json: JsonObject): readonly string[] {
  return errorsOf({ access_log: [{ name: "log", typed_config: { "@type": type, ...json } }] }).map(
    (error) => error.replace("~access_log[0].", ""),
  );
}

test("access logs go to a file or standard output, in a format or the default", () => {
  const access_log = [
    { name: "a", typed_config: { "@type": FILE, path: "/tmp/x" } },
    {
      name: "b",
      typed_config: {
        "@type": STDOUT,
        log_format: { text_format_source: { inline_string: "%METHOD%\n" } },
      },
    },
  ];
  const { config, errors } = compile({ filter_chains: [{ filters: [filter({ access_log })] }] });
  assert.deepEqual(errors, []);
  assert.deepEqual(
    httpOf(config).accessLogs.map((log) => log.kind === "lines" && log.path),
    ["/tmp/x", "/dev/stdout"],
  );
});

test("an access log that could not be written is refused at its path", () => {
  assert.deepEqual(logErrors(FILE, {}), ["typed_config.path: a path is required"]);
  const format = "typed_config.log_format";
  const json = (value: unknown): JsonObject =>
    ({ log_format: { json_format: { key: value } } }) as JsonObject;
  assert.deepEqual(logErrors(STDOUT, json({ nested: ["%PATH%", 1] })), []);
  assert.match(
    logErrors(STDOUT, json({ nested: ["%NOPE%"] }))[0] ?? "",
    /^typed_config\.log_format\.json_format\.key\.nested\[0\]: the operator %NOPE%/,
  );
  assert.match(
    logErrors(STDOUT, json("%NOPE%"))[0] ?? "",
    /^typed_config\.log_format\.json_format\.key: the operator %NOPE% is not implemented/,
  );
  const text = (source: JsonObject): JsonObject => ({ log_format: { text_format_source: source } });
  assert.deepEqual(logErrors(STDOUT, text({ filename: "/f" })), [
    `${format}.text_format_source.inline_string: is required`,
  ]);
  assert.deepEqual(logErrors(STDOUT, text({ inline_string: "%x" })), [
    `${format}.text_format_source.inline_string: the % at position 0 begins no operator; write %% for a percent sign`,
  ]);
  const type = `${TYPE}.filters.http.router.v3.Router`;
  assert.deepEqual(logErrors(type, {}), [
    "typed_config: only file, stdout, stderr and open_telemetry access logs are implemented",
  ]);
});
