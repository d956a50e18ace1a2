/** Mistakes in a file: each found, with its path, what was expected and what stands there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import fc from "fast-check";
import { sampleBootstrap } from "../../../test/support/bootstrap-sample.ts";
import { BootstrapSchema } from "../../gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { jsonErrors } from "./json-errors.ts";
import { messageRegistry } from "./message-registry.ts";

function errorsOf(json: JsonValue): readonly string[] {
  return jsonErrors(BootstrapSchema, json, messageRegistry).map(
    ({ path, message }) => `${path}: ${message}`,
  );
}

function clusterErrors(cluster: JsonObject): readonly string[] {
  return errorsOf({ static_resources: { clusters: [cluster] } }).map((error) =>
    error.replace("static_resources.clusters[0].", ""),
  );
}

test("names are found in either spelling, and others are told", () => {
  assert.deepEqual(errorsOf({ staticResources: { clusters: [{ connectTimeout: "1s" }] } }), []);
  assert.deepEqual(errorsOf({ static_ressources: {}, node: { idd: "a" } }), [
    "static_ressources: is not a field of envoy.config.bootstrap.v3.Bootstrap",
    "node.idd: is not a field of envoy.config.core.v3.Node",
  ]);
});

test("every mistake of a file is found at once", () => {
  assert.deepEqual(
    clusterErrors({
      name: 7,
      type: "STATICC",
      connect_timeout: 5,
      lb_policy: "RANDOM",
      preconnect_policy: {},
      load_assignment: { endpoints: {} },
      circuit_breakers: { thresholds: [{ max_connections: -1, max_requests: "many" }] },
      common_lb_config: { healthy_panic_threshold: { value: "half" } },
      metadata: { filter_metadata: [] },
    }),
    [
      "name: expected text, found 7",
      'type: expected one of STATIC, STRICT_DNS, LOGICAL_DNS, EDS, ORIGINAL_DST, found "STATICC"',
      'connect_timeout: expected a duration such as "1.5s", found 5',
      "preconnect_policy: not implemented by this proxy",
      "load_assignment.endpoints: expected a list, found {}",
      "circuit_breakers.thresholds[0].max_connections: expected a whole number in range, found -1",
      'circuit_breakers.thresholds[0].max_requests: expected a whole number in range, found "many"',
      'common_lb_config.healthy_panic_threshold.value: expected a number, found "half"',
      "metadata.filter_metadata: expected an object, found []",
    ],
  );
});

test("messages in an Any are looked into, and unknown ones are told", () => {
  const socket = (typed_config: JsonValue): readonly string[] =>
    clusterErrors({ transport_socket: { name: "tls", typed_config } });
  assert.deepEqual(socket({ "@type": "type.googleapis.com/a.B" }), [
    "transport_socket.typed_config: a.B is not implemented",
  ]);
  assert.deepEqual(socket({ sni: "a" }), [
    'transport_socket.typed_config: expected an object with @type, found {"sni":"a"}',
  ]);
  const type = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
  assert.deepEqual(
    socket({ "@type": type, snii: "a", common_tls_context: { alpn_protocols: "h2" } }),
    [
      "transport_socket.typed_config.snii: is not a field of envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
      'transport_socket.typed_config.common_tls_context.alpn_protocols: expected a list, found "h2"',
    ],
  );
});

test("a file that is no object is told as such, and long values are cut", () => {
  assert.deepEqual(errorsOf("text"), [
    ': expected an object with fields of envoy.config.bootstrap.v3.Bootstrap, found "text"',
  ]);
  const [error = ""] = clusterErrors({ connect_timeout: "x".repeat(500) });
  assert.ok(error.length < 200 && error.endsWith("…"), error);
});

test("of a choice only one can be there", () => {
  const json = { static_resources: { secrets: [{ tls_certificate: {}, validation_context: {} }] } };
  assert.deepEqual(errorsOf(json), [
    "static_resources.secrets[0].validation_context: cannot stand together with tls_certificate",
  ]);
});

test("null leaves a field unset, as in protobuf's JSON", () => {
  assert.deepEqual(errorsOf({ node: null, static_resources: { clusters: null } }), []);
});

test("numbers may be text, as protobuf's JSON writes large ones", () => {
  const limits = { thresholds: [{ max_connections: "4294967295" }] };
  assert.deepEqual(clusterErrors({ circuit_breakers: limits }), []);
  const tooLarge = { thresholds: [{ max_connections: "4294967296" }] };
  assert.equal(clusterErrors({ circuit_breakers: tooLarge }).length, 1);
});

test("bytes are base64 that decodes", () => {
  const ca = (text: string): JsonObject =>
    replaced(["static_resources", "clusters", 0, "transport_socket"], {
      name: "tls",
      typed_config: {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        common_tls_context: { validation_context: { trusted_ca: { inline_bytes: text } } },
      },
    });
  assert.deepEqual(errorsOf(ca("eA==")), []);
  for (const text of ["x", "e*=="]) assert.equal(errorsOf(ca(text)).length, 1, text);
});

/** Values that replace something in a file that is right. */
const replacement = fc.oneof(
  fc.constantFrom<JsonValue>(
    null,
    true,
    false,
    0,
    -1,
    1.5,
    2 ** 33,
    "",
    "x",
    "1s",
    "-1",
    "TCP",
    [],
    {},
  ),
  fc.constantFrom<JsonValue>([1], { a: 1 }, { "@type": "type.googleapis.com/a.B" }, "1.5"),
);

function slots(json: JsonValue, path: (string | number)[] = []): (string | number)[][] {
  if (typeof json !== "object" || json === null) return [path];
  const inner = Object.entries(json).flatMap(([key, value]) =>
    key === "@type" ? [] : slots(value, [...path, Array.isArray(json) ? Number(key) : key]),
  );
  return path.length === 0 ? inner : [path, ...inner];
}

function replaced(path: readonly (string | number)[], value: JsonValue): JsonObject {
  const json = sampleBootstrap();
  let holder = json as Record<string | number, JsonValue>;
  for (const key of path.slice(0, -1)) holder = holder[key] as Record<string | number, JsonValue>;
  holder[path.at(-1)!] = value;
  return json;
}

test("what passes can be decoded: no mistake is left to the decoder, which knows no paths", () => {
  const places = slots(sampleBootstrap());
  fc.assert(
    fc.property(fc.constantFrom(...places), replacement, (path, value) => {
      const json = replaced(path, value);
      if (errorsOf(json).length > 0) return;
      fromJson(BootstrapSchema, json, { registry: messageRegistry });
    }),
    { numRuns: 1_500 },
  );
});
