import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { silentLogger } from "../core/logger.ts";
import { ClusterSchema } from "../gen/envoy/config/cluster/v3/cluster_pb.js";
import { ListenerSchema } from "../gen/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "../gen/envoy/config/route/v3/route_pb.js";
import type { Service } from "../resource/kinds/service.ts";
import { registry } from "../resource/registry.ts";
import type { MeshService, MeshSnapshot, ProxyScope } from "../translate/mesh-snapshot.ts";
import type { SharedTranslation, XdsResource } from "../translate/translation.ts";
import { CLUSTER_TYPE_URL, LISTENER_TYPE_URL, ROUTE_TYPE_URL } from "../xds/type-urls.ts";
import { SnapshotTranslator } from "./snapshot-translator.ts";

const SCOPE: ProxyScope = {
  nodeId: "a",
  namespace: "default",
  serviceAccount: "a",
  labels: {},
  address: "127.1.0.1",
  ports: [],
  zone: "",
  loopbackBlock: "127.1.0.0/18",
  role: "sidecar",
};

let uid = 0;
function service(name: string, port = 80): MeshService {
  const validation = registry.ofKind("Service").validate({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, annotations: { nth: String(uid++) } },
    spec: { selector: { app: name }, ports: [{ port }] },
  });
  assert.ok(validation.ok);
  return { resource: validation.object as Service, serviceIndex: 0 };
}

function snapshot(revision: number, services: readonly MeshService[]): MeshSnapshot {
  return {
    revision,
    trustDomain: "tulle.local",
    trustBundlePem: "",
    meshConfig: undefined,
    services,
    grpcRoutes: [],
    httpRoutes: [],
    tcpRoutes: [],
    tlsRoutes: [],
    rateLimitPolicies: [],
    trafficPolicies: [],
    externalServices: [],
    routeFilters: [],
    cachePolicies: [],
    faultPolicies: [],
    instances: [],
  };
}

function cluster(name: string, statName: string): XdsResource {
  const message = create(ClusterSchema, { name, altStatName: statName });
  return { typeUrl: CLUSTER_TYPE_URL, name, message };
}

function route(name: string, host: string): XdsResource {
  const virtualHosts = [{ name: host, domains: [host] }];
  const message = create(RouteConfigurationSchema, { name, virtualHosts });
  return { typeUrl: ROUTE_TYPE_URL, name, message };
}

/** Translates each service to a cluster; a service named "bad…" at port 666 makes it throw. */
function setUp() {
  let scopedCalls = 0;
  const translator = new SnapshotTranslator({
    log: silentLogger,
    translate: {
      shared: ({ services }): SharedTranslation => ({
        clusters: services.map(({ resource }) => {
          const [port] = resource.spec.ports;
          if (port?.port === 666) throw new Error(`${resource.metadata.name} is beyond me`);
          return cluster(resource.metadata.name, String(port?.port));
        }),
        endpoints: [],
        zoneEndpoints: new Map(),
        secrets: [],
        routes: [route("r1", "everybody"), route("r2", "everybody")],
        consumerRoutes: new Map([["prod", [route("r1", "prod-only")]]]),
        findings: [],
      }),
      scoped: () => {
        scopedCalls += 1;
        const message = create(ListenerSchema, { name: "l" });
        return {
          listeners: [{ typeUrl: LISTENER_TYPE_URL, name: "l", message }],
          clusters: [],
          routes: [],
          findings: [],
        };
      },
    },
  });
  const clusters = () =>
    [...(translator.forProxy("p", SCOPE, 1)?.resources.get(CLUSTER_TYPE_URL)?.keys() ?? [])].sort();
  return { translator, clusters, scopedCalls: () => scopedCalls };
}

test("before the first update there is nothing to send", () => {
  assert.equal(setUp().translator.forProxy("p", SCOPE, 1), undefined);
});

test("what did not change keeps its objects", () => {
  const { translator } = setUp();
  translator.update(snapshot(1, [service("a"), service("b")]));
  const first = translator.forProxy("p", SCOPE, 1);
  translator.update(snapshot(2, [service("a"), service("b")]));
  const second = translator.forProxy("p", SCOPE, 2);
  assert.equal(second?.revision, 2);
  for (const [typeUrl, resources] of first?.resources ?? []) {
    assert.equal(second?.resources.get(typeUrl), resources, typeUrl);
  }
  translator.update(snapshot(3, [service("a"), service("b", 81)]));
  const third = translator.forProxy("p", SCOPE, 3)?.resources.get(CLUSTER_TYPE_URL);
  const before = first?.resources.get(CLUSTER_TYPE_URL);
  assert.notEqual(third, before);
  assert.equal(third?.get("a"), before?.get("a"));
  assert.notEqual(third?.get("b")?.version, before?.get("b")?.version);
});

test("proxies share maps; a namespace with consumer routes has its own routes", () => {
  const { translator } = setUp();
  translator.update(snapshot(1, []));
  const a = translator.forProxy("a", SCOPE, 1)?.resources;
  const b = translator.forProxy("b", { ...SCOPE, nodeId: "b" }, 1)?.resources;
  assert.equal(a?.get(ROUTE_TYPE_URL), b?.get(ROUTE_TYPE_URL));
  const prodScope = { ...SCOPE, namespace: "prod" };
  const prod = translator.forProxy("c", prodScope, 1)?.resources.get(ROUTE_TYPE_URL);
  assert.equal(prod?.size, 2);
  assert.notEqual(prod?.get("r1")?.version, a?.get(ROUTE_TYPE_URL)?.get("r1")?.version);
  assert.equal(prod?.get("r2"), a?.get(ROUTE_TYPE_URL)?.get("r2"));
});

test("listeners are made anew only when what they are made of changes", () => {
  const { translator, scopedCalls } = setUp();
  const services = [service("a")];
  translator.update(snapshot(1, services));
  translator.forProxy("p", SCOPE, 1);
  translator.update(snapshot(2, services));
  translator.forProxy("p", SCOPE, 2);
  assert.equal(scopedCalls(), 1);
  translator.update(snapshot(3, [service("a")]));
  translator.forProxy("p", SCOPE, 3);
  assert.equal(scopedCalls(), 2);
});

test("an object that cannot be translated stops nobody else", () => {
  const { translator, clusters } = setUp();
  const report = translator.update(snapshot(1, [service("a"), service("bad", 666), service("c")]));
  assert.deepEqual(clusters(), ["a", "c"]);
  assert.deepEqual(report.faults, [
    {
      object: { kind: "Service", namespace: "default", name: "bad" },
      message: "bad is beyond me",
      inForce: "nothing",
    },
  ]);
});

test("an object that was good before keeps its last good version", () => {
  const { translator, clusters } = setUp();
  translator.update(snapshot(1, [service("a"), service("bad", 80)]));
  const many = Array.from({ length: 50 }, (_, i) => service(`s${i}`));
  const report = translator.update(snapshot(2, [service("a", 81), service("bad", 666), ...many]));
  assert.equal(report.faults[0]?.inForce, "last-good");
  assert.equal(clusters().length, 52);
  // The last good version outlives further pushes.
  assert.equal(
    translator.update(snapshot(3, [service("bad", 666)])).faults[0]?.inForce,
    "last-good",
  );
  assert.deepEqual(clusters(), ["bad"]);
  assert.deepEqual(translator.update(snapshot(4, [service("bad", 80)])).faults, []);
});
