/** TelemetryPolicies as Envoy's tracing: defaults, what policies say, and where nothing is traced. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { parseMeshFixture } from "../../../test/support/mesh-fixture.ts";
import { type Listener, ListenerSchema } from "../../gen/envoy/config/listener/v3/listener_pb.js";
import {
  type RouteConfiguration,
  RouteConfigurationSchema,
} from "../../gen/envoy/config/route/v3/route_pb.js";
import { OpenTelemetryConfigSchema } from "../../gen/envoy/config/trace/v3/opentelemetry_pb.js";
import { HttpConnectionManagerSchema } from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { translateProxy } from "../translate.ts";

const MESH = `show: [listeners]
scope:
  nodeId: catalog-1
  labels: {app: catalog}
  address: 127.50.0.1
  loopbackBlock: 127.50.0.0/18
  ports: [{name: http, port: 8080, inboundPort: 15006, protocol: http}]
---
apiVersion: v1
kind: Service
metadata: {name: catalog}
spec:
  selector: {app: catalog}
  ports: [{name: http, port: 80, targetPort: 8080}]
`;

const POLICY = `---
apiVersion: mesh.tulle.dev/v1
kind: TelemetryPolicy
metadata: {name: catalog}
spec:
  targetRefs: [{name: catalog}]
  tracing:
    sampling: 12.5
    formats: [W3C, B3]
    keep: {errors: false}
    maxPathLength: 64
    tags:
      - {name: shop.region, value: eu}
      - {name: shop.tenant, requestHeader: X-Tenant, default: none}
      - {name: shop.host, environment: HOSTNAME}
`;

/** Tracing of each listener for requests, by its name. */
function tracingOf(policy: string, controlPlaneAddress = "127.0.0.1:15012") {
  const { snapshot, scope } = parseMeshFixture(MESH + policy, "mesh.yaml");
  const { resources } = translateProxy({ ...snapshot, controlPlaneAddress }, scope);
  const found = resources.flatMap(({ message, name }) => {
    if (message.$typeName !== ListenerSchema.typeName) return [];
    const listener = message as Listener;
    const { filterChains, defaultFilterChain } = listener;
    const chains = [...filterChains, ...(defaultFilterChain ? [defaultFilterChain] : [])];
    const managers = chains.flatMap(({ filters }) =>
      filters.flatMap(({ configType }) => {
        if (configType.case !== "typedConfig") return [];
        return anyUnpack(configType.value, HttpConnectionManagerSchema) ?? [];
      }),
    );
    const [manager] = managers;
    return manager === undefined ? [] : [{ name, manager, own: ownOf(listener) }];
  });
  return {
    found,
    clusters: resources.map(({ name }) => name).filter((name) => name.startsWith("telemetry")),
  };
}

function ownOf({ metadata }: Listener): unknown {
  return metadata?.filterMetadata["tulle"]?.["tracing"];
}

test("while nobody says anything one trace in a hundred is recorded, and failures are kept", () => {
  const { found, clusters } = tracingOf("");
  assert.deepEqual(clusters, ["telemetry.control-plane"]);
  assert.equal(found.length, 2, "one for each direction");
  for (const { manager, own } of found) {
    const { tracing } = manager;
    assert.equal(tracing?.randomSampling?.value, 1);
    assert.equal(tracing?.clientSampling?.value, 0);
    assert.equal(tracing?.spawnUpstreamSpan, false);
    const type = tracing?.provider?.configType;
    assert.ok(type?.case === "typedConfig");
    const target = anyUnpack(type.value, OpenTelemetryConfigSchema)?.grpcService?.targetSpecifier;
    assert.ok(target?.case === "envoyGrpc");
    assert.equal(target.value.clusterName, "telemetry.control-plane");
    assert.deepEqual(own, { formats: ["W3C"], keepErrors: true, keepSlowerThanMs: 1000 });
  }
});

test("a policy for a Service says how requests to it are traced", () => {
  const { found } = tracingOf(POLICY);
  for (const { manager, own } of found) {
    assert.equal(manager.tracing?.randomSampling?.value, 12.5);
    assert.equal(manager.tracing?.maxPathTagLength, 64);
    assert.deepEqual(own, { formats: ["W3C", "B3"], keepErrors: false, keepSlowerThanMs: 1000 });
    assert.deepEqual(
      manager.tracing?.customTags.map(({ tag, type }) => [tag, type.case]),
      [
        ["shop.region", "literal"],
        ["shop.tenant", "requestHeader"],
        ["shop.host", "environment"],
      ],
    );
  }
});

test("nothing is traced where a policy says so, or where nobody could be told", () => {
  const off = POLICY.replace("sampling: 12.5", "enabled: false");
  for (const { found } of [tracingOf(off), tracingOf("", "")]) {
    for (const { manager, own } of found) {
      assert.equal(manager.tracing, undefined);
      assert.equal(own, undefined);
    }
  }
});

const ROUTES = `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: items}
spec:
  parentRefs: [{group: "", kind: Service, name: catalog}]
  rules:
    - name: debugged
      matches: [{headers: [{name: x-debug, value: "1"}]}]
      backendRefs: [{name: catalog, port: 80}]
    - name: gone
      matches: [{path: {value: /old}}]
      filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath, replaceFullPath: /}}}]
    - backendRefs: [{name: catalog, port: 80}]
`;

const routePolicy = (name: string, sampling: number, section: string, more = ""): string => `---
apiVersion: mesh.tulle.dev/v1
kind: TelemetryPolicy
metadata: {name: ${name}}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: items${section}}]
  tracing: {sampling: ${sampling}${more}}
`;

/** Sampling of each route by its name, and findings on policies. */
function routesOf(policies: string) {
  const { snapshot, scope } = parseMeshFixture(MESH + ROUTES + policies, "mesh.yaml");
  const { resources, findings } = translateProxy(
    { ...snapshot, controlPlaneAddress: "127.0.0.1:15012" },
    scope,
  );
  const routes = resources.flatMap(({ message }) => {
    if (message.$typeName !== RouteConfigurationSchema.typeName) return [];
    return (message as RouteConfiguration).virtualHosts.flatMap((host) => host.routes);
  });
  const ours = routes.filter(({ name }) => name.startsWith("HTTPRoute/"));
  return {
    sampling: Object.fromEntries(
      ours.map(({ name, tracing }) => [
        name.replace(/.*rule\/(.*)\/match.*/, "$1"),
        tracing?.randomSampling === undefined
          ? undefined
          : [tracing.randomSampling.numerator, tracing.customTags.map(({ tag }) => tag).join()],
      ]),
    ),
    clients: new Set(ours.map(({ tracing }) => tracing?.clientSampling?.numerator)),
    findings: findings
      .filter(({ object }) => object.kind === "TelemetryPolicy")
      .map(({ code, message }) => `${code}: ${message}`),
  };
}

test("a policy for a route says how traces that begin there are sampled, one for a rule goes before", () => {
  const { sampling, clients, findings } = routesOf(
    POLICY +
      routePolicy("all", 0.5, "", ", tags: [{name: shop.part, value: items}]") +
      routePolicy("debugged", 100, ", sectionName: debugged"),
  );
  assert.deepEqual(sampling, {
    debugged: [1_000_000, "shop.part"],
    gone: [5000, "shop.part"],
    "2": [5000, "shop.part"],
  });
  assert.deepEqual(clients, new Set([0]), "nobody outside asks for a trace");
  assert.deepEqual(findings, []);
});

test("the least share is some, and what names no route is told", () => {
  assert.deepEqual(routesOf(routePolicy("few", 0.00001, "")).sampling["2"], [1, ""]);
  assert.deepEqual(routesOf(routePolicy("none", 0, "")).sampling["2"], [0, ""]);
  assert.deepEqual(
    routesOf(
      routePolicy("a", 5, "") +
        routePolicy("b", 6, "") +
        routePolicy("c", 6, ", sectionName: other") +
        routePolicy("d", 6, "").replace("name: items", "name: nothing") +
        routePolicy("e", 6, "").replace("gateway.networking.k8s.io", '""'),
    ).findings,
    [
      "policy-conflict: HTTPRoute default/items has an older TelemetryPolicy, default/a",
      "target-not-found: HTTPRoute default/items has no rule other: it has debugged, gone",
      "target-not-found: there is no HTTPRoute default/nothing",
      "field-ignored: the group of an HTTPRoute is gateway.networking.k8s.io",
    ],
  );
});
