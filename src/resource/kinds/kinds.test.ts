/** The rules of the other kinds, each with what breaks it and what does not; and every example. */
import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { violationsIn } from "../../../test/support/violations.ts";
import { parseDocuments } from "../documents.ts";
import { registry } from "../registry.ts";
import { formatViolations } from "../violation.ts";
import { defaultMeshConfigSpec } from "./mesh-config.ts";
import { targetPortOf } from "./service.ts";

for (const { kind, example } of registry.kinds) {
  test(`the example of ${kind} is valid`, () => {
    const { objects, violations } = parseDocuments(example, kind, registry);
    assert.equal(formatViolations(violations), "");
    assert.equal(objects[0]?.kind, kind);
  });
}

describe("metadata", () => {
  const metadata = (fields: object) =>
    violationsIn({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "a", ...fields },
      spec: { ports: [{ port: 1 }] },
    } as never);

  test("names and namespaces", () => {
    assert.deepEqual(metadata({ namespace: "shop-1" }), []);
    assert.deepEqual(metadata({ name: "1a" }), ["metadata.name invalid-value"]);
    assert.deepEqual(metadata({ name: "a.b" }), ["metadata.name invalid-value"]);
    assert.deepEqual(metadata({ name: "a".repeat(64) }), ["metadata.name invalid-value"]);
    assert.deepEqual(metadata({ namespace: "a.b" }), ["metadata.namespace invalid-value"]);
    assert.deepEqual(metadata({ namespace: "-" }), ["metadata.namespace invalid-value"]);
  });

  test("labels", () => {
    assert.deepEqual(metadata({ labels: { "example.org/a_B.c": "x-1", b: "" } }), []);
    assert.deepEqual(metadata({ labels: { "a/b/c": "x" } }), [
      'metadata.labels["a/b/c"] invalid-value',
    ]);
    assert.deepEqual(metadata({ labels: { a: "-x" } }), ["metadata.labels.a invalid-value"]);
    assert.deepEqual(metadata({ labels: { a: 1 } }), ["metadata.labels.a wrong-type"]);
    assert.deepEqual(metadata({ annotations: { a: "any text\n" } }), []);
  });
});

describe("Service", () => {
  const service = (spec: object) => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "a" },
    spec,
  });
  const ports = (...list: object[]) => violationsIn(service({ ports: list }));

  test("a port at least, unless headless or external", () => {
    assert.deepEqual(ports(), ["spec.ports missing-field"]);
    assert.deepEqual(violationsIn(service({ clusterIP: "None" })), []);
    assert.deepEqual(
      violationsIn(service({ type: "ExternalName", externalName: "a.example" })),
      [],
    );
    assert.deepEqual(violationsIn(service({ type: "ExternalName" })), [
      "spec.externalName missing-field",
    ]);
  });

  test("several ports have names; names and numbers are unique", () => {
    assert.deepEqual(ports({ name: "a", port: 1 }, { name: "b", port: 2 }), []);
    assert.deepEqual(ports({ name: "a", port: 1 }, { port: 2 }), [
      "spec.ports[1].name missing-field",
    ]);
    assert.deepEqual(ports({ name: "a", port: 1 }, { name: "a", port: 2 }), [
      "spec.ports[1].name invalid-combination",
    ]);
    assert.deepEqual(ports({ name: "a", port: 1 }, { name: "b", port: 1 }), [
      "spec.ports[1].port invalid-combination",
    ]);
    assert.deepEqual(ports({ name: "a", port: 1 }, { name: "b", port: 1, protocol: "UDP" }), []);
  });

  test("target ports are numbers or names", () => {
    assert.deepEqual(ports({ port: 1, targetPort: 8080 }), []);
    assert.deepEqual(ports({ port: 1, targetPort: "http-alt" }), []);
    for (const targetPort of [0, 70_000, "a--b", "8080", "longer-than-fifteen", "", true, 1.5]) {
      assert.deepEqual(ports({ port: 1, targetPort }), ["spec.ports[0].targetPort invalid-value"]);
    }
  });

  test("a target port is the port itself by default", () => {
    assert.equal(targetPortOf({ port: 80, protocol: "TCP" }), 80);
    assert.equal(targetPortOf({ port: 80, protocol: "TCP", targetPort: "web" }), "web");
  });
});

describe("MeshConfig", () => {
  const config = (spec: object | undefined, metadata: object = { name: "default" }) =>
    violationsIn({ apiVersion: "mesh.tulle.dev/v1", kind: "MeshConfig", metadata, spec } as never);

  test("without a spec every default holds", () => {
    assert.deepEqual(config(undefined), []);
    assert.deepEqual(defaultMeshConfigSpec(), {
      trustDomain: "tulle.local",
      rootNamespace: "tulle-system",
      authorization: { defaultAction: "Allow" },
      extensionProviders: [],
      fetching: { allowedAddresses: [] },
      access: { anonymous: "Viewer", identities: [] },
      quotas: { objectsPerNamespace: 5000, documentBytes: 1_048_576 },
      audit: {
        denialsInterval: "30s",
        denialBurst: { count: 100, window: "1m" },
        serviceScan: { count: 5, window: "5m" },
        expiredCertificates: { count: 10, window: "5m" },
        failedLogins: { count: 10, window: "1m" },
      },
      certificates: { lifetime: "24h", rootLifetime: "87600h", joinTokenLifetime: "10m" },
      registry: { gracePeriod: "30s", reconnectWindow: "60s", emptySetHold: "10m" },
      accessLog: { enabled: false, path: "/dev/stdout" },
      protocolDetection: {
        timeout: "10s",
        opaquePorts: [25, 587, 3306, 4444, 5432, 6379, 9300, 11_211],
      },
      dns: { enabled: true, servers: [], timeout: "2s" },
      pathNormalization: { mode: "DecodeAndMergeSlashes", rejectEscapedSlashes: false },
      numTrustedProxies: 0,
      defaults: TRAFFIC_DEFAULTS,
    });
  });

  test("there is one, named default, outside of namespaces", () => {
    assert.deepEqual(config({}, { name: "other" }), ["metadata.name invalid-value"]);
    assert.deepEqual(config({}, { name: "default", namespace: "default" }), [
      "metadata.namespace invalid-value",
    ]);
  });

  test("opaque ports are ports, each once", () => {
    const ports = (opaquePorts: unknown) => config({ protocolDetection: { opaquePorts } });
    assert.deepEqual(ports([]), []);
    assert.deepEqual(ports([25, 0]), ["spec.protocolDetection.opaquePorts[1] invalid-value"]);
    assert.deepEqual(ports([25, 25]), [
      "spec.protocolDetection.opaquePorts[1] invalid-combination",
    ]);
    assert.deepEqual(config({ protocolDetection: { timeout: "2m" } }), [
      "spec.protocolDetection.timeout invalid-value",
    ]);
  });

  test("name servers are addresses, with a port where it is not 53", () => {
    const servers = (...items: unknown[]) => config({ dns: { servers: items } });
    assert.deepEqual(servers("192.0.2.53", "[2001:db8::53]:5353", "2001:db8::53"), []);
    for (const wrong of ["ns.example", "192.0.2.53:0", "[192.0.2.53", "192.0.2.53:99999"]) {
      assert.deepEqual(servers(wrong), ["spec.dns.servers[0] invalid-value"]);
    }
    assert.deepEqual(servers("::1", "::1"), ["spec.dns.servers[1] invalid-combination"]);
    assert.deepEqual(config({ dns: { timeout: "10ms" } }), ["spec.dns.timeout invalid-value"]);
  });

  test("durations are within their ranges", () => {
    assert.deepEqual(config({ certificates: { lifetime: "59s" } }), [
      "spec.certificates.lifetime invalid-value",
    ]);
    assert.deepEqual(config({ certificates: { lifetime: "721h" } }), [
      "spec.certificates.lifetime invalid-value",
    ]);
    assert.deepEqual(config({ defaults: { connectTimeout: "0s" } }), [
      "spec.defaults.connectTimeout invalid-value",
    ]);
    assert.deepEqual(config({ trustDomain: "Shop Example" }), ["spec.trustDomain invalid-value"]);
  });
});

describe("Workload", () => {
  const workload = (fields: object) =>
    violationsIn({
      apiVersion: "mesh.tulle.dev/v1",
      kind: "Workload",
      metadata: { name: "catalog-v1-x7k2p" },
      spec: { address: "127.37.64.1", ports: [{ port: 8080 }], ...fields },
    } as never);

  test("addresses are IP addresses", () => {
    assert.deepEqual(workload({ address: "2001:db8::1" }), []);
    for (const address of ["localhost", "127.0.0", "", "127.0.0.1:80"]) {
      assert.ok(workload({ address }).includes("spec.address invalid-value"), address);
    }
  });

  test("ports are named and numbered once", () => {
    const ports = (...list: object[]) => workload({ ports: list });
    assert.deepEqual(ports({ port: 1, inboundPort: 15006 }, { port: 2, inboundPort: 15106 }), []);
    assert.deepEqual(ports({ port: 1 }, { port: 1 }), ["spec.ports[1].port invalid-combination"]);
    assert.deepEqual(ports({ port: 1, inboundPort: 3 }, { port: 2, inboundPort: 3 }), [
      "spec.ports[1].inboundPort invalid-combination",
    ]);
    assert.deepEqual(ports({ port: 1, protocol: "udp" }), ["spec.ports[0].protocol invalid-value"]);
    assert.deepEqual(ports(), ["spec.ports invalid-value"]);
  });
});

const NO_LIMIT = 4_294_967_295;

/** Changing one of these changes every mesh. */
const TRAFFIC_DEFAULTS = {
  loadBalancer: {
    algorithm: "PeakEWMA",
    consistentHash: [],
    hashBalanceFactor: 0,
    panicThreshold: 0,
    ringHash: { minimumRingSize: 1024, maximumRingSize: 8_388_608 },
    maglev: { tableSize: 65_537 },
    slowStart: { window: "0s", aggression: 1, minimumWeight: 10 },
    locality: { preferZone: false, overprovisioningFactor: 140, failover: [], distribute: [] },
    subsetting: { size: 0 },
  },
  connectTimeout: "5s",
  timeouts: { request: "0s", perTry: "0s", idle: "5m", stream: "0s", connectionIdle: "1h" },
  retries: {
    attempts: 2,
    on: ["connect-failure", "refused-stream", "reset-before-request"],
    statusCodes: [],
    headers: [],
    methods: ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"],
    avoidPreviousHosts: true,
    retryAfterMaximum: "10s",
    backoff: { base: "25ms", max: "250ms" },
    budget: { percent: 20, minimumConcurrency: 3 },
  },
  outlierDetection: {
    enabled: true,
    consecutive5xxErrors: 5,
    consecutiveGatewayErrors: 0,
    consecutiveLocalOriginFailures: 5,
    splitExternalLocalOriginErrors: false,
    interval: "500ms",
    baseEjectionTime: "500ms",
    maxEjectionTime: "1s",
    maxEjectionTimeJitter: "0s",
    maxEjectionPercent: 50,
    successRate: { enabled: false, minimumHosts: 5, requestVolume: 100, stdevFactor: 1.9 },
    failurePercentage: { enabled: false, threshold: 85, minimumHosts: 5, requestVolume: 50 },
  },
  circuitBreakers: {
    maxConnections: NO_LIMIT,
    maxPendingRequests: NO_LIMIT,
    maxRequests: NO_LIMIT,
    maxRetries: NO_LIMIT,
  },
  connectionPool: {
    maxRequestsPerConnection: 0,
    maxConnectionDuration: "0s",
    maxConcurrentStreams: 0,
    tcpKeepalive: { time: "0s", interval: "10s", probes: 3 },
  },
};

describe("TrafficPolicy", () => {
  const policy = (fields: object) =>
    violationsIn({
      apiVersion: "mesh.tulle.dev/v1",
      kind: "TrafficPolicy",
      metadata: { name: "a" },
      spec: { targetRefs: [{ name: "catalog" }], ...fields },
    } as never);

  test("targets are named once, one at least", () => {
    assert.deepEqual(policy({}), []);
    assert.deepEqual(policy({ targetRefs: [] }), ["spec.targetRefs invalid-value"]);
    assert.deepEqual(policy({ targetRefs: [{ name: "a" }, { kind: "Service", name: "a" }] }), [
      "spec.targetRefs[1] invalid-combination",
    ]);
  });

  test("algorithms and timeouts", () => {
    for (const algorithm of ["RoundRobin", "LeastRequest", "Random", "PeakEWMA"]) {
      assert.deepEqual(policy({ loadBalancer: { algorithm } }), []);
    }
    assert.deepEqual(policy({ loadBalancer: { algorithm: "round-robin" } }), [
      "spec.loadBalancer.algorithm invalid-value",
    ]);
    assert.deepEqual(policy({ timeouts: { request: "25h" } }), [
      "spec.timeouts.request invalid-value",
    ]);
    assert.deepEqual(policy({ timeouts: { request: 10 } }), ["spec.timeouts.request wrong-type"]);
  });
});
