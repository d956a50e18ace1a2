/** Listeners that answer name queries: what the DNS filter may say, and every error with its path. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { DNS_LISTENER } from "../../../test/support/dns-listener-sample.ts";
import type { FieldError } from "../../decision/field-error.ts";
import { ListenerSchema } from "../../gen/envoy/config/listener/v3/listener_pb.js";
import { TYPE_A, TYPE_AAAA } from "../dns/wire.ts";
import { compileListener } from "./listener-config.ts";
import { messageRegistry } from "./message-registry.ts";

const TYPE = "type.googleapis.com/envoy.extensions.filters.udp.dns_filter.v3.DnsFilterConfig";
const ADDRESS = { protocol: "UDP", address: "127.0.0.1", port_value: 15_053 };

function compile(json: JsonObject) {
  const errors: FieldError[] = [];
  const message = fromJson(ListenerSchema, json, { registry: messageRegistry });
  const config = compileListener(message, errors, () => 0);
  const prefix = "listener_filters[0].typed_config.";
  return {
    config,
    errors: errors.map(({ path, message: text }) => `${path.replace(prefix, "~")}: ${text}`),
  };
}

function listener(filter: JsonObject, socket: JsonObject = {}): JsonObject {
  const typed_config = { "@type": TYPE, stat_prefix: "dns", ...filter };
  return {
    name: "dns",
    address: { socket_address: { ...ADDRESS, ...socket } },
    listener_filters: [{ name: "dns", typed_config }],
  };
}

function domains(...virtual_domains: JsonObject[]): JsonObject {
  return { server_config: { inline_dns_table: { virtual_domains } } };
}

function addresses(name: string, ...address: string[]): JsonObject {
  return { name, endpoint: { address_list: { address } } };
}

test("the whole of it", () => {
  const { config, errors } = compile(DNS_LISTENER);
  assert.deepEqual(errors, []);
  assert.equal(config?.name, "dns");
  assert.deepEqual(config.address, { host: "127.0.0.1", port: 15_053 });
  assert.deepEqual(config.dns?.forwarding, {
    servers: [{ host: "127.0.0.53", port: 53 }],
    timeoutMs: 2_000,
    retries: 1,
    pendingMax: 256,
  });
  const found = config.dns.table.lookUp("catalog.default.svc.tulle.local", TYPE_A);
  assert.equal(found?.records[0]?.ttlSeconds, 30);
});

test("addresses of both families, in every way to write them", () => {
  const six = ["::1", "2001:db8::1", "::ffff:192.0.2.1", "2001:db8:0:0:0:0:0:2"];
  const { config, errors } = compile(listener(domains(addresses("a", "192.0.2.1", ...six))));
  assert.deepEqual(errors, []);
  assert.equal(config?.dns?.forwarding, undefined);
  const records = config?.dns?.table.lookUp("a", TYPE_AAAA)?.records ?? [];
  const texts = records.map(({ data }) => Buffer.from(data).toString("hex")).sort();
  assert.deepEqual(texts, [
    "00000000000000000000000000000001",
    "00000000000000000000ffffc0000201",
    "20010db8000000000000000000000001",
    "20010db8000000000000000000000002",
  ]);
});

test("what is wrong is named with its field", () => {
  const errorsOf = (json: JsonObject) => compile(json).errors;
  assert.deepEqual(errorsOf(listener(domains(), { address: "192.0.2.1" })), [
    'address.socket_address.address: "192.0.2.1" is not a loopback address: name queries are answered on this machine only',
  ]);
  assert.deepEqual(errorsOf({ name: "dns", address: { socket_address: ADDRESS } }), [
    "listener_filters: a UDP listener needs one filter, envoy.filters.udp.dns_filter",
  ]);
  assert.deepEqual(errorsOf(listener({})), ["~server_config.inline_dns_table: is required"]);
  assert.deepEqual(errorsOf(listener(domains(addresses("Upper", "nowhere"), { name: "b" }))), [
    '~server_config.inline_dns_table.virtual_domains[0].name: "Upper" is not a DNS name in lower case, nor one behind "*."',
    '~server_config.inline_dns_table.virtual_domains[0].endpoint.address_list.address[0]: "nowhere" is not an IP address',
    "~server_config.inline_dns_table.virtual_domains[1].endpoint: one of address_list, service_list is required",
  ]);
  assert.deepEqual(
    errorsOf(listener(domains({ ...addresses("a", "127.0.0.1"), answer_ttl: "5s" }))),
    ["~server_config.inline_dns_table.virtual_domains[0].answer_ttl: must be 30s at least"],
  );
  const client_config = { max_pending_lookups: 100_000 };
  assert.deepEqual(errorsOf(listener({ ...domains(), client_config })), [
    "~client_config.max_pending_lookups: 100000 is more than 256",
  ]);
});

test("services name their port, protocol and targets", () => {
  const services = (service: JsonObject) =>
    compile(
      listener(domains({ name: "a", endpoint: { service_list: { services: [service] } } })),
    ).errors.map((text) => text.slice(text.indexOf("services[0]")));
  const targets = [{ host_name: "a", port: 80 }];
  assert.deepEqual(services({ service_name: "http", protocol: { name: "tcp" }, targets }), []);
  assert.deepEqual(
    services({ service_name: "", protocol: { number: 6 }, targets: [{ port: 70_000 }] }),
    [
      "services[0].protocol: a protocol by its name, as tcp, is required",
      'services[0].service_name: "" is not a DNS label',
      "services[0].targets[0].host_name: a DNS name is required",
      "services[0].targets[0].port: 70000 is more than 65535",
    ],
  );
});
