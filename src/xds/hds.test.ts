/** Health reports from client to server over loopback gRPC. */
import assert from "node:assert/strict";
import test, { afterEach, beforeEach } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Client, credentials, Server, ServerCredentials, status } from "@grpc/grpc-js";
import { until } from "../../test/support/until.ts";
import { ManualClock } from "../core/clock.ts";
import { silentLogger } from "../core/logger.ts";
import { SeededPrng } from "../core/prng.ts";
import { NodeSchema } from "../gen/envoy/config/core/v3/base_pb.js";
import { HealthStatus } from "../gen/envoy/config/core/v3/health_check_pb.js";
import { EndpointHealthResponseSchema } from "../gen/envoy/service/health/v3/hds_pb.js";
import { XDS_CHANNEL_OPTIONS } from "./channel-options.ts";
import { type EndpointHealth, fromResponse, toMessage } from "./endpoint-health.ts";
import { HdsClient } from "./hds-client.ts";
import { HdsServer } from "./hds-server.ts";
import type { ConnectDecision } from "./stream-peer.ts";

let grpc: Server;
let port: number;
let hds: HdsServer;
let client: HdsClient;
let clock: ManualClock;
let decision: ConnectDecision;
let reports: { readonly node: string; readonly endpoints: readonly EndpointHealth[] }[];
/** One per test: the server of the test before may still report its own. */
let disconnects: string[];

beforeEach(async () => {
  decision = { accepted: true };
  const ownReports: typeof reports = [];
  const ownDisconnects: string[] = [];
  reports = ownReports;
  disconnects = ownDisconnects;
  hds = new HdsServer({
    intervalMs: 10_000,
    onConnect: () => decision,
    onHealth: ({ node }, endpoints) => ownReports.push({ node: node.id, endpoints }),
    onDisconnect: (_stream, reason) => ownDisconnects.push(reason),
  });
  grpc = new Server();
  hds.addTo(grpc);
  port = await new Promise<number>((resolve, reject) => {
    grpc.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  clock = new ManualClock();
  client = new HdsClient({
    clock,
    prng: new SeededPrng(1),
    log: silentLogger,
    node: create(NodeSchema, { id: "catalog-1" }),
    createClient: () =>
      new Client(`127.0.0.1:${port}`, credentials.createInsecure(), XDS_CHANNEL_OPTIONS),
  });
});
afterEach(() => {
  client.stop();
  grpc.forceShutdown();
});

const healthy = { address: "127.0.0.1", port: 15006, health: "healthy" } as const;

test("reports at once when asked, at every change and at every interval", async () => {
  client.report([healthy]);
  client.start();
  await until(() => reports.length === 1);
  assert.deepEqual(reports[0], { node: "catalog-1", endpoints: [healthy] });
  client.report([{ ...healthy, health: "draining" }]);
  await until(() => reports.length === 2);
  assert.equal(reports[1]?.endpoints[0]?.health, "draining");
  clock.advance(10_000);
  await until(() => reports.length === 3);
  assert.equal(reports[2]?.endpoints[0]?.health, "draining");
});

test("reports again after the stream was lost", async () => {
  client.report([healthy]);
  client.start();
  await until(() => reports.length === 1);
  hds.closeAll();
  await until(() => disconnects.length === 1);
  await until(() => {
    clock.advance(200);
    return reports.length === 2;
  });
  client.stop();
  await until(() => disconnects.length === 2);
});

test("a proxy that is refused reports nothing", async () => {
  decision = { accepted: false, code: status.UNAUTHENTICATED, details: "no client certificate" };
  client.report([healthy]);
  client.start();
  await until(() => clock.pendingCount > 0);
  assert.deepEqual(reports, []);
  assert.deepEqual(disconnects, []);
});

test("Envoy's report by cluster is understood, unknown health is left out", () => {
  const message = toMessage({ address: "10.0.0.1", port: 80, health: "unhealthy" });
  const timeout = { ...toMessage(healthy), healthStatus: HealthStatus.TIMEOUT };
  const unknown = { ...toMessage(healthy), healthStatus: HealthStatus.UNKNOWN };
  const response = create(EndpointHealthResponseSchema, {
    clusterEndpointsHealth: [
      {
        clusterName: "c",
        localityEndpointsHealth: [{ endpointsHealth: [message, timeout, unknown] }],
      },
    ],
  });
  assert.deepEqual(fromResponse(response), [
    { address: "10.0.0.1", port: 80, health: "unhealthy" },
    { ...healthy, health: "unhealthy" },
  ]);
});
