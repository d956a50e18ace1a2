/** Objects that are right by themselves and wrong together. */
import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { parseDocuments } from "../documents.ts";
import type { AnyObject } from "../kind-map.ts";
import { registry } from "../registry.ts";
import { formatViolations } from "../violation.ts";
import { checkObjects } from "./check-objects.ts";

/** `code object path` of each finding. */
function findings(text: string, created: Readonly<Record<string, string>> = {}): string[] {
  const { objects, violations } = parseDocuments(text, "test", registry);
  assert.equal(formatViolations(violations), "");
  const stored = objects.map((object): AnyObject => {
    const creationTimestamp = created[object.metadata.name] ?? "2026-01-01T00:00:00Z";
    return { ...object, metadata: { ...object.metadata, creationTimestamp } } as AnyObject;
  });
  return checkObjects(stored).map(
    ({ code, object, path }) => `${code} ${object.kind}/${object.name} ${path}`,
  );
}

const service = (
  name: string,
  fields = "ports: [{name: http, port: 80}, {name: alt, port: 81}]",
) => `---
apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {selector: {app: ${name}}, ${fields}}
`;

const route = (name: string, spec: string, namespace = "default") => `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ${name}, namespace: ${namespace}}
spec: {${spec}}
`;

const CATALOG = `group: "", kind: Service, name: catalog, namespace: default`;

describe("routes", () => {
  test("the same match on the same port is told to both, the older first", () => {
    const rules = `rules: [{matches: [{path: {value: /a}}, {path: {value: /b}}]}]`;
    const text =
      service("catalog") +
      route("a", `parentRefs: [{${CATALOG}}], ${rules}`) +
      route(
        "b",
        `parentRefs: [{${CATALOG}, port: 80}], rules: [{matches: [{path: {value: /b/}}]}]`,
      );
    const expected = [
      "route-conflict HTTPRoute/a spec.rules[0].matches[1]",
      "route-conflict HTTPRoute/b spec.rules[0].matches[0]",
    ];
    assert.deepEqual(findings(text), expected);
    const { objects } = parseDocuments(text, "test", registry);
    const messages = checkObjects(objects).map(({ message }) => message);
    assert.match(messages[0] ?? "", /HTTPRoute default\/b, which is younger and gets nothing/);
    assert.match(messages[1] ?? "", /HTTPRoute default\/a, which is older and counts/);
    assert.deepEqual(findings(text, { b: "2025-01-01T00:00:00Z" }), expected);
  });

  test("what differs is no conflict: port, match, or the callers", () => {
    const all = `rules: [{backendRefs: [{name: catalog, port: 80}]}]`;
    const others = [
      route("b", `parentRefs: [{${CATALOG}, port: 81}], ${all}`),
      route("b", `parentRefs: [{${CATALOG}, sectionName: alt}], ${all}`),
      route("b", `parentRefs: [{${CATALOG}, port: 80}], rules: [{matches: [{method: GET}]}]`),
      route("b", `parentRefs: [{${CATALOG}, port: 80}], ${all}`, "other"),
    ];
    for (const other of others) {
      const text =
        service("catalog") + route("a", `parentRefs: [{${CATALOG}, port: 80}], ${all}`) + other;
      assert.deepEqual(findings(text), [], other);
    }
  });

  test("headers and parameters are compared without regard to their order", () => {
    const matches = (...names: string[]) =>
      `rules: [{matches: [{headers: [${names.map((name) => `{name: ${name}, value: v}`).join(", ")}]}]}]`;
    const text =
      service("catalog") +
      route("a", `parentRefs: [{${CATALOG}}], ${matches("x-a", "x-b")}`) +
      route("b", `parentRefs: [{${CATALOG}}], ${matches("X-B", "x-a")}`);
    assert.equal(findings(text).length, 2);
  });

  test("a match that its own route has already", () => {
    const text =
      service("catalog") + route("a", `parentRefs: [{${CATALOG}}], rules: [{}, {matches: [{}]}]`);
    assert.deepEqual(findings(text), ["match-unreachable HTTPRoute/a spec.rules[1].matches[0]"]);
  });

  test("parents that are missing or of another kind", () => {
    const text =
      route("a", "rules: [{}]") +
      route("b", "parentRefs: [{kind: Ingress, name: edge}], rules: [{}]");
    assert.deepEqual(findings(text), [
      "parent-unset HTTPRoute/a spec.parentRefs",
      "parent-kind-unsupported HTTPRoute/b spec.parentRefs[0]",
    ]);
  });
});

test("two policies for one Service: the older one is told", () => {
  const policy = (name: string, target: string) => `---
apiVersion: mesh.tulle.dev/v1
kind: TrafficPolicy
metadata: {name: ${name}}
spec: {targetRefs: [{name: orders}, {name: ${target}}]}
`;
  const text = policy("a", "catalog") + policy("b", "users");
  assert.deepEqual(findings(text), ["policy-contested TrafficPolicy/a spec.targetRefs[0]"]);
  assert.deepEqual(findings(text, { b: "2025-01-01T00:00:00Z" }), [
    "policy-contested TrafficPolicy/b spec.targetRefs[0]",
  ]);
});

test("a Service port that leads to none of its instances' ports", () => {
  const workload = `---
apiVersion: mesh.tulle.dev/v1
kind: Workload
metadata: {name: w, labels: {app: catalog, version: v1}}
spec: {address: 127.0.0.1, ports: [{name: web, port: 8080}]}
`;
  const ports = `ports: [{name: a, port: 80, targetPort: web}, {name: b, port: 81, targetPort: 8080}, {name: c, port: 82}, {name: d, port: 53, protocol: UDP}]`;
  assert.deepEqual(findings(service("catalog", ports) + workload), [
    "target-port-not-found Service/catalog spec.ports[2]",
  ]);
  assert.deepEqual(findings(service("orders", ports) + workload), [], "no instance yet");
});

test("an appProtocol that is not known is a warning with the nearest word, never an error", () => {
  const text = service("catalog", "ports: [{name: a, port: 80, appProtocol: grcp}]");
  assert.deepEqual(findings(text), ["protocol-unknown Service/catalog spec.ports[0].appProtocol"]);
  const { objects } = parseDocuments(text, "test", registry);
  const [finding] = checkObjects(objects);
  assert.equal(finding?.severity, "warning");
  assert.match(finding?.message ?? "", /did you mean grpc\?/);
});

test("routes of every kind compete with their own kind only", () => {
  const of = (kind: string, name: string, spec: string) => `---
apiVersion: gateway.networking.k8s.io/${kind === "TCPRoute" ? "v1alpha2" : "v1"}
kind: ${kind}
metadata: {name: ${name}}
spec: {parentRefs: [{${CATALOG}}], ${spec}}
`;
  const backend = "backendRefs: [{name: catalog, port: 80}]";
  const grpc = "rules: [{matches: [{method: {service: a.B}}]}]";
  const text =
    service("catalog", "ports: [{port: 80}]") +
    of("GRPCRoute", "g1", grpc) +
    of("GRPCRoute", "g2", grpc) +
    of("TCPRoute", "t1", `rules: [{${backend}}, {${backend}}]`) +
    of("TLSRoute", "s1", `hostnames: [a.example, b.example], rules: [{${backend}}]`) +
    of("TLSRoute", "s2", `hostnames: [b.example], rules: [{${backend}}]`) +
    of("GRPCRoute", "alone", "rules: [{}]").replace(`parentRefs: [{${CATALOG}}], `, "");
  assert.deepEqual(findings(text), [
    "parent-unset GRPCRoute/alone spec.parentRefs",
    "route-conflict GRPCRoute/g1 spec.rules[0].matches[0]",
    "route-conflict GRPCRoute/g2 spec.rules[0].matches[0]",
    "match-unreachable TCPRoute/t1 spec.rules[1]",
    "route-conflict TLSRoute/s1 spec.hostnames[1]",
    "route-conflict TLSRoute/s2 spec.hostnames[0]",
  ]);
});
