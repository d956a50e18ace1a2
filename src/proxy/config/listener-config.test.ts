/** Listeners: address, direction, the one chain with its one filter, and their access logs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import type { FieldError } from "../../decision/field-error.ts";
import { ListenerSchema } from "../../gen/envoy/config/listener/v3/listener_pb.js";
import { compileListener, type ListenerConfig } from "./listener-config.ts";
import { messageRegistry } from "./message-registry.ts";

const TYPE = "type.googleapis.com/envoy.extensions";
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
  assert.equal(config?.tls, undefined);
  assert.equal(compile(CHAINS).config?.direction, "outbound");
});

test("a listener without a name is called by its address", () => {
  assert.equal(compile(CHAINS).config?.name, "127.0.0.1:80");
});

test("exactly one chain with one filter is implemented", () => {
  const chain = "filter_chains: exactly one filter chain is implemented";
  const only =
    "filter_chains[0].filters: exactly one filter, an HttpConnectionManager, is implemented";
  assert.deepEqual(compile({}).errors, [chain, only]);
  const two = { filter_chains: [{ filters: [filter()] }, { filters: [filter()] }] };
  assert.deepEqual(compile(two).errors, [chain]);
  assert.deepEqual(compile({ filter_chains: [{}] }).errors, [only]);
  assert.deepEqual(compile({ filter_chains: [{ filters: [filter(), filter()] }] }).errors, [only]);
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
  assert.equal(config?.http.routesName, "dynamic");
  assert.equal(config?.http.inlineRoutes, undefined);
  assert.equal(compile(CHAINS).config?.http.inlineRoutes?.name, "r");
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
    config?.http.accessLogs.map(({ path }) => path),
    ["/tmp/x", "/dev/stdout"],
  );
});

test("an access log that could not be written is refused at its path", () => {
  assert.deepEqual(logErrors(FILE, {}), ["typed_config.path: a path is required"]);
  const format = "typed_config.log_format";
  const json = (value: unknown): JsonObject =>
    ({ log_format: { json_format: { key: value } } }) as JsonObject;
  assert.deepEqual(logErrors(STDOUT, json({ nested: "%PATH%" })), [
    `${format}.json_format.key: only text values are implemented`,
  ]);
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
    "typed_config: only file and stdout access logs are implemented",
  ]);
});
