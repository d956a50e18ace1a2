import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { hasCode } from "../core/errors.ts";
import { type Node, NodeSchema } from "../gen/envoy/config/core/v3/base_pb.js";
import { parseProxyNode } from "./proxy-node.ts";

const ID = "spiffe://tulle.local/ns/default/sa/catalog";
const METADATA = {
  NAMESPACE: "default",
  SERVICE_ACCOUNT: "catalog",
  SERVICE: "catalog",
  LABELS: { app: "catalog", version: "v1" },
  ADDRESS: "127.37.64.1",
  PORTS: [{ name: "http", port: 8080, inbound_port: 15006, protocol: "http" }],
  LOOPBACK_BLOCK: "127.37.64.0/18",
  ROLE: "sidecar",
  ISTIO_VERSION: "others may send more",
};

function node(overrides: Record<string, unknown> = {}, id = "catalog-v1-a"): Node {
  return create(NodeSchema, {
    id,
    cluster: "catalog",
    locality: { zone: "zone-a" },
    metadata: { ...METADATA, ...overrides } as never,
    userAgentName: "tulle",
    userAgentVersionType: { case: "userAgentVersion", value: "0.1.0" },
  });
}

function refusalOf(value: Node, id = ID): string {
  try {
    parseProxyNode(value, id, "tulle.local");
  } catch (error) {
    assert.ok(hasCode(error, "proxy-refused"));
    return error.message;
  }
  return assert.fail("it was accepted");
}

test("a node becomes a scope and an instance", () => {
  const parsed = parseProxyNode(node(), ID, "tulle.local");
  const ports = [{ name: "http", port: 8080, inboundPort: 15006, protocol: "http" }];
  assert.deepEqual(parsed.scope, {
    nodeId: "catalog-v1-a",
    namespace: "default",
    serviceAccount: "catalog",
    labels: METADATA.LABELS,
    address: "127.37.64.1",
    ports,
    zone: "zone-a",
    loopbackBlock: "127.37.64.0/18",
    role: "sidecar",
  });
  assert.equal(parsed.instance?.zone, "zone-a");
  assert.equal(parsed.adminAddress, "127.37.64.1:15000");
  assert.equal(parsed.version, "0.1.0");
});

test("what the metadata leaves out comes from the certificate", () => {
  const parsed = parseProxyNode(
    node({ NAMESPACE: undefined, SERVICE_ACCOUNT: undefined, ADDRESS: undefined }),
    ID,
    "tulle.local",
  );
  assert.equal(parsed.scope.serviceAccount, "catalog");
  assert.equal(parsed.scope.address, "127.37.64.1");
});

test("a proxy without ports is no instance", () => {
  assert.equal(parseProxyNode(node({ PORTS: [] }), ID, "tulle.local").instance, undefined);
});

test("metadata that does not agree with the certificate is refused, naming both", () => {
  assert.match(refusalOf(node({ SERVICE_ACCOUNT: "payments" })), /"payments".*sa\/catalog/);
  assert.match(refusalOf(node({ NAMESPACE: "prod" })), /NAMESPACE "prod".*ns\/default/);
  assert.match(refusalOf(node(), "spiffe://other.local/ns/default/sa/catalog"), /other\.local/);
  assert.match(refusalOf(node(), "spiffe://tulle.local/agent"), /no identity of a workload/);
});

test("a node that makes no sense is refused with everything that is wrong", () => {
  const message = refusalOf(
    node({ LOOPBACK_BLOCK: "10.0.0.0/18", PORTS: [{ port: 0, inbound_port: 1 }] }, "Not A Name"),
  );
  for (const part of [/id must be/, /LOOPBACK_BLOCK/, /PORTS\.0\.port/])
    assert.match(message, part);
  assert.match(refusalOf(node({ ADDRESS: "catalog.example" })), /ADDRESS/);
});
