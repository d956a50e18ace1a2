import assert from "node:assert/strict";
import { test } from "node:test";
import { isNameOf, meshHostOf, shortName } from "./mesh-host.ts";

const SERVICE = "shards.shop.svc.tulle.local";
const INSTANCE = `shard-0.${SERVICE}`;

test("a host is a Service's or one instance's", () => {
  const instance = { instance: "shard-0", service: "shards", namespace: "shop" };
  assert.deepEqual(meshHostOf(INSTANCE), instance);
  assert.deepEqual(meshHostOf(SERVICE), { ...instance, instance: undefined });
  assert.equal(meshHostOf("example.com"), undefined);
});

test("names are short where the caller lives", () => {
  const words = ["shard-0.shards", "shard-0.shards.shop", "shard-0.shards.shop.svc", INSTANCE];
  for (const word of words) assert.ok(isNameOf(word, INSTANCE, "shop"), word);
  const elsewhere = words.filter((word) => isNameOf(word, INSTANCE, "default"));
  assert.deepEqual(elsewhere, words.slice(1));
  for (const word of ["shard-0", "shards", "shards.shop"]) {
    assert.ok(!isNameOf(word, INSTANCE, "shop"), word);
  }
  assert.ok(isNameOf("shards", SERVICE, "shop"));
  assert.ok(!isNameOf("shards", SERVICE, "default"));
  assert.deepEqual(
    [shortName(INSTANCE, "shop"), shortName(INSTANCE, "default"), shortName(SERVICE, "shop")],
    ["shard-0.shards", "shard-0.shards.shop", "shards"],
  );
});
