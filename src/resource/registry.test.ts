/** Kinds are found by what documents say and by what people type. */
import assert from "node:assert/strict";
import test from "node:test";
import { registry } from "./registry.ts";

test("documents name a kind exactly", () => {
  assert.equal(registry.find("v1", "Service")?.plural, "services");
  assert.equal(registry.find("v1", "service"), undefined);
  assert.equal(registry.find("v2", "Service"), undefined);
  assert.equal(registry.ofKind("HTTPRoute").apiVersion, "gateway.networking.k8s.io/v1");
});

test("people may use plural, short name and any case", () => {
  for (const name of ["Service", "services", "SVC", "svc"]) {
    assert.equal(registry.lookup(name)?.kind, "Service", name);
  }
  assert.equal(registry.lookup("hr")?.kind, "HTTPRoute");
  assert.equal(registry.lookup("pods"), undefined);
  assert.equal(registry.suggest("httproutess"), "HTTPRoute");
  assert.equal(registry.suggest("pods"), undefined);
});

test("no two kinds share a name", () => {
  const names = registry.kinds.flatMap(({ kind, plural, shortNames }) => [
    ...new Set([kind, plural, ...shortNames].map((name) => name.toLowerCase())),
  ]);
  assert.equal(new Set(names).size, names.length);
});
