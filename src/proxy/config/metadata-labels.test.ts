/** Names from metadata, and `unknown` for whatever is missing or of another kind. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { UNKNOWN_SERVICE, UNKNOWN_WORKLOAD } from "../../telemetry/request-metrics.ts";
import { nodeLabels, serviceLabels, workloadLabels } from "./metadata-labels.ts";

test("a cluster's service is the first of its list", () => {
  const services = [{ host: "a.b", name: "a", namespace: "b" }, { host: "c" }];
  assert.deepEqual(serviceLabels({ services }), { host: "a.b", name: "a", namespace: "b" });
  assert.deepEqual(serviceLabels({ services: [{ name: "a" }] }), { ...UNKNOWN_SERVICE, name: "a" });
  for (const odd of [undefined, {}, { services: [] }, { services: "a" }, { services: [null] }]) {
    assert.deepEqual(serviceLabels(odd), UNKNOWN_SERVICE);
  }
});

test("an endpoint's workload is five parts", () => {
  assert.deepEqual(workloadLabels({ workload: "w;ns;svc;v1;zone" }), {
    ...UNKNOWN_WORKLOAD,
    workload: "w",
    namespace: "ns",
    canonicalService: "svc",
    canonicalRevision: "v1",
    app: "svc",
    version: "v1",
    cluster: "zone",
  });
  const short = workloadLabels({ workload: "w;;svc" });
  assert.equal(short.namespace, "unknown");
  assert.equal(short.canonicalRevision, "latest");
  assert.equal(short.version, "unknown");
  assert.deepEqual(workloadLabels({ workload: 7 }), UNKNOWN_WORKLOAD);
  assert.deepEqual(workloadLabels(undefined), UNKNOWN_WORKLOAD);
});

test("a node's workload comes from its metadata, its service where nothing else is said", () => {
  const metadata = {
    WORKLOAD: "catalog-v1",
    SERVICE: "catalog",
    NAMESPACE: "shop",
    CLUSTER_ID: "here",
    LABELS: { app: "cat", version: "v1" },
  };
  assert.deepEqual(nodeLabels(metadata, "spiffe://a/ns/b/sa/c"), {
    workload: "catalog-v1",
    canonicalService: "catalog",
    canonicalRevision: "v1",
    namespace: "shop",
    principal: "spiffe://a/ns/b/sa/c",
    app: "cat",
    version: "v1",
    cluster: "here",
  });
  const plain = nodeLabels({ SERVICE: "catalog", LABELS: "none" }, "");
  assert.equal(plain.workload, "catalog");
  assert.equal(plain.app, "catalog");
  assert.deepEqual(nodeLabels(undefined, ""), UNKNOWN_WORKLOAD);
});
