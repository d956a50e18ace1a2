/**
 * Health checks, outlier ejection and slow start as people ask for them: TrafficPolicies by YAML and the command line, a
 * control plane, a real sidecar, and three servers that are well or not as the test says.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import type { ServiceAddress } from "./catalog-mesh.ts";
import {
  externalService,
  type OutsideHost,
  OutsideMesh,
  type Respond,
  trafficPolicy,
} from "./outside-mesh.ts";

let outside: OutsideMesh;
let c: OutsideHost;
let calls: readonly GrpcHost[];
let grpcAt: ServiceAddress;
/** Services of the same three servers: who is out for one is not for the others. */
const SERVICES = ["outside", "gateway", "row", "local", "share", "rate", "status"] as const;
type ServiceName = (typeof SERVICES)[number];
const addresses = new Map<ServiceName, ServiceAddress>();

/** A server of gRPC that tells its health, and its number to every other call. */
class GrpcHost {
  isServing = true;
  readonly server: Http2Server;

  constructor(name: string) {
    this.server = createServer();
    this.server.on("stream", (stream: ServerHttp2Stream, headers) => {
      stream.respond(
        { ":status": 200, "content-type": "application/grpc" },
        { waitForTrailers: true },
      );
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      // HealthCheckResponse: SERVING is 1, NOT_SERVING 2.
      const isCheck = headers[":path"] === "/grpc.health.v1.Health/Check";
      const message = isCheck ? Buffer.from([8, this.isServing ? 1 : 2]) : Buffer.from(name);
      stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]));
    });
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }
}

before(async () => {
  calls = [new GrpcHost("one"), new GrpcHost("two")];
  for (const { server } of calls) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  }
  const ports = calls.map(({ port }) => port);
  const grpc = externalService("calls", ports, "grpc");
  outside = await OutsideMesh.start("health", 3, { names: SERVICES, resources: [grpc] });
  c = outside.hosts[2]!;
  for (const name of SERVICES) addresses.set(name, await outside.mesh.addressOf(name));
  grpcAt = await outside.mesh.addressOf("calls");
});

after(async () => {
  await outside?.remove();
  for (const { server } of calls ?? []) server.close();
});

const loadBalancer = { algorithm: "RoundRobin", panicThreshold: 0 };
const never = { enabled: false };
/** The first failure puts a host out, the first success brings it back. A stall of the machine is to be no failure. */
const check = {
  ...{ interval: "400ms", timeout: "400ms", jitterPercent: 0 },
  ...{ unhealthyThreshold: 1, healthyThreshold: 1 },
};

/** Who answers nine requests, which is three rounds. */
async function answering(service: ServiceName = "outside"): Promise<string> {
  const names = new Set<string>();
  for (let i = 0; i < 9; i++) {
    const { status, body } = await outside.mesh.ask("/", { at: addresses.get(service)! });
    names.add(status === 200 ? body : String(status));
  }
  return [...names].sort().join();
}

async function becomes(wanted: string, service: ServiceName = "outside"): Promise<void> {
  while ((await answering(service)) !== wanted);
}

const failing: Respond = (_request, response) => response.writeHead(503).end("503");

test("health checks by HTTP, with thresholds", async () => {
  const http = { path: "/healthz", expectedStatuses: [{ start: 200, end: 299 }] };
  await outside.apply({
    loadBalancer,
    outlierDetection: never,
    healthCheck: { ...check, unhealthyThreshold: 2, healthyThreshold: 2, http },
  });
  const checks: number[] = [];
  let status = 204;
  c.respond = (request, response) => {
    if (request.url === "/healthz") checks.push(status);
    response.writeHead(request.url === "/healthz" ? status : 200).end("c");
  };
  // The first check of all counts alone, and the policy may have come in two steps.
  while (checks.length < 3) await answering();
  await becomes("a,b,c");
  status = 500;
  await becomes("a,b");
  // As in Envoy, a status that is not expected needs no second one: `unhealthyThreshold` is for silence and lost connections.
  checks.length = 0;
  status = 204;
  await becomes("a,b,c");
  assert.ok(checks.filter((seen) => seen === 204).length >= 2, "one good answer is not enough");
  status = 500;
  await becomes("a,b");
  // While fewer than so many percent are healthy, all are asked.
  const inPanic = { ...loadBalancer, panicThreshold: 100 };
  const spec = { outlierDetection: never, healthCheck: { ...check, http } };
  await outside.mesh.apply(trafficPolicy("outside", { ...spec, loadBalancer: inPanic }));
  await becomes("a,b,c");
});

test("health checks by TCP: what must come back", async () => {
  // What is sent is no request of HTTP: a server says so, and "HTTP/1.1 400" is expected.
  const tcp = { send: "00", receive: [Buffer.from("HTTP/1.1 400").toString("hex")] };
  await outside.apply({ loadBalancer, outlierDetection: never, healthCheck: { ...check, tcp } });
  await becomes("a,b,c");
  c.silence(true);
  await becomes("a,b");
  c.silence(false);
  await becomes("a,b,c");
});

test("health checks by gRPC", async () => {
  const policy = trafficPolicy("calls", {
    ...{ loadBalancer, outlierDetection: never },
    healthCheck: { ...check, grpc: { service: "shop" } },
  });
  await outside.mesh.apply(policy);
  const headers = { "content-type": "application/grpc", te: "trailers" };
  const served = async (): Promise<string> => {
    const names = new Set<string>();
    for (let i = 0; i < 6; i++) {
      const answer = await outside.mesh.ask("/shop/list", { at: grpcAt, headers, method: "POST" });
      names.add(/one|two/.exec(answer.body)?.[0] ?? String(answer.status));
    }
    return [...names].sort().join();
  };
  while ((await served()) !== "one,two");
  calls[1]!.isServing = false;
  while ((await served()) !== "one");
  calls[1]!.isServing = true;
  while ((await served()) !== "one,two");
});

const ejection = {
  ...{ interval: "100ms", baseEjectionTime: "60s", maxEjectionTime: "60s" },
  ...{ consecutive5xxErrors: 0, consecutiveGatewayErrors: 0, maxEjectionPercent: 50 },
};
/** Failures reach the client, so that it sees who is asked. */
const noRetries = { retries: { attempts: 0 } };

test("outliers: gateway errors in a row put a host out, other failures do not", async () => {
  const outlierDetection = { ...ejection, consecutiveGatewayErrors: 2 };
  await outside.apply({ loadBalancer, ...noRetries, outlierDetection }, "gateway");
  c.respond = (_request, response) => response.writeHead(500).end();
  for (let i = 0; i < 3; i++) assert.equal(await answering("gateway"), "500,a,b");
  c.respond = failing;
  await becomes("a,b", "gateway");
  // It stays out for its time, well as it is by now, whatever else the policy says.
  const others = [
    { connectTimeout: "3s" },
    { circuitBreakers: { maxRequests: 50 } },
    { loadBalancer: { ...loadBalancer, algorithm: "LeastRequest" } },
  ];
  for (const other of others) {
    await outside.apply({ loadBalancer, ...noRetries, outlierDetection, ...other }, "gateway");
    for (let i = 0; i < 3; i++) assert.equal(await answering("gateway"), "a,b");
  }
  await outside.apply({ loadBalancer, ...noRetries, outlierDetection: never }, "gateway");
  await becomes("a,b,c", "gateway");
});

test("outliers: 5xx in a row, and never more than the share that may be out", async () => {
  const outlierDetection = { ...ejection, consecutive5xxErrors: 2, maxEjectionPercent: 34 };
  await outside.apply({ loadBalancer, ...noRetries, outlierDetection }, "row");
  for (const host of outside.hosts) host.respond = failing;
  // All of them fail: a third of three is one.
  const asked = async (): Promise<number> => {
    for (const host of outside.hosts) host.requests.length = 0;
    assert.equal(await answering("row"), "503");
    return outside.hosts.filter(({ requests }) => requests.length > 0).length;
  };
  while ((await asked()) !== 2);
  for (let i = 0; i < 3; i++) assert.equal(await asked(), 2);
});

test("outliers: connections that fail, counted apart from bad answers", async () => {
  const apart = { splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 2 };
  await outside.apply(
    { loadBalancer, ...noRetries, outlierDetection: { ...ejection, ...apart } },
    "local",
  );
  c.respond = failing;
  for (let i = 0; i < 3; i++) assert.equal(await answering("local"), "503,a,b");
  await c.stopListening();
  await becomes("a,b", "local");
  await c.listen();
});

test("outliers: by the share of failures", async () => {
  const failurePercentage = { enabled: true, threshold: 40, minimumHosts: 3, requestVolume: 3 };
  await outside.apply(
    {
      ...{ loadBalancer, ...noRetries },
      outlierDetection: { ...ejection, interval: "300ms", failurePercentage },
    },
    "share",
  );
  // Every second one: never two in a row.
  let count = 0;
  c.respond = (_request, response) => {
    count += 1;
    response.writeHead(count % 2 === 0 ? 500 : 200).end("c");
  };
  await becomes("a,b", "share");
});

test("outliers: by the success rate, beside that of the others", async () => {
  const successRate = { enabled: true, minimumHosts: 3, requestVolume: 3, stdevFactor: 1 };
  await outside.apply(
    {
      ...{ loadBalancer, ...noRetries },
      outlierDetection: { ...ejection, interval: "300ms", successRate },
    },
    "rate",
  );
  // 100, 100 and 50 percent: the last lies below the mean by more than a standard deviation.
  let count = 0;
  c.respond = (_request, response) => {
    count += 1;
    response.writeHead(count % 2 === 0 ? 500 : 200).end("c");
  };
  await becomes("a,b", "rate");
});

test("outliers: by statuses of gRPC", async () => {
  const outlierDetection = { ...ejection, consecutive5xxErrors: 2 };
  await outside.apply({ loadBalancer, ...noRetries, outlierDetection }, "status");
  const grpc = { "content-type": "application/grpc" };
  c.respond = (_request, response) =>
    response.writeHead(200, { ...grpc, "grpc-status": "14" }).end();
  while (c.requests.length < 2) await call();
  c.requests.length = 0;
  for (let i = 0; i < 9; i++) await call();
  assert.equal(c.requests.length, 0);
});

const call = () =>
  outside.mesh.ask("/shop/list", {
    ...{ at: addresses.get("status")!, method: "POST" },
    headers: { "content-type": "application/grpc", te: "trailers" },
  });

test("slow start: a host that is healthy again begins with a part of its share", async () => {
  await outside.apply({
    loadBalancer: { ...loadBalancer, slowStart: { window: "3s", minimumWeight: 1 } },
    outlierDetection: never,
    healthCheck: { ...check, http: { path: "/healthz" } },
  });
  let isWell = false;
  c.respond = (request, response) =>
    response.writeHead(isWell || request.url !== "/healthz" ? 200 : 503).end("c");
  await becomes("a,b");
  /** What the third one gets of the requests of so many milliseconds. */
  const share = async (ms: number): Promise<number> => {
    const end = performance.now() + ms;
    let [all, ofC] = [0, 0];
    for (; performance.now() < end; all += 1) {
      if ((await outside.mesh.ask("/", { at: outside.at })).body === "c") ofC += 1;
    }
    return ofC / all;
  };
  isWell = true;
  assert.ok((await share(600)) < 0.22);
  await share(3_000);
  const later = await share(400);
  assert.ok(later > 0.25, String(later));
});
