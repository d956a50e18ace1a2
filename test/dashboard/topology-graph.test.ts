/** What of a mesh is drawn, and where: the parts of the topology that need no browser. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { layoutRequest } from "../../dashboard/views/topology/drawing.ts";
import { type GraphEdge, joined, meshGraph } from "../../dashboard/views/topology/mesh-graph.ts";
import { meshLayout } from "../../dashboard/views/topology/mesh-layout.ts";
import { type Asked, sceneOf } from "../../dashboard/views/topology/scene.ts";
import { largeTopology, shopTopology } from "./fixture-topology.ts";

const NOTHING: Asked = { focus: "", edge: "", depth: "", namespace: "", group: "", open: "" };

function meshOf({ services, edges, routes }: ReturnType<typeof shopTopology>) {
  return meshGraph({ services: services.services, edges: edges.edges, routes: routes.routes });
}

describe("the graph", () => {
  test("a lock is closed only where every part is", () => {
    const [edge] = meshOf(shopTopology()).edges;
    assert.ok(edge);
    const lockOf = (...all: readonly GraphEdge["security"][]) =>
      all.map((security) => ({ ...edge, security })).reduce(joined).security;
    assert.equal(lockOf("mutual_tls", "mutual_tls"), "mutual_tls");
    assert.equal(lockOf("mutual_tls", "none"), "mixed");
    assert.equal(lockOf("mutual_tls", "unknown"), "unknown");
    assert.equal(lockOf("none", "none"), "none");
    assert.equal(joined(edge, edge).requests, 2 * edge.requests);
    assert.equal(joined(edge, edge).p99, null, "percentiles cannot be added");
  });

  test("a large mesh is drawn by namespace, each as bad as its worst service", () => {
    const mesh = meshOf(largeTopology({ services: 200, edges: 2_000 }));
    const { graph, isGrouped } = sceneOf(mesh, NOTHING);
    assert.ok(isGrouped);
    const shop = graph.nodes.find(({ id }) => id === "namespace:shop");
    assert.deepEqual([shop?.services, shop?.health], [25, "failing"]);
    const rate = mesh.edges
      .filter(({ from, to }) => from.startsWith("edge/") && to.startsWith("shop/"))
      .reduce((sum, { requestsPerSecond }) => sum + requestsPerSecond, 0);
    const drawn = graph.edges.find(({ id }) => id === "namespace:edge>namespace:shop");
    assert.ok(Math.abs((drawn?.requestsPerSecond ?? 0) - rate) < 1e-6);
  });

  test("only what is within the steps is around a service", () => {
    const { graph, steps } = sceneOf(meshOf(shopTopology()), {
      ...NOTHING,
      ...{ focus: "default/payment", depth: "1" },
    });
    assert.equal(steps, 1);
    assert.deepEqual(graph.nodes.map(({ name }) => name).sort(), ["checkout", "payment", "users"]);
    assert.equal(graph.edges.length, 2, "not that storefront calls users");
  });
});

describe("the layout", () => {
  test("callers stand to the left of what they call, and figures move nothing", () => {
    const mesh = meshOf(shopTopology());
    const request = layoutRequest(mesh);
    const busier = mesh.edges.map((edge) => ({ ...edge, requestsPerSecond: 9_999, errorRate: 1 }));
    assert.equal(layoutRequest({ ...mesh, edges: busier.toReversed() }).key, request.key);
    const { nodes, edges } = meshLayout(request);
    assert.deepEqual([nodes.size, edges.size], [mesh.nodes.length, mesh.edges.length]);
    for (const { from, to } of mesh.edges) {
      assert.ok((nodes.get(from)?.[0] ?? 0) < (nodes.get(to)?.[0] ?? 0), `${from} before ${to}`);
    }
  });

  test("circles and hundreds of services have places of their own", () => {
    const mesh = meshOf(largeTopology({ services: 200, edges: 2_000 }));
    const back = mesh.edges.map((edge) => ({ ...edge, id: `${edge.to}>${edge.from}` }));
    const circles = back.map((edge) => ({ ...edge, from: edge.to, to: edge.from }));
    for (const edges of [mesh.edges, [...mesh.edges, ...circles]]) {
      const layout = meshLayout(layoutRequest({ nodes: mesh.nodes, edges }));
      const places = [...layout.nodes.values()].map(([x, y]) => `${x} ${y}`);
      assert.equal(new Set(places).size, 200);
      assert.ok(layout.width / layout.height < 3, `${layout.width} by ${layout.height}`);
    }
  });
});
