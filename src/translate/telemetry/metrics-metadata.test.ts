/** What TelemetryPolicies say of metrics, in the metadata of the listeners on either side. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMeshFixture } from "../../../test/support/mesh-fixture.ts";
import { type Listener, ListenerSchema } from "../../gen/envoy/config/listener/v3/listener_pb.js";
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
---
apiVersion: v1
kind: Service
metadata: {name: cart}
spec:
  selector: {app: cart}
  ports: [{name: http, port: 80}]
`;

const MESH_POLICY = `---
apiVersion: mesh.tulle.dev/v1
kind: TelemetryPolicy
metadata: {name: mesh, namespace: tulle-system}
spec:
  metrics:
    compatibility: [Kiali]
    overrides:
      - match: {metric: REQUEST_SIZE, mode: SERVER}
        disabled: true
      - match: {mode: CLIENT}
        tagOverrides: {team: {value: shop}, source_principal: {operation: REMOVE}}
`;

const CART_POLICY = `---
apiVersion: mesh.tulle.dev/v1
kind: TelemetryPolicy
metadata: {name: cart}
spec:
  targetRefs: [{name: cart}]
  metrics: {overrides: []}
`;

/** `tulle.metrics` of each listener, by the beginning of its name. */
function metricsOf(...policies: readonly string[]): Readonly<Record<string, unknown>> {
  const { snapshot, scope } = parseMeshFixture(MESH + policies.join(""), "mesh.yaml");
  const { resources } = translateProxy(snapshot, scope);
  const found = resources.flatMap(({ message, name }) => {
    if (message.$typeName !== ListenerSchema.typeName) return [];
    const { metadata } = message as Listener;
    const metrics = metadata?.filterMetadata["tulle"]?.["metrics"];
    return [[name, metrics] as const];
  });
  return Object.fromEntries(found.filter(([, metrics]) => metrics !== undefined));
}

test("nothing is said where no policy says anything", () => {
  assert.deepEqual(metricsOf(), {});
});

test("each side gets what is for it, and a Service's policy goes before the mesh's", () => {
  const server = {
    overrides: [{ metric: "REQUEST_SIZE", disabled: true, tags: {} }],
    compatibility: ["Kiali"],
  };
  const client = {
    overrides: [{ metric: "ALL_METRICS", tags: { team: "shop", source_principal: null } }],
    compatibility: ["Kiali"],
  };
  const told = Object.entries(metricsOf(MESH_POLICY, CART_POLICY));
  const inbound = told.filter(([name]) => name.startsWith("inbound"));
  const outbound = told.filter(([name]) => name.startsWith("outbound"));
  assert.deepEqual(
    inbound.map(([, metrics]) => metrics),
    [server],
  );
  assert.equal(outbound.length, 2, told.map(([name]) => name).join());
  const all = outbound.map(([, metrics]) => JSON.stringify(metrics)).sort();
  const expected = [client, { overrides: [], compatibility: ["Kiali"] }];
  assert.deepEqual(all, expected.map((one) => JSON.stringify(one)).sort());
});
