import assert from "node:assert/strict";
import { test } from "node:test";
import { dependencyCycle, stopOrder } from "./dependency-graph.ts";

const graph = (edges: Record<string, readonly string[]>) => new Map(Object.entries(edges));

test("finds a cycle and shows its path", () => {
  assert.equal(dependencyCycle(graph({ a: ["b", "c"], b: ["c"], c: [] })), undefined);
  assert.deepEqual(dependencyCycle(graph({ a: ["b"], b: ["a"] })), ["a", "b", "a"]);
  assert.deepEqual(dependencyCycle(graph({ a: ["a"] })), ["a", "a"]);
});

test("stops those that wait before what they wait for", () => {
  const order = stopOrder(graph({ db: [], catalog: ["db"], web: ["catalog", "db"], lone: [] }));
  assert.deepEqual(order, [["web"], ["catalog"], ["db", "lone"]]);
});
