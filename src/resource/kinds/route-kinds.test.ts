/** The rules of GRPCRoute, TCPRoute and TLSRoute, each with what breaks it and what does not. */
import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { violationsIn } from "../../../test/support/violations.ts";

const PARENT = { group: "", kind: "Service", name: "catalog" };

function violations(kind: string, spec: object): readonly string[] {
  const version = kind === "TCPRoute" ? "v1alpha2" : "v1";
  const document = {
    apiVersion: `gateway.networking.k8s.io/${version}`,
    kind,
    metadata: { name: "a" },
    spec: { parentRefs: [PARENT], ...spec },
  };
  return violationsIn(document);
}

describe("GRPCRoute", () => {
  const matches = (...list: object[]) => violations("GRPCRoute", { rules: [{ matches: list }] });
  const rule = (fields: object) => violations("GRPCRoute", { rules: [fields] });

  test("a method match names a service, a method or both, as protobuf writes them", () => {
    assert.deepEqual(matches({}), []);
    assert.deepEqual(matches({ method: { service: ".shop.v1.Catalog", method: "Get_2" } }), []);
    assert.deepEqual(matches({ method: {} }), [
      "spec.rules[0].matches[0].method.service missing-field",
    ]);
    assert.deepEqual(matches({ method: { service: "shop/Catalog", method: "2nd" } }), [
      "spec.rules[0].matches[0].method.service invalid-value",
      "spec.rules[0].matches[0].method.method invalid-value",
    ]);
  });

  test("expressions are those that RE2 has", () => {
    const type = "RegularExpression";
    assert.deepEqual(matches({ method: { type, service: "shop\\.v[0-9]+\\..*" } }), []);
    assert.deepEqual(matches({ method: { type, service: "a(?=b)", method: "(" } }), [
      "spec.rules[0].matches[0].method.service invalid-value",
      "spec.rules[0].matches[0].method.method invalid-value",
    ]);
  });

  test("headers are named once, whatever their case", () => {
    const header = (name: string) => ({ name, value: "1" });
    assert.deepEqual(matches({ headers: [header("a"), header("A")] }), [
      "spec.rules[0].matches[0].headers[1].name invalid-combination",
    ]);
  });

  test("eight matches a rule, sixteen rules, their names once", () => {
    assert.deepEqual(matches(...Array(8).fill({})), []);
    assert.equal(matches(...Array(9).fill({})).length, 1);
    const named = (name: string) => ({ name });
    assert.deepEqual(violations("GRPCRoute", { rules: [named("a"), named("a")] }), [
      "spec.rules[1].name invalid-combination",
    ]);
    assert.equal(violations("GRPCRoute", { rules: Array(17).fill({}) }).length, 1);
  });

  test("filters have the member of their type; only mirrors and extensions may be repeated", () => {
    const mirror = { type: "RequestMirror", requestMirror: { backendRef: { name: "b", port: 1 } } };
    const change = { type: "RequestHeaderModifier", requestHeaderModifier: { remove: ["x"] } };
    assert.deepEqual(rule({ filters: [mirror, mirror, change] }), []);
    assert.deepEqual(rule({ filters: [change, change] }), [
      "spec.rules[0].filters[1].type invalid-combination",
    ]);
    assert.deepEqual(rule({ filters: [{ type: "RequestHeaderModifier" }] }), [
      "spec.rules[0].filters[0].requestHeaderModifier missing-field",
    ]);
    assert.deepEqual(rule({ filters: [{ type: "URLRewrite" }] }), [
      "spec.rules[0].filters[0].type invalid-value",
    ]);
  });

  test("sessions are written as in an HTTPRoute", () => {
    const header = { type: "Header", header: { name: "x-session" } };
    assert.deepEqual(rule({ sessionPersistence: header }), []);
    assert.deepEqual(rule({ sessionPersistence: { type: "Cookie" } }), [
      "spec.rules[0].sessionPersistence.cookie missing-field",
    ]);
  });

  test("backends of the kind Service have a port, weights are not negative", () => {
    assert.deepEqual(rule({ backendRefs: [{ name: "b" }, { name: "b", port: 1, weight: -1 }] }), [
      "spec.rules[0].backendRefs[0].port missing-field",
      "spec.rules[0].backendRefs[1].weight invalid-value",
    ]);
  });
});

describe("TCPRoute", () => {
  test("a rule at least, each with a backend at least", () => {
    const rules = (list: object[]) => violations("TCPRoute", { rules: list });
    assert.deepEqual(rules([{ backendRefs: [{ name: "b", port: 1 }] }]), []);
    assert.deepEqual(violations("TCPRoute", {}), ["spec.rules missing-field"]);
    assert.equal(rules([]).length, 1);
    assert.deepEqual(rules([{}]), ["spec.rules[0].backendRefs missing-field"]);
    assert.equal(rules([{ backendRefs: [] }]).length, 1);
  });
});

describe("TLSRoute", () => {
  const rules = [{ backendRefs: [{ name: "b", port: 1 }] }];
  const hostnames = (...list: string[]) => violations("TLSRoute", { hostnames: list, rules });

  test("server names are needed; they are DNS names, never addresses", () => {
    assert.deepEqual(hostnames("a.example", "*.b.example"), []);
    assert.deepEqual(violations("TLSRoute", { rules }), ["spec.hostnames missing-field"]);
    assert.deepEqual(hostnames("192.0.2.1"), ["spec.hostnames[0] invalid-value"]);
    assert.deepEqual(hostnames("a.*.example"), ["spec.hostnames[0] invalid-value"]);
    assert.deepEqual(hostnames("A.example"), ["spec.hostnames[0] invalid-value"]);
  });

  test("there is one rule", () => {
    assert.equal(
      violations("TLSRoute", { hostnames: ["a.example"], rules: [...rules, ...rules] }).length,
      1,
    );
  });
});
