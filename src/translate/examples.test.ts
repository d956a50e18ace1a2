/** Every file under `examples/`: readable, free of findings, and routed by the sidecar as its comments say. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { snapshotOf, TEST_SCOPE } from "../../test/support/mesh-fixture.ts";
import { compileRoutes, routeOf, simulate } from "../../test/support/route-simulation.ts";
import type { RouteTable } from "../decision/route-table.ts";
import type { RouteConfiguration } from "../gen/envoy/config/route/v3/route_pb.js";
import { ROUTE_TYPE_URL } from "../xds/type-urls.ts";
import { translateProxy } from "./translate.ts";

const EXAMPLES = join(import.meta.dirname, "..", "..", "examples");

for (const file of readdirSync(EXAMPLES).filter((name) => name.endsWith(".yaml"))) {
  test(`examples/${file}`, () => {
    const text = readFileSync(join(EXAMPLES, file), "utf8");
    assert.match(text, /^# \S/, "opens with a comment that says what it shows");
    const snapshot = snapshotOf(text, file);
    const routes = snapshot.httpRoutes.map((route) => route.metadata.namespace);
    for (const namespace of new Set(["default", ...routes])) {
      const { resources, findings } = translateProxy(snapshot, { ...TEST_SCOPE, namespace });
      assert.deepEqual(findings, []);
      for (const { typeUrl, message } of resources) {
        if (typeUrl === ROUTE_TYPE_URL) compileRoutes(message as RouteConfiguration);
      }
    }
  });
}

test("rule-precedence.yaml: the rules take a request in the order that its comments give", () => {
  const catalog = tableOf("rule-precedence.yaml", "catalog");
  const names = [
    routeOf(catalog, gold("GET /products/7")),
    routeOf(catalog, gold("GET /products/8")),
    routeOf(catalog, gold("POST /products/8")),
    routeOf(catalog, { request: "POST /products/8" }),
    routeOf(catalog, gold("GET /")),
  ].map((route) => route?.name);
  assert.deepEqual(names, [
    "HTTPRoute/default/catalog-product-7/rule/0/match/0",
    "HTTPRoute/default/catalog/rule/prefix-and-method/match/0",
    "HTTPRoute/default/catalog/rule/prefix-and-header/match/0",
    "HTTPRoute/default/catalog/rule/prefix/match/0",
    "HTTPRoute/default/catalog/rule/any/match/0",
  ]);
});

test("path-routing.yaml: paths lead where its comments say", () => {
  const storefront = tableOf("path-routing.yaml", "storefront");
  const results = [
    "GET /products",
    "GET /products/7",
    "GET /products-old",
    "GET /products/new",
    "GET /o/12",
    "GET /o/12a",
    "POST /cart?gift=true",
    "GET /cart?gift=true",
  ].map((request) => simulate(storefront, { request }));
  assert.deepEqual(results, [
    "catalog:80",
    "catalog:80",
    "storefront:80",
    "recommendations:80",
    "orders:80",
    "storefront:80",
    "cart:80",
    "storefront:80",
  ]);
});

test("grpc-route.yaml: calls lead where its comments say", () => {
  const catalog = tableOf("grpc-route.yaml", "catalog", "default", 9090);
  const search = { request: "POST /shop.v1.Catalog/Search", headers: { "x-tester": "yes" } };
  assert.equal(simulate(catalog, search), "catalog-search:9090");
  const get = { request: "POST /shop.v1.Catalog/Get" };
  assert.equal(simulate(catalog, get), "catalog-v1:9090=90 catalog-v2:9090=10");
  assert.equal(simulate(catalog, { ...get, headers: { "x-tester": "yes" } }), "catalog-v2:9090");
});

test("consumer-route.yaml: callers of the route's namespace get its rules, others the producer's", () => {
  const request = { request: "GET /" };
  assert.equal(simulate(tableOf("consumer-route.yaml", "catalog"), request), "catalog-v1:80");
  const mobile = tableOf("consumer-route.yaml", "catalog", "mobile");
  assert.equal(simulate(mobile, request), "catalog-v2:80");
});

function gold(request: string) {
  return { request, headers: { "x-tier": "gold" } };
}

/** The routes of a Service in an example, as callers in `namespace` have them. */
function tableOf(file: string, service: string, namespace = "default", port = 80): RouteTable {
  const snapshot = snapshotOf(readFileSync(join(EXAMPLES, file), "utf8"), file);
  const scope = { ...TEST_SCOPE, namespace };
  const { resources } = translateProxy(snapshot, scope);
  const name = `outbound|${port}||${service}.default.svc.tulle.local`;
  const found = resources.find(
    (resource) => resource.typeUrl === ROUTE_TYPE_URL && resource.name === name,
  );
  assert.ok(found !== undefined);
  return compileRoutes(found.message as RouteConfiguration);
}
