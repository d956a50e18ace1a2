import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../core/clock.ts";
import { silentLogger } from "../core/logger.ts";
import { parseDocuments } from "../resource/documents.ts";
import { registry as kinds } from "../resource/registry.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import type { Store } from "../store/store.ts";
import { MetricRegistry } from "../telemetry/metric-registry.ts";
import type { ProxySnapshot } from "../xds/snapshot.ts";
import { CLUSTER_TYPE_URL, ENDPOINT_TYPE_URL, ROUTE_TYPE_URL } from "../xds/type-urls.ts";
import { createMeshState } from "./mesh-state.ts";
import { createControlPlaneMetrics } from "./metrics.ts";
import type { ProxyNode } from "./proxy-node.ts";

const SERVICE = (name: string) => `apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {selector: {app: ${name}}, ports: [{port: 80, targetPort: 8080}]}
---
`;
const ROUTE = (weight: number) => `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: catalog}
spec:
  parentRefs: [{group: "", kind: Service, name: catalog}]
  rules: [{backendRefs: [{name: catalog, port: 80, weight: ${weight}}, {name: cart, port: 80}]}]
`;

const PORT = { name: "http", port: 8080, inboundPort: 15_006, protocol: "http" } as const;

function node(id: string, address: string): ProxyNode {
  const identity = { namespace: "default", serviceAccount: "catalog" };
  const labels = { app: "catalog" };
  const ports = [PORT];
  return {
    scope: {
      ...identity,
      nodeId: id,
      labels,
      address,
      ports,
      zone: "",
      loopbackBlock: "127.1.0.0/18",
      role: "sidecar",
    },
    instance: { ...identity, name: id, service: "catalog", labels, address, ports, zone: "" },
    service: "catalog",
    spiffeId: "spiffe://tulle.local/ns/default/sa/catalog",
    adminAddress: "",
    userAgent: "tulle",
    version: "",
  };
}

/** The store works in turns of the event loop; time is the test's. */
async function turns(): Promise<void> {
  for (let i = 0; i < 6; i++) await new Promise((resolve) => setImmediate(resolve));
}

function setUp(options: { readonly store?: Store; readonly clock?: ManualClock } = {}) {
  const clock = options.clock ?? new ManualClock();
  const store = options.store ?? createMemoryStore({ clock, registry: kinds, logEventsMax: 50 });
  const given: { readonly streamId: string; readonly snapshot: ProxySnapshot }[] = [];
  const mesh = createMeshState({
    store,
    trustDomain: "tulle.local",
    getTrustBundlePem: () => "",
    setSnapshot: (streamId, snapshot) => given.push({ streamId, snapshot }),
    recordOf: () => undefined,
    metrics: createControlPlaneMetrics(new MetricRegistry(), "test"),
    clock,
    log: silentLogger,
  });
  let connects = 0;
  const connect = (id: string) => {
    connects += 1;
    const proxy = node(id, `127.${connects}.0.1`);
    if (proxy.instance !== undefined) mesh.registry.connect(id, proxy.instance);
    const stream = { id, remoteAddress: "", protocol: "delta" } as const;
    const entry = mesh.proxies.connect(stream, proxy);
    mesh.reconciler.proxyConnected(entry);
  };
  const apply = async (text: string) => {
    const { objects } = parseDocuments(text, "test.yaml", kinds);
    return store.apply(objects.map((object) => ({ type: "put", object })));
  };
  const stop = async () => {
    mesh.registry.stop();
    await mesh.reconciler.stop();
    await mesh.recorder.stop();
  };
  return { clock, store, given, mesh, connect, apply, stop, last: () => given.at(-1)?.snapshot };
}

test("a proxy that connects is given the mesh at once, before anything changes", async () => {
  const { apply, connect, last, mesh, stop } = setUp();
  await apply(SERVICE("catalog"));
  await mesh.reconciler.start();
  connect("catalog-a");
  assert.equal(last()?.revision, 1);
  const clusters = [...(last()?.resources.get(CLUSTER_TYPE_URL)?.keys() ?? [])];
  assert.ok(clusters.includes("outbound|80||catalog.default.svc.tulle.local"));
  await stop();
});

test("a change is pushed after its quiet time, and only the types that it touches", async () => {
  const { apply, clock, connect, given, last, mesh, stop } = setUp();
  await apply(SERVICE("catalog") + SERVICE("cart") + ROUTE(1));
  await mesh.reconciler.start();
  connect("catalog-a");
  await turns();
  clock.advance(1000);
  const before = last();
  const count = given.length;
  const { revision } = await apply(ROUTE(9));
  await turns();
  clock.advance(99);
  assert.equal(given.length, count);
  clock.advance(1);
  assert.equal(given.length, count + 1);
  assert.ok((last()?.revision ?? 0) >= revision);
  for (const [typeUrl, resources] of last()?.resources ?? []) {
    const isSame = before?.resources.get(typeUrl) === resources;
    assert.equal(isSame, typeUrl !== ROUTE_TYPE_URL, typeUrl);
  }
  await stop();
});

test("statuses are written once and come to rest, and the revision is passed on", async () => {
  const { apply, clock, connect, last, mesh, stop, store } = setUp();
  await mesh.reconciler.start();
  connect("catalog-a");
  await apply(SERVICE("catalog") + ROUTE(1));
  for (let i = 0; i < 5; i++) {
    await turns();
    clock.advance(1000);
  }
  const revision = store.revision();
  const route = await store.get("HTTPRoute", "default", "catalog");
  const [parent] = route?.status?.parents ?? [];
  const resolved = parent?.conditions.find(({ type }) => type === "ResolvedRefs");
  assert.equal(resolved?.reason, "BackendNotFound");
  const service = await store.get("Service", "default", "catalog");
  assert.equal(service?.status?.serviceIndex, mesh.serviceIndexes.get("default/catalog"));
  assert.equal(last()?.revision, revision);
  for (let i = 0; i < 3; i++) {
    await turns();
    clock.advance(1000);
  }
  assert.equal(store.revision(), revision, "nothing is written for ever");
  await stop();
});

test("an endpoint that leaves is pushed in the same moment", async () => {
  const { apply, clock, connect, given, mesh, stop } = setUp();
  await apply(SERVICE("catalog"));
  await mesh.reconciler.start();
  connect("catalog-a");
  connect("catalog-b");
  mesh.registry.report("default/catalog-b", "healthy");
  await turns();
  clock.advance(1000);
  const count = given.length;
  const before = given.at(-1)?.snapshot.resources.get(ENDPOINT_TYPE_URL);
  mesh.registry.disconnect("catalog-b");
  clock.advance(0);
  assert.equal(given.length, count + 2, "both proxies, without any time passing");
  assert.notEqual(given.at(-1)?.snapshot.resources.get(ENDPOINT_TYPE_URL), before);
  await stop();
});

test("a later control plane takes over indexes and instances", async () => {
  const first = setUp();
  await first.apply(SERVICE("catalog"));
  await first.mesh.reconciler.start();
  first.connect("catalog-a");
  first.mesh.registry.report("default/catalog-a", "healthy");
  await turns();
  await first.stop();
  const index = first.mesh.serviceIndexes.get("default/catalog");

  const second = setUp({ store: first.store, clock: first.clock });
  await second.mesh.reconciler.start();
  assert.equal(second.mesh.registry.get("default/catalog-a")?.state, "unconfirmed");
  assert.equal(second.mesh.serviceIndexes.get("default/catalog"), index);
  second.connect("catalog-a");
  assert.equal(second.mesh.registry.get("default/catalog-a")?.state, "healthy");
  await second.stop();
});

test("a Workload that somebody deletes under its instance is written again", async () => {
  const { connect, mesh, stop, store } = setUp();
  await mesh.reconciler.start();
  connect("catalog-a");
  await turns();
  await store.delete({ kind: "Workload", namespace: "default", name: "catalog-a" });
  await turns();
  assert.notEqual(await store.get("Workload", "default", "catalog-a"), undefined);
  await stop();
});

test("a store that forgot what was missed is read again", async () => {
  const { apply, clock, connect, last, mesh, stop } = setUp();
  await mesh.reconciler.start();
  connect("catalog-a");
  // In one turn, more changes than the store's log keeps.
  await Promise.all(Array.from({ length: 80 }, (_, i) => apply(SERVICE(`s${i}`))));
  for (let i = 0; i < 4; i++) {
    await turns();
    clock.advance(1000);
  }
  const clusters = last()?.resources.get(CLUSTER_TYPE_URL);
  assert.ok(clusters?.has("outbound|80||s0.default.svc.tulle.local"));
  assert.ok(clusters?.has("outbound|80||s79.default.svc.tulle.local"));
  await stop();
});
