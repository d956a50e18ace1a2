import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseDocuments } from "./documents.ts";
import { attachToGateways, commonHosts, covers } from "./gateway-attachment.ts";
import type { AnyObject } from "./kind-map.ts";
import type { Gateway } from "./kinds/gateway.ts";
import type { HttpRoute } from "./kinds/http-route.ts";
import { registry } from "./registry.ts";

function objectsOf(text: string): readonly AnyObject[] {
  const { objects, violations } = parseDocuments(text, "test", registry);
  assert.deepEqual(violations, []);
  return objects;
}

const gateway = (listeners: string, more = ""): string => `
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: shop}
spec: {${more}listeners: [${listeners}]}`;

const route = (name: string, spec: string, namespace = "default"): string => `
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ${name}, namespace: ${namespace}}
spec: {${spec}}`;

/** `listener: route hosts`, and refusals. */
function attached(text: string): readonly string[] {
  const objects = objectsOf(text);
  const { byGateway, refused } = attachToGateways(
    objects.filter((object): object is Gateway => object.kind === "Gateway"),
    objects.filter((object): object is HttpRoute => object.kind === "HTTPRoute"),
  );
  return [
    ...[...byGateway.values()].flatMap(({ listeners }) =>
      listeners.flatMap(({ listener, routes }) =>
        routes.map(
          (one) => `${listener.name}: ${one.route.metadata.name} ${one.hostnames.join(" ")}`,
        ),
      ),
    ),
    ...refused.map(({ route: { metadata }, code }) => `${metadata.name}: ${code}`),
  ];
}

describe("hosts", () => {
  test("of listener and route the more specific one counts (HTTPRouteSpec.hostnames)", () => {
    for (const [listener, hosts, expected] of [
      [undefined, [], ["*"]],
      [undefined, ["a.example"], ["a.example"]],
      ["a.example", [], ["a.example"]],
      ["a.example", ["a.example", "b.example"], ["a.example"]],
      ["*.example", ["a.example", "b.c.example", "example"], ["a.example", "b.c.example"]],
      ["a.example", ["*.example"], ["a.example"]],
      ["*.a.example", ["*.example"], ["*.a.example"]],
      ["a.example", ["b.example"], []],
    ] as const) {
      assert.deepEqual(commonHosts(listener, hosts), expected, `${listener} and ${hosts}`);
    }
  });

  test("a wildcard has names below it, not its own", () => {
    assert.equal(covers("*.example", "a.example"), true);
    assert.equal(covers("*.example", "*.a.example"), true);
    assert.equal(covers("*.example", "example"), false);
    assert.equal(covers("*.example", ".example"), false);
    assert.equal(covers("*.example", "aexample"), false);
    assert.equal(covers("a.example", "*.example"), false);
  });
});

describe("attachment", () => {
  const two =
    "{name: a, port: 80, protocol: HTTP}, {name: b, port: 81, protocol: HTTP, hostname: b.example}";

  test("by name, section and port", () => {
    const text =
      gateway(two) +
      route("all", "parentRefs: [{name: shop}]") +
      route("section", "parentRefs: [{name: shop, sectionName: b}]") +
      route("port", "parentRefs: [{name: shop, port: 80}]");
    assert.deepEqual(attached(text), [
      "a: all *",
      "a: port *",
      "b: all b.example",
      "b: section b.example",
    ]);
  });

  test("what is not attached says why", () => {
    const text =
      gateway(two) +
      route("section", "parentRefs: [{name: shop, sectionName: c}]") +
      route("nobody", "parentRefs: [{name: other}]") +
      route("host", "parentRefs: [{name: shop, sectionName: b}], hostnames: [c.example]") +
      route("far", "parentRefs: [{name: shop, namespace: default}]", "far");
    assert.deepEqual(attached(text).toSorted(), [
      "far: route-not-allowed",
      "host: hostname-mismatch",
      "nobody: parent-not-found",
      "section: parent-not-found",
    ]);
  });

  test("other namespaces where the listener allows them", () => {
    const from = (rule: string) =>
      gateway(`{name: a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: ${rule}}}`) +
      route("far", "parentRefs: [{name: shop, namespace: default}]", "far");
    assert.deepEqual(attached(from("{from: All}")), ["a: far *"]);
    const selector = (name: string) =>
      `{from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: ${name}}}}`;
    assert.deepEqual(attached(from(selector("far"))), ["a: far *"]);
    assert.deepEqual(attached(from(selector("near"))), ["far: route-not-allowed"]);
  });

  test("a Gateway of another class is none of ours", () => {
    const text =
      gateway("{name: a, port: 80, protocol: HTTP}", "gatewayClassName: other, ") +
      route("all", "parentRefs: [{name: shop}]");
    assert.deepEqual(attached(text), ["all: parent-not-found"]);
  });
});
