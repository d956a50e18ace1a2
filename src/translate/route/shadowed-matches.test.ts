/** Authors are told of matches that no request reaches. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { snapshotOf } from "../../../test/support/mesh-fixture.ts";
import { translateShared } from "../translate.ts";

const SERVICE = `
apiVersion: v1
kind: Service
metadata: { name: catalog }
spec: { selector: { app: catalog }, ports: [{ name: http, port: 80 }] }
`;

function routeWith(...matches: readonly string[]): string {
  return `
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: catalog }
spec:
  parentRefs: [{ group: "", kind: Service, name: catalog, port: 80 }]
  rules:
${matches.map((match) => `    - matches: [${match}]\n      backendRefs: [{ name: catalog, port: 80 }]`).join("\n")}
`;
}

function shadowed(...matches: readonly string[]): readonly string[] {
  return translateShared(snapshotOf(SERVICE + routeWith(...matches), "mesh.yaml"))
    .findings.filter(({ code }) => code === "route-shadowed")
    .map(({ path, message }) => `${path}: ${message}`);
}

test("an expression behind a prefix that takes all of its requests is told", () => {
  const regex = (value: string) => `{ path: { type: RegularExpression, value: "${value}" } }`;
  assert.deepEqual(shadowed("{ path: { value: /items } }", regex("/items/[0-9]+")), [
    "spec.rules[1].matches[0]: no request reaches it: HTTPRoute/default/catalog/rule/0/match/0 stands before it and takes all of them",
  ]);
  assert.deepEqual(shadowed("{ path: { value: /items } }", regex("/items?/[0-9]+")), []);
  assert.deepEqual(shadowed("{ path: { value: /items }, method: GET }", regex("/items/.*")), []);
});

test("the same match twice is left to the checks of objects, which tell both authors", () => {
  const match = '{ path: { type: RegularExpression, value: "/a/.*" }, method: GET }';
  assert.deepEqual(shadowed(match, match), []);
});

test("a table whose every match is reached has no such finding", () => {
  assert.deepEqual(
    shadowed(
      "{ path: { value: /a } }",
      "{ path: { value: / } }",
      "{ path: { value: /a }, method: GET }",
    ),
    [],
  );
});
