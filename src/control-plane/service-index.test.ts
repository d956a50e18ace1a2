import assert from "node:assert/strict";
import { test } from "node:test";
import { hasCode } from "../core/errors.ts";
import { SERVICE_INDEX_COUNT, ServiceIndexes } from "./service-index.ts";

test("a service keeps its index, also when it is deleted and made again", () => {
  const indexes = new ServiceIndexes();
  const first = indexes.allocate("default/catalog");
  indexes.allocate("default/cart");
  assert.equal(indexes.allocate("default/catalog"), first);
  indexes.release("default/catalog");
  assert.equal(indexes.get("default/catalog"), undefined);
  assert.equal(indexes.allocate("default/catalog"), first);
});

test("what the store remembers wins over the hash, and is never given twice", () => {
  const probe = new ServiceIndexes();
  const natural = probe.allocate("default/catalog");
  const indexes = new ServiceIndexes();
  assert.equal(indexes.restore("default/other", natural), true);
  const moved = indexes.allocate("default/catalog");
  assert.notEqual(moved, natural);
  assert.equal(indexes.restore("default/catalog", moved), true);
  assert.equal(indexes.restore("default/catalog", natural), false);
  assert.equal(indexes.get("default/catalog"), moved);
});

test("an index out of range is not restored", () => {
  const indexes = new ServiceIndexes();
  for (const index of [-1, 0.5, SERVICE_INDEX_COUNT, Number.NaN]) {
    assert.equal(indexes.restore("default/a", index), false, String(index));
  }
});

test("every index can be used, and the service after the last is refused", () => {
  const indexes = new ServiceIndexes();
  const seen = new Set<number>();
  for (let i = 0; i < SERVICE_INDEX_COUNT; i++) seen.add(indexes.allocate(`default/s${i}`));
  assert.equal(seen.size, SERVICE_INDEX_COUNT);
  assert.throws(
    () => indexes.allocate("default/one-more"),
    (error) => hasCode(error, "service-index-exhausted"),
  );
});
