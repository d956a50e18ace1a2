/** What is implemented is accepted, all of it; what is not is refused, at its path, whichever way it comes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type DescField,
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonObject,
  type JsonValue,
  type Message,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { sampleBootstrap } from "../../../test/support/bootstrap-sample.ts";
import { CLUSTERS, SAMPLE_CHANNEL } from "../../../test/support/clusters-sample.ts";
import type { FieldError } from "../../decision/field-error.ts";
import { BootstrapSchema } from "../../gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { ClusterSchema } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import { compileStaticResources } from "../static-resources.ts";
import { jsonErrors } from "./json-errors.ts";
import { messageRegistry } from "./message-registry.ts";
import { fieldRefusal, SUPPORTED_FIELDS } from "./supported-fields.ts";
import { SUPPORTED_TYPES } from "./supported-types.ts";
import { unsupportedFields } from "./unsupported-fields.ts";

const registry = messageRegistry;

interface Occurrence {
  readonly json: JsonObject;
  readonly path: string;
  readonly schema: DescMessage;
}

/** Every message of a JSON file with its path, Any included. */
function occurrences(schema: DescMessage, json: JsonValue, path = ""): readonly Occurrence[] {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return [];
  if (schema.typeName === "google.protobuf.Any") {
    const name = String(json["@type"]).replace("type.googleapis.com/", "");
    return occurrences(registry.getMessage(name) ?? assert.fail(name), json, path);
  }
  if (schema.typeName.startsWith("google.protobuf.")) return [];
  const inside = Object.entries(json).flatMap(([key, value]) => {
    const field = schema.fields.find(({ name }) => name === key);
    const inner = field?.message;
    if (field === undefined || inner === undefined) return [];
    const at = path === "" ? key : `${path}.${key}`;
    if (field.fieldKind === "list") {
      const items = value as JsonValue[];
      return items.flatMap((item, index) => occurrences(inner, item, `${at}[${index}]`));
    }
    if (field.fieldKind === "map") {
      const entries = Object.entries(value as JsonObject);
      return entries.flatMap(([name, item]) =>
        occurrences(inner, item, `${at}[${JSON.stringify(name)}]`),
      );
    }
    return occurrences(inner, value, at);
  });
  return [{ json, path, schema }, ...inside];
}

const sample = sampleBootstrap();
const found = occurrences(BootstrapSchema, sample);
const byType = new Map<string, Occurrence[]>();
for (const occurrence of found) {
  const { typeName } = occurrence.schema;
  byType.set(typeName, [...(byType.get(typeName) ?? []), occurrence]);
}

function check(json: JsonValue): readonly FieldError[] {
  const message = fromJson(BootstrapSchema, json, { registry });
  return unsupportedFields(BootstrapSchema, message, registry);
}

test("a file that sets everything that is implemented is accepted and compiles", () => {
  assert.deepEqual(jsonErrors(BootstrapSchema, sample, registry), []);
  assert.deepEqual(check(sample), []);
  const bootstrap = fromJson(BootstrapSchema, sample, { registry });
  const errors: FieldError[] = [];
  const isChannel = (name: string): boolean => name === SAMPLE_CHANNEL;
  const compiled = compileStaticResources(bootstrap, isChannel, errors, () => 0);
  assert.deepEqual(errors, []);
  assert.deepEqual(
    compiled.clusters.map(({ name }) => name),
    CLUSTERS.map(({ name }) => name).filter((name) => name !== SAMPLE_CHANNEL),
  );
  assert.equal(compiled.listeners.length, 4);
});

test("the sample sets every field of the list, so that none is listed in vain", () => {
  for (const [type, fields] of Object.entries(SUPPORTED_FIELDS)) {
    const all = byType.get(type) ?? assert.fail(`the sample has no ${type}`);
    const set = new Set(all.flatMap(({ json }) => Object.keys(json)));
    for (const field of fields.split(" ")) {
      assert.ok(field === "" || set.has(field), `the sample sets no ${type}.${field}`);
    }
  }
});

test("every name of the list is a field of its message", () => {
  for (const [type, fields] of Object.entries(SUPPORTED_FIELDS)) {
    const schema = byType.get(type)?.[0]?.schema ?? assert.fail(type);
    const names = new Set(schema.fields.map(({ name }) => name));
    for (const field of fields.split(" ")) assert.ok(field === "" || names.has(field), field);
  }
  for (const types of Object.values(SUPPORTED_TYPES)) {
    for (const type of types) assert.ok(registry.getMessage(type) !== undefined, type);
  }
});

function sampleScalar(type: ScalarType): JsonValue {
  if (type === ScalarType.STRING) return "x";
  if (type === ScalarType.BOOL) return true;
  return type === ScalarType.BYTES ? "eA==" : 1;
}

function sampleValue(field: DescField): JsonValue {
  if (field.enum !== undefined) return field.enum.values.at(-1)?.name ?? "";
  if (field.scalar !== undefined) return sampleScalar(field.scalar);
  const type = field.message?.typeName ?? "";
  if (type === "google.protobuf.Duration") return "1s";
  if (type === "google.protobuf.Timestamp") return "2026-01-01T00:00:00Z";
  if (type === "google.protobuf.Any")
    return { "@type": "type.googleapis.com/xds.type.v3.TypedStruct" };
  const wrapped = /^google\.protobuf\.(Bool|String|Bytes|.*)Value$/.exec(type);
  if (wrapped === null) return {};
  if (wrapped[1] === "Bool") return true;
  return wrapped[1] === "String" ? "x" : wrapped[1] === "Bytes" ? "eA==" : 1;
}

function fieldValue(field: DescField): JsonValue {
  if (field.fieldKind === "list") return [sampleValue(field)];
  return field.fieldKind === "map" ? { k: sampleValue(field) } : sampleValue(field);
}

/** The same message with one field more, which takes the place of others of its oneof. */
function withField(json: JsonObject, schema: DescMessage, field: DescField): void {
  for (const other of field.oneof?.fields ?? []) {
    if (schema.fields.includes(other)) delete json[other.name];
  }
  json[field.name] = fieldValue(field);
}

for (const type of Object.keys(SUPPORTED_FIELDS)) {
  test(`a field of ${type} that is not implemented is refused at its path`, () => {
    const supported = new Set(SUPPORTED_FIELDS[type]?.split(" "));
    const { schema } = byType.get(type)?.[0] ?? assert.fail(type);
    const others = schema.fields.filter(({ name }) => !supported.has(name));
    for (const field of others) {
      const changed = sampleBootstrap();
      const place = occurrences(BootstrapSchema, changed).find((o) => o.schema === schema);
      assert.ok(place !== undefined);
      withField(place.json, schema, field);
      const path = place.path === "" ? field.name : `${place.path}.${field.name}`;
      const wanted = { path, message: fieldRefusal(type, field.name) };
      assert.deepEqual(jsonErrors(BootstrapSchema, changed, registry), [wanted]);
      assert.deepEqual(check(changed), [wanted]);
    }
  });
}

test("all that is wrong is told at once", () => {
  const errors = check({
    hds_config: {},
    static_resources: {
      clusters: [{ name: "a", preconnect_policy: {}, use_tcp_for_dns_lookups: true }],
      listeners: [{ use_original_dst: true }],
    },
  });
  assert.deepEqual(
    errors.map(({ path }) => path).sort(),
    [
      "hds_config",
      "static_resources.clusters[0].use_tcp_for_dns_lookups",
      "static_resources.clusters[0].preconnect_policy",
      "static_resources.listeners[0].use_original_dst",
    ].sort(),
  );
});

/** Field 9999 with the number 1, as a later version of the message might have it. */
const UNKNOWN_FIELD = Uint8Array.of(0xf8, 0xf0, 0x04, 0x01);

test("a field that only a later version knows is refused by its number, also within an Any", () => {
  const bytes = toBinary(ClusterSchema, fromJson(ClusterSchema, { name: "a" }));
  const cluster = fromBinary(ClusterSchema, Buffer.concat([bytes, UNKNOWN_FIELD]));
  const message =
    /^field 9999 is not known: it is from a version of envoy\.config\.cluster\.v3\.Cluster/;
  const [error, ...more] = unsupportedFields(ClusterSchema, cluster, registry);
  assert.equal(error?.path, "");
  assert.match(error?.message ?? "", message);
  assert.equal(more.length, 0);

  const socket = fromJson(ClusterSchema, { transport_socket: { name: "a" } }, { registry });
  const type = "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer";
  socket.transportSocket!.configType = {
    case: "typedConfig",
    value: { $typeName: "google.protobuf.Any", typeUrl: type, value: UNKNOWN_FIELD },
  };
  const [inner] = unsupportedFields(ClusterSchema, socket, registry);
  assert.equal(inner?.path, "transport_socket.typed_config");
  assert.match(inner?.message ?? "", /^field 9999 is not known/);
});

test("an enum value that only a later version knows is refused", () => {
  const cluster = fromJson(ClusterSchema, { lb_policy: 99 });
  assert.deepEqual(unsupportedFields(ClusterSchema, cluster, registry), [
    { path: "lb_policy", message: "99 is not a value that this proxy knows" },
  ]);
});

function typeErrors(json: JsonObject): readonly FieldError[] {
  return unsupportedFields(ClusterSchema, fromJson(ClusterSchema, json, { registry }), registry);
}

const ROUTER = { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" };

test("a message that is known but stands in the wrong place is refused", () => {
  const [error] = typeErrors({ transport_socket: { name: "a", typed_config: ROUTER } });
  assert.equal(error?.path, "transport_socket.typed_config");
  assert.match(
    error?.message ?? "",
    /^envoy\.extensions\.filters\.http\.router\.v3\.Router is not implemented here; use .*RawBuffer, /,
  );
});

test("bytes that are not the message that they claim to be are refused", () => {
  const cluster = fromJson(ClusterSchema, { transport_socket: { name: "a" } });
  const type = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
  cluster.transportSocket!.configType = {
    case: "typedConfig",
    value: { $typeName: "google.protobuf.Any", typeUrl: type, value: Uint8Array.of(0xff) },
  };
  const [error] = unsupportedFields(ClusterSchema, cluster as Message, registry);
  assert.equal(error?.path, "transport_socket.typed_config");
  assert.match(error?.message ?? "", /^malformed envoy/);
});

test("of load balancing policies those that are not known are passed over", () => {
  const policy = (typed_config: JsonObject): JsonObject => ({
    typed_extension_config: { name: "p", typed_config },
  });
  assert.deepEqual(typeErrors({ load_balancing_policy: { policies: [policy(ROUTER)] } }), []);
  const least =
    "type.googleapis.com/envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest";
  const scan = { "@type": least, enable_full_scan: true };
  assert.deepEqual(typeErrors({ load_balancing_policy: { policies: [policy(scan)] } }), [
    {
      path: "load_balancing_policy.policies[0].typed_extension_config.typed_config.enable_full_scan",
      message: "not implemented by this proxy",
    },
  ]);
});
