import assert from "node:assert/strict";
import { test } from "node:test";
import { snapshotOf, TEST_SCOPE } from "../../test/support/mesh-fixture.ts";
import type { Cluster } from "../gen/envoy/config/cluster/v3/cluster_pb.js";
import { LISTENER_TYPE_URL, PUSH_ORDER } from "../xds/type-urls.ts";
import type { MeshSnapshot } from "./mesh-snapshot.ts";
import {
  routesFor,
  Translator,
  translateProxy,
  translateScoped,
  translateShared,
} from "./translate.ts";
import type { Finding } from "./translation.ts";

const TWO_SERVICES = `
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {selector: {app: a}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: b}
spec: {selector: {app: b}, ports: [{port: 80}]}
`;

test("the halves together are the whole, in the order in which xDS sends it", () => {
  const snapshot = snapshotOf(TWO_SERVICES, "two.yaml");
  const { resources } = translateProxy(snapshot, TEST_SCOPE);
  const shared = translateShared(snapshot);
  const scoped = translateScoped(snapshot, TEST_SCOPE);
  const halves = [
    ...shared.clusters,
    ...scoped.clusters,
    ...shared.endpoints,
    ...shared.secrets,
    ...scoped.listeners,
    ...routesFor(shared, "default"),
  ];
  assert.deepEqual(resources, halves);
  const order = resources.map(({ typeUrl }) => PUSH_ORDER.indexOf(typeUrl));
  assert.deepEqual(
    order,
    order.toSorted((x, y) => x - y),
  );
  const names = resources.map(({ typeUrl, name }) => `${typeUrl} ${name}`);
  assert.equal(new Set(names).size, names.length);
});

test("an empty mesh still gives the app's own side and the roots", () => {
  const { resources, findings } = translateProxy(snapshotOf("", "empty.yaml"), TEST_SCOPE);
  assert.deepEqual(
    resources.map(({ name }) => name),
    ["inbound|3000||", "inbound|3000|h2c|", "ROOTCA", "inbound|15006", "dns|127.37.64.1"],
  );
  assert.deepEqual(findings, []);
});

test("a part of the instances is ignored below a MeshConfig that hashes, and the finding says so", () => {
  const consistentHash = "[{header: {name: x-user}}]";
  const text = `${TWO_SERVICES}---
apiVersion: mesh.tulle.dev/v1
kind: MeshConfig
metadata: {name: default}
spec: {defaults: {loadBalancer: {algorithm: Maglev, consistentHash: ${consistentHash}}}}
---
apiVersion: mesh.tulle.dev/v1
kind: TrafficPolicy
metadata: {name: a}
spec: {targetRefs: [{kind: Service, name: a}], loadBalancer: {subsetting: {size: 4}}}
---
apiVersion: mesh.tulle.dev/v1
kind: TrafficPolicy
metadata: {name: b}
spec: {targetRefs: [{kind: Service, name: b}], loadBalancer: {algorithm: Random, subsetting: {size: 4}}}
`;
  const { findings } = translateProxy(snapshotOf(text, "hash.yaml"), TEST_SCOPE);
  const told = findings.map(({ code, path, message }) => `${code} ${path}: ${message}`);
  assert.equal(told.length, 1, told.join());
  assert.match(
    told[0]!,
    /^field-ignored spec\.loadBalancer\.subsetting: has no effect with .*Maglev/,
  );
});

test("a sidecar without a usable block can call nobody, and the finding says so", () => {
  const scope = { ...TEST_SCOPE, loopbackBlock: "10.0.0.0/18" };
  const { resources, findings } = translateProxy(snapshotOf(TWO_SERVICES, "two.yaml"), scope);
  const listeners = resources.filter(({ typeUrl }) => typeUrl === LISTENER_TYPE_URL);
  assert.deepEqual(
    listeners.map(({ name }) => name),
    ["inbound|15006"],
  );
  assert.deepEqual(codes(findings), ["address-exhausted Workload storefront-1"]);
});

test("a service whose index lies outside the block is left out alone", () => {
  const snapshot = snapshotOf(TWO_SERVICES, "two.yaml");
  const services = snapshot.services.map((service) =>
    service.resource.metadata.name === "a" ? { ...service, serviceIndex: 2 ** 14 } : service,
  );
  const { resources, findings } = translateProxy({ ...snapshot, services }, TEST_SCOPE);
  const names = resources.filter(({ typeUrl }) => typeUrl === LISTENER_TYPE_URL);
  assert.deepEqual(
    names.map(({ name }) => name),
    ["inbound|15006", "outbound|127.37.65.1:20080", "dns|127.37.64.1"],
  );
  assert.deepEqual(codes(findings), ["address-exhausted Service a"]);
});

test("a service without instances asks for its default identity, never for none", () => {
  const { clusters } = translateShared(snapshotOf(TWO_SERVICES, "two.yaml"));
  const cluster = clusters[0]?.message as Cluster;
  const { configType } = cluster.transportSocket ?? {};
  assert.ok(configType?.case === "typedConfig");
  const text = Buffer.from(configType.value.value).toString("latin1");
  assert.ok(text.includes("spiffe://tulle.local/ns/default/sa/a"));
});

test("a translator works out a snapshot once and forgets it for the next one", () => {
  const translator = new Translator();
  const first = snapshotOf(TWO_SERVICES, "two.yaml");
  const second: MeshSnapshot = { ...first, services: first.services.slice(1) };
  for (const snapshot of [first, first, second]) {
    assert.deepEqual(translator.shared(snapshot), translateShared(snapshot));
    assert.deepEqual(
      translator.scoped(snapshot, TEST_SCOPE),
      translateScoped(snapshot, TEST_SCOPE),
    );
  }
});

function codes(findings: readonly Finding[]): readonly string[] {
  return findings.map(({ code, object }) => `${code} ${object.kind} ${object.name}`);
}
