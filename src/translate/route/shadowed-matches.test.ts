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

test("a match behind one that takes all of its requests is told", () => {
  const header = (name: string) => `{ name: ${name}, type: RegularExpression, value: ".*" }`;
  const found = shadowed(
    `{ path: { value: /a }, method: GET, headers: [${header("x")}] }`,
    `{ path: { value: /a }, headers: [${header("x")}, ${header("y")}] }`,
    // One condition twice counts as two, and goes first.
    `{ path: { value: /b }, headers: [${header("x")}, { name: z, value: "1" }] }`,
  );
  assert.deepEqual(found, []);
  const regex = (value: string) => `path: { type: RegularExpression, value: "${value}" }`;
  assert.deepEqual(
    shadowed(`{ ${regex("/a/.*")}, method: GET }`, `{ ${regex("/a/.*")}, method: GET }`),
    [],
    "the same match twice is told by the checks of objects",
  );
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
