/** What a TrafficPolicy, an ExternalService and a RouteFilter may say, and how each mistake is named. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { registry } from "../registry.ts";

function violationsOf(kind: string, spec: object): readonly string[] {
  const definition = registry.find("mesh.tulle.dev/v1", kind);
  assert.ok(definition !== undefined);
  const document = { apiVersion: "mesh.tulle.dev/v1", kind, metadata: { name: "a" }, spec };
  const result = definition.validate(document);
  return result.ok ? [] : result.violations.map(({ path, code }) => `${path} ${code}`);
}

function policy(fields: object): readonly string[] {
  return violationsOf("TrafficPolicy", { targetRefs: [{ name: "catalog" }], ...fields });
}

describe("TrafficPolicy", () => {
  test("a part of a group may be written; the rest is MeshConfig's", () => {
    for (const fields of [
      { loadBalancer: { slowStart: { window: "30s" } } },
      { retries: { attempts: 5 } },
      { retries: { budget: { percent: 5 } } },
      { outlierDetection: { successRate: { enabled: true } } },
      { circuitBreakers: { maxRequests: 10 } },
      { connectionPool: { tcpKeepalive: { time: "1m" } } },
    ]) {
      assert.deepEqual(policy(fields), []);
    }
  });

  test("an algorithm that hashes says what it hashes", () => {
    const hash = (loadBalancer: object) => policy({ loadBalancer });
    const key = { header: { name: "x-user" } };
    assert.deepEqual(hash({ algorithm: "Maglev", consistentHash: [key] }), []);
    assert.deepEqual(hash({ algorithm: "RingHash" }), [
      "spec.loadBalancer.consistentHash missing-field",
    ]);
    assert.deepEqual(hash({ algorithm: "Random", consistentHash: [key] }), [
      "spec.loadBalancer.consistentHash invalid-combination",
    ]);
    assert.deepEqual(hash({ algorithm: "Maglev", consistentHash: [{}] }), [
      "spec.loadBalancer.consistentHash[0] invalid-combination",
    ]);
    const both = { ...key, sourceAddress: true };
    assert.deepEqual(hash({ algorithm: "Maglev", consistentHash: [both] }), [
      "spec.loadBalancer.consistentHash[0].sourceAddress invalid-combination",
    ]);
    assert.deepEqual(hash({ maglev: { tableSize: 65_536 } }), [
      "spec.loadBalancer.maglev.tableSize invalid-value",
    ]);
    assert.deepEqual(hash({ hashBalanceFactor: 100 }), [
      "spec.loadBalancer.hashBalanceFactor invalid-value",
    ]);
    assert.deepEqual(hash({ ringHash: { minimumRingSize: 9, maximumRingSize: 8 } }), [
      "spec.loadBalancer.ringHash.minimumRingSize invalid-combination",
    ]);
  });

  test("a part of the instances is none for what hashes: callers must have the same", () => {
    const part = (loadBalancer: object) => policy({ loadBalancer });
    const hash = { algorithm: "Maglev", consistentHash: [{ header: { name: "x-user" } }] };
    assert.deepEqual(part({ subsetting: { size: 20 } }), []);
    assert.deepEqual(part({ algorithm: "Random", subsetting: { size: 10_000 } }), []);
    assert.deepEqual(part({ ...hash, subsetting: { size: 0 } }), [], "which turns it off");
    assert.deepEqual(part({ ...hash, subsetting: { size: 20 } }), [
      "spec.loadBalancer.subsetting invalid-combination",
    ]);
    for (const size of [-1, 10_001]) {
      assert.deepEqual(part({ subsetting: { size } }), [
        "spec.loadBalancer.subsetting.size invalid-value",
      ]);
    }
  });

  test("zones are named once as callers'", () => {
    const entry = { from: "a", to: { a: 1 } };
    const locality = (fields: object) => policy({ loadBalancer: { locality: fields } });
    assert.deepEqual(locality({ distribute: [entry, { ...entry, from: "*" }] }), []);
    assert.deepEqual(locality({ distribute: [entry, entry] }), [
      "spec.loadBalancer.locality.distribute[1].from invalid-combination",
    ]);
    assert.deepEqual(locality({ overprovisioningFactor: 99 }), [
      "spec.loadBalancer.locality.overprovisioningFactor invalid-value",
    ]);
  });

  test("a health check asks one thing, within its interval", () => {
    const check = (healthCheck: object) => policy({ healthCheck });
    assert.deepEqual(check({ http: { path: "/healthz" } }), []);
    assert.deepEqual(check({ grpc: {} }), []);
    assert.deepEqual(check({ tcp: { send: "50494e47", receive: ["504f4e47"] } }), []);
    assert.deepEqual(check({}), ["spec.healthCheck invalid-combination"]);
    assert.deepEqual(check({ grpc: {}, tcp: {} }), ["spec.healthCheck.tcp invalid-combination"]);
    assert.deepEqual(check({ tcp: {}, interval: "1s", timeout: "2s" }), [
      "spec.healthCheck.timeout invalid-combination",
    ]);
    assert.deepEqual(check({ tcp: { send: "xyz" } }), ["spec.healthCheck.tcp.send invalid-value"]);
    const range = { path: "/", expectedStatuses: [{ start: 300, end: 200 }] };
    assert.deepEqual(check({ http: range }), [
      "spec.healthCheck.http.expectedStatuses[0].end invalid-combination",
    ]);
  });

  test("retries: known conditions, each once; a wait that does not shrink", () => {
    const retries = (fields: object) => policy({ retries: fields });
    assert.deepEqual(retries({ on: ["gateway-error", "unavailable"], statusCodes: [429] }), []);
    assert.deepEqual(retries({ on: ["gateway-errors"] }), ["spec.retries.on[0] invalid-value"]);
    assert.deepEqual(retries({ on: ["5xx", "5xx"] }), ["spec.retries.on[1] invalid-combination"]);
    assert.deepEqual(retries({ attempts: 11 }), ["spec.retries.attempts invalid-value"]);
    assert.deepEqual(retries({ backoff: { base: "1s", max: "500ms" } }), [
      "spec.retries.backoff.max invalid-combination",
    ]);
  });

  test("a try is limited or hedged, and no longer than its request", () => {
    assert.deepEqual(policy({ hedging: { delay: "50ms" } }), []);
    assert.deepEqual(policy({ hedging: { delay: "50ms" }, timeouts: { perTry: "1s" } }), [
      "spec.hedging invalid-combination",
    ]);
    assert.deepEqual(policy({ timeouts: { request: "1s", perTry: "2s" } }), [
      "spec.timeouts.perTry invalid-combination",
    ]);
    assert.deepEqual(policy({ timeouts: { request: "0s", perTry: "2s" } }), []);
  });

  test("limits, sessions, failover", () => {
    assert.deepEqual(policy({ circuitBreakers: { maxRequests: 0 } }), [
      "spec.circuitBreakers.maxRequests invalid-value",
    ]);
    assert.deepEqual(policy({ sessionPersistence: { type: "Header" } }), [
      "spec.sessionPersistence.header missing-field",
    ]);
    assert.deepEqual(policy({ failover: [] }), ["spec.failover invalid-value"]);
    assert.deepEqual(policy({ outlierDetection: { maxEjectionPercent: 101 } }), [
      "spec.outlierDetection.maxEjectionPercent invalid-value",
    ]);
  });
});

describe("ExternalService", () => {
  const external = (fields: object) =>
    violationsOf("ExternalService", { hosts: ["a.example"], ports: [{ port: 443 }], ...fields });

  test("a host that can be resolved, or endpoints", () => {
    assert.deepEqual(external({}), []);
    assert.deepEqual(external({ hosts: ["*.a.example"] }), ["spec.endpoints missing-field"]);
    const endpoints = [{ address: "192.0.2.1" }, { address: "b.example", port: 8443 }];
    assert.deepEqual(external({ hosts: ["*.a.example"], endpoints }), []);
    assert.deepEqual(external({ endpoints: [{ address: "http://b.example" }] }), [
      "spec.endpoints[0].address invalid-value",
    ]);
    assert.deepEqual(external({ resolution: "LogicalDNS", endpoints }), [
      "spec.resolution invalid-combination",
    ]);
  });

  test("TLS names a server, and its roots are certificates", () => {
    assert.deepEqual(external({ tls: {} }), []);
    const wildcard = { hosts: ["*.a.example"], endpoints: [{ address: "192.0.2.1" }] };
    assert.deepEqual(external({ ...wildcard, tls: {} }), ["spec.tls.sni missing-field"]);
    assert.deepEqual(external({ tls: { caCertificates: "roots" } }), [
      "spec.tls.caCertificates invalid-value",
    ]);
  });

  test("several ports have names", () => {
    assert.deepEqual(external({ ports: [{ port: 80, name: "http" }, { port: 443 }] }), [
      "spec.ports[1].name missing-field",
    ]);
  });
});

describe("RouteFilter", () => {
  const filter = (fields: object) => violationsOf("RouteFilter", fields);

  test("says something, and nothing that contradicts", () => {
    assert.deepEqual(filter({}), ["spec invalid-combination"]);
    assert.deepEqual(filter({ sources: [{}] }), ["spec.sources[0] invalid-combination"]);
    assert.deepEqual(filter({ sources: [{ serviceAccounts: ["tester"] }] }), []);
    const pathRegexRewrite = { pattern: "^/a", substitution: "/b" };
    const directResponse = { statusCode: 503 };
    assert.deepEqual(filter({ directResponse }), []);
    assert.deepEqual(filter({ directResponse, pathRegexRewrite }), [
      "spec.pathRegexRewrite invalid-combination",
    ]);
    assert.deepEqual(filter({ pathRegexRewrite: { pattern: "(?=a)", substitution: "" } }), [
      "spec.pathRegexRewrite.pattern invalid-value",
    ]);
  });
});
