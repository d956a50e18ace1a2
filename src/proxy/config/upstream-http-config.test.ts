/** What a cluster speaks: Envoy's three ways to say it, what TLS offers for each, and what is refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import {
  CONNECTION_WINDOW_BYTES,
  STREAM_WINDOW_BYTES,
  UPSTREAM_IDLE_TIMEOUT_MS,
  UPSTREAM_STREAMS_PER_CONNECTION_MAX,
} from "../../core/limits.ts";
import type { FieldError } from "../../decision/field-error.ts";
import { ClusterSchema } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import { compileCluster } from "./cluster-config.ts";
import { messageRegistry } from "./message-registry.ts";
import type { UpstreamHttpConfig } from "./upstream-http-config.ts";

const TYPE = "type.googleapis.com/envoy";
const AT = 'typed_extension_protocol_options["http"]';
const EXPLICIT_1 = { explicit_http_config: { http_protocol_options: {} } };
const EXPLICIT_2 = { explicit_http_config: { http2_protocol_options: {} } };

function compile(json: JsonObject): { http: UpstreamHttpConfig; errors: readonly string[] } {
  const errors: FieldError[] = [];
  const message = fromJson(ClusterSchema, { name: "c", ...json }, { registry: messageRegistry });
  const { http } = compileCluster(message, errors);
  return { http, errors: errors.map(({ path, message }) => `${path}: ${message}`) };
}

function compiled(json: JsonObject): UpstreamHttpConfig {
  const { http, errors } = compile(json);
  assert.deepEqual(errors, []);
  return http;
}

function options(json: JsonObject): JsonObject {
  const http = { "@type": `${TYPE}.extensions.upstreams.http.v3.HttpProtocolOptions`, ...json };
  return { typed_extension_protocol_options: { http } };
}

function tls(...alpn: readonly string[]): JsonObject {
  const typed_config = {
    "@type": `${TYPE}.extensions.transport_sockets.tls.v3.UpstreamTlsContext`,
    common_tls_context: { alpn_protocols: [...alpn] },
  };
  return { transport_socket: { name: "tls", typed_config } };
}

test("a cluster that says nothing speaks HTTP/1.1", () => {
  const { pool, http2Pool, ...rest } = compiled({});
  assert.deepEqual(pool, { codec: "http1", alpn: ["http/1.1"] });
  assert.equal(http2Pool, undefined);
  assert.deepEqual(rest, {
    protocol: "http1",
    idleTimeoutMs: UPSTREAM_IDLE_TIMEOUT_MS,
    connectionAgeMsMax: undefined,
    requestsPerConnectionMax: Number.POSITIVE_INFINITY,
    streamDurationMs: 0,
    http2: {
      maxConcurrentStreams: UPSTREAM_STREAMS_PER_CONNECTION_MAX,
      initialStreamWindowBytes: STREAM_WINDOW_BYTES,
      initialConnectionWindowBytes: CONNECTION_WINDOW_BYTES,
      allowsConnect: false,
      keepalive: undefined,
    },
  });
});

test("each way to say what is spoken has its own offer", () => {
  assert.deepEqual(compiled(options(EXPLICIT_1)).pool, { codec: "http1", alpn: ["http/1.1"] });
  assert.deepEqual(compiled(options(EXPLICIT_2)).pool, { codec: "http2", alpn: ["h2"] });
  assert.deepEqual(compiled({ http2_protocol_options: {} }).pool, { codec: "http2", alpn: ["h2"] });
  assert.deepEqual(compiled({ ...options({ auto_config: {} }), ...tls() }).pool, {
    codec: "alpn",
    alpn: ["h2", "http/1.1"],
  });
  const both = compiled(options({ use_downstream_protocol_config: {} }));
  assert.equal(both.protocol, "downstream");
  assert.deepEqual(both.pool, { codec: "http1", alpn: ["http/1.1"] });
  assert.deepEqual(both.http2Pool, { codec: "http2", alpn: ["h2"] });
});

test("an offer that is configured is kept to, as far as it is spoken", () => {
  const offered = (json: JsonObject, ...alpn: readonly string[]): readonly string[] =>
    compiled({ ...options(json), ...tls(...alpn) }).pool.alpn;
  assert.deepEqual(offered(EXPLICIT_1, "h2", "http/1.1"), ["http/1.1"]);
  assert.deepEqual(offered(EXPLICIT_2, "mesh", "h2", "http/1.1"), ["mesh", "h2"]);
  assert.deepEqual(offered({ auto_config: {} }, "http/1.1", "h2"), ["http/1.1", "h2"]);
  const alpn = "transport_socket.typed_config.common_tls_context.alpn_protocols";
  assert.deepEqual(compile({ ...options(EXPLICIT_1), ...tls("h2") }).errors, [
    `${alpn}: nothing of h2 is what the cluster speaks; add http/1.1`,
  ]);
  assert.deepEqual(compile({ ...options(EXPLICIT_2), ...tls("http/1.1") }).errors, [
    `${alpn}: nothing of http/1.1 is what the cluster speaks; add h2`,
  ]);
});

test("the settings of HTTP/2 are read wherever they stand", () => {
  const settings = {
    max_concurrent_streams: 7,
    initial_stream_window_size: 65_535,
    initial_connection_window_size: 1_048_576,
    allow_connect: true,
  };
  const expected = {
    maxConcurrentStreams: 7,
    initialStreamWindowBytes: 65_535,
    initialConnectionWindowBytes: 1_048_576,
    allowsConnect: true,
    keepalive: undefined,
  };
  const explicit = { explicit_http_config: { http2_protocol_options: settings } };
  assert.deepEqual(compiled(options(explicit)).http2, expected);
  const auto = { auto_config: { http2_protocol_options: settings } };
  assert.deepEqual(compiled({ ...options(auto), ...tls() }).http2, expected);
  const same = { use_downstream_protocol_config: { http2_protocol_options: settings } };
  assert.deepEqual(compiled(options(same)).http2, expected);
  assert.deepEqual(compiled({ http2_protocol_options: settings }).http2, expected);
  const wrong = {
    http2_protocol_options: { max_concurrent_streams: 0, initial_stream_window_size: 1 },
  };
  assert.deepEqual(compile(wrong).errors, [
    "http2_protocol_options.max_concurrent_streams: 0 is not from 1 to 2147483647",
    "http2_protocol_options.initial_stream_window_size: 1 is not from 65535 to 2147483647",
  ]);
});

test("connections live as long as is said, and 0 means for ever", () => {
  const lifetimes = (json: JsonObject): UpstreamHttpConfig =>
    compiled(options({ common_http_protocol_options: json, ...EXPLICIT_1 }));
  const some = lifetimes({
    idle_timeout: "1.5s",
    max_connection_duration: "60s",
    max_requests_per_connection: 3,
  });
  assert.equal(some.idleTimeoutMs, 1_500);
  assert.equal(some.connectionAgeMsMax, 60_000);
  assert.equal(some.requestsPerConnectionMax, 3);
  const never = lifetimes({ idle_timeout: "0s", max_connection_duration: "0s" });
  assert.equal(never.idleTimeoutMs, Number.POSITIVE_INFINITY);
  assert.equal(never.connectionAgeMsMax, Number.POSITIVE_INFINITY);
});

test("what cannot be meant is refused at its path", () => {
  const errorsOf = (json: JsonObject): readonly string[] => compile(json).errors;
  assert.deepEqual(errorsOf(options({})), [
    `${AT}: one of explicit_http_config, auto_config, use_downstream_protocol_config is required`,
  ]);
  assert.deepEqual(errorsOf(options({ explicit_http_config: {} })), [
    `${AT}.explicit_http_config: http_protocol_options or http2_protocol_options is required`,
  ]);
  assert.deepEqual(errorsOf(options({ auto_config: {} })), [
    `${AT}.auto_config: needs TLS, whose handshake decides: add transport_socket`,
  ]);
  assert.deepEqual(errorsOf({ ...options(EXPLICIT_1), http2_protocol_options: {} }), [
    "http2_protocol_options: remove it: typed_extension_protocol_options says it",
  ]);
  const common = { idle_timeout: "-1s", max_requests_per_connection: 0 };
  const at = `${AT}.common_http_protocol_options`;
  assert.deepEqual(errorsOf(options({ common_http_protocol_options: common, ...EXPLICIT_1 })), [
    `${at}.idle_timeout: must not be negative`,
    `${at}.max_requests_per_connection: must be above 0; leave it out for no limit`,
  ]);
  const other = { "@type": `${TYPE}.extensions.load_balancing_policies.random.v3.Random` };
  assert.deepEqual(errorsOf({ typed_extension_protocol_options: { other } }), [
    'typed_extension_protocol_options["other"]: type.googleapis.com/envoy.extensions.load_balancing_policies.random.v3.Random is not implemented',
  ]);
});
