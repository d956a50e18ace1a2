import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDocuments } from "../documents.ts";
import { registry } from "../registry.ts";
import { checkObjects } from "./check-objects.ts";

const service = (name: string, ports = "[{name: http, port: 80}]") =>
  `{apiVersion: v1, kind: Service, metadata: {name: ${name}}, spec: {selector: {app: x}, ports: ${ports}}}\n---\n`;
const rollout = (name: string, target = "{name: catalog}") =>
  `{apiVersion: mesh.tulle.dev/v1, kind: Rollout, metadata: {name: ${name}}, spec: {targetRef: ${target}, stableService: catalog-v1, canaryService: catalog-v2, strategy: {blueGreen: {}}}}\n---\n`;
const route = (backend: string) =>
  `{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: mine}, spec: {parentRefs: [{group: "", kind: Service, name: catalog}], rules: [{backendRefs: [{name: ${backend}, port: 80}]}]}}\n---\n`;
const ALL = service("catalog") + service("catalog-v1") + service("catalog-v2");

function findings(text: string): readonly string[] {
  const { objects, violations } = parseDocuments(text, "test", registry);
  assert.deepEqual(violations, []);
  return checkObjects(objects)
    .filter(({ object }) => object.kind === "Rollout")
    .map(
      ({ code, severity, object, path, message }) =>
        `${severity} ${code} ${object.name} ${path}: ${message}`,
    );
}

test("a mesh in order has no finding", () => {
  for (const backend of ["catalog", "catalog-v1", "catalog-v2"]) {
    assert.deepEqual(findings(ALL + rollout("catalog") + route(backend)), []);
  }
});

test("what is missing is named with its field and what to do", () => {
  assert.deepEqual(findings(service("catalog") + service("catalog-v1") + rollout("catalog")), [
    "error rollout-service-not-found catalog spec.canaryService: there is no Service default/catalog-v2: apply one, or correct the name",
  ]);
  const two = "[{name: http, port: 80}, {name: admin, port: 90}]";
  const [port, ...more] = findings(
    service("catalog", two) +
      service("catalog-v1", two) +
      service("catalog-v2", "[{name: http, port: 80}, {name: x, port: 91}]") +
      rollout("catalog"),
  );
  assert.match(
    port ?? "",
    /rollout-port-not-found catalog spec.canaryService: Service default\/catalog-v2 has no port 90/,
  );
  assert.deepEqual(more, []);
  assert.match(
    findings(ALL + rollout("catalog", "{kind: Gateway, name: catalog}"))[0] ?? "",
    /rollout-target-unsupported .* only a Service/,
  );
});

test("a second one for a target is told which one holds", () => {
  const [conflict, ...more] = findings(ALL + rollout("catalog") + rollout("other"));
  assert.match(
    conflict ?? "",
    /error rollout-conflict other spec.targetRef: Rollout default\/catalog is for Service default\/catalog too/,
  );
  assert.deepEqual(more, []);
});

test("a rule that the rollout cannot move is a warning", () => {
  const [bypassed] = findings(ALL + service("cart") + rollout("catalog") + route("cart"));
  assert.match(
    bypassed ?? "",
    /warning rollout-bypassed .*spec.rules\[0\] of HTTPRoute default\/mine sends to cart whatever the rollout does: write catalog there/,
  );
});
