/** Addresses of instances: kept by those that go and come back, given on only when there is no room. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { snapshotOf } from "../../test/support/mesh-fixture.ts";
import {
  ADDRESSED_INSTANCES_MAX,
  addressedInstances,
  instanceIndexesOf,
  wantedInstanceKeys,
} from "./instance-indexes.ts";
import { ServiceIndexes } from "./service-index.ts";

const SERVICE = snapshotOf(
  `apiVersion: v1
kind: Service
metadata: {name: db}
spec: {clusterIP: None, selector: {app: db}, ports: [{name: tcp, port: 5432}]}
`,
  "db",
).services[0]!.resource;

function instance(name: string, app = "db") {
  return { name, namespace: "default", labels: { app } };
}

function update(indexes: ServiceIndexes, names: readonly string[]): void {
  const keys = wantedInstanceKeys(
    [SERVICE],
    names.map((name) => instance(name)),
    indexes,
  );
  indexes.retain(new Set(["default/db", ...keys]));
  for (const key of keys) indexes.allocate(key);
}

test("an instance that comes back has its address again", () => {
  const indexes = new ServiceIndexes();
  indexes.allocate("default/db");
  update(indexes, ["db-0", "db-1"]);
  const before = instanceIndexesOf(SERVICE, indexes);
  assert.deepEqual(Object.keys(before ?? {}), ["db-0", "db-1"]);
  update(indexes, ["db-1"]);
  const [only] = addressedInstances(SERVICE, [instance("db-1"), instance("x", "other")], indexes);
  assert.equal(only?.serviceIndex, before?.["db-1"]);
  update(indexes, ["db-0", "db-1"]);
  assert.deepEqual(instanceIndexesOf(SERVICE, indexes), before);
});

test("what is there goes before what was, and keeps what it has", () => {
  const indexes = new ServiceIndexes();
  const names = (count: number, prefix: string) =>
    Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
  update(indexes, names(ADDRESSED_INSTANCES_MAX, "old"));
  const before = instanceIndexesOf(SERVICE, indexes) ?? {};
  update(indexes, [...names(2, "old"), ...names(3, "a-new")]);
  const after = instanceIndexesOf(SERVICE, indexes) ?? {};
  assert.equal(Object.keys(after).length, ADDRESSED_INSTANCES_MAX);
  assert.equal(after["old-1"], before["old-1"]);
  assert.equal(new Set(Object.values(after)).size, ADDRESSED_INSTANCES_MAX);
  // More than there is room for: those that have an address keep it.
  update(indexes, names(ADDRESSED_INSTANCES_MAX + 5, "a-new"));
  assert.equal(instanceIndexesOf(SERVICE, indexes)?.["a-new-1"], after["a-new-1"]);
});

test("a deleted Service frees all of them", () => {
  const indexes = new ServiceIndexes();
  update(indexes, ["db-0"]);
  indexes.retain(new Set());
  assert.equal(indexes.size, 0);
});
