/** Active health checks by the real proxy, against real servers: who fails is not used, who is well again is. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { createServer as createHttp2Server, type ServerHttp2Stream } from "node:http2";
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from "node:net";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { bootstrapOf } from "../support/proxy-bootstrap.ts";
import { type LogLine, ProxyProcess } from "../support/proxy-process.ts";
import { RawClient } from "../support/raw-client.ts";

const OFTEN = {
  timeout: "5s",
  interval: "0.05s",
  no_traffic_interval: "0.05s",
  unhealthy_threshold: 2,
  healthy_threshold: 2,
};
const FAILED = "health check failed: endpoint is not used";
const PASSED = "health check succeeded: endpoint changed";

async function listen(context: TestContext, server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => sockets.add(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

async function startProxy(
  context: TestContext,
  ports: readonly number[],
  check: JsonObject,
  fields: JsonObject = {},
): Promise<ProxyProcess> {
  const cluster = {
    name: "app",
    endpoints: ports,
    fields: {
      health_checks: [{ ...OFTEN, ...check }],
      common_lb_config: { healthy_panic_threshold: { value: 0 } },
      ...fields,
    },
  };
  return ProxyProcess.start(context, bootstrapOf([{ routes: "app" }], [cluster]));
}

function about(message: string, port: number): (line: LogLine) => boolean {
  return (line) => line["message"] === message && line["endpoint"] === `127.0.0.1:${port}`;
}

/** Bodies of answers to so many requests. */
async function ask(proxy: ProxyProcess, count: number): Promise<readonly string[]> {
  const client = await RawClient.connect(proxy.port("main"));
  const bodies: string[] = [];
  for (let i = 0; i < count; i++) {
    client.get("/");
    const { status, body } = await client.response();
    bodies.push(`${status} ${body}`);
  }
  client.close();
  return bodies;
}

/** An app that says which one it is, and how it is when asked for /healthz. */
class App {
  status = 200;
  /** Of checks. */
  readonly headers: (readonly [host: string, agent: string, extra: string])[] = [];
  checkConnections = new Set<Socket>();
  port = 0;

  static async start(context: TestContext): Promise<App> {
    const app = new App();
    const server = createServer((request, response) => {
      if (request.url === "/healthz") {
        const { host = "", "user-agent": agent = "", "x-check": extra = "" } = request.headers;
        app.headers.push([host, agent, String(extra)]);
        app.checkConnections.add(request.socket);
        response.statusCode = app.status;
        response.end();
        return;
      }
      response.end(String(app.port));
    });
    app.port = await listen(context, server);
    return app;
  }
}

test("HTTP: an instance that says 503 is not used until it says 200 again", async (context) => {
  const [a, b] = [await App.start(context), await App.start(context)];
  const proxy = await startProxy(context, [a.port, b.port], {
    http_health_check: {
      path: "/healthz",
      host: "app.example",
      request_headers_to_add: [{ header: { key: "x-check", value: "yes" } }],
    },
  });
  for (const { port } of [a, b]) await proxy.lineThat(about(PASSED, port));
  assert.deepEqual(new Set(await ask(proxy, 8)), new Set([`200 ${a.port}`, `200 ${b.port}`]));
  a.status = 503;
  const failed = await proxy.lineThat(about(FAILED, a.port));
  assert.equal(failed["reason"], "status 503");
  assert.deepEqual(new Set(await ask(proxy, 8)), new Set([`200 ${b.port}`]));
  const { body } = await proxy.admin("/clusters");
  assert.match(body, new RegExp(`app::127.0.0.1:${a.port}::health_flags::/failed_active_hc\n`));
  assert.match(body, new RegExp(`app::127.0.0.1:${b.port}::health_flags::healthy\n`));
  const json = JSON.parse((await proxy.admin("/clusters?format=json")).body);
  const flags = json.cluster_statuses[0].host_statuses.map(
    (host: { health_status: object }) => host.health_status,
  );
  assert.deepEqual(flags, [
    { failed_active_health_check: true, eds_health_status: "HEALTHY" },
    { eds_health_status: "HEALTHY" },
  ]);
  const from = proxy.log.length;
  a.status = 200;
  await proxy.lineThat(about(PASSED, a.port), from);
  assert.ok((await ask(proxy, 8)).includes(`200 ${a.port}`));
  assert.deepEqual(a.headers[0], ["app.example", "Envoy/HC", "yes"]);
  assert.equal(a.checkConnections.size, 1, "checks share a connection");
});

test("HTTP: without reuse each check has a connection of its own; no instance is used before its first check", async (context) => {
  const app = await App.start(context);
  app.status = 500;
  const proxy = await startProxy(context, [app.port], {
    reuse_connection: false,
    http_health_check: { path: "/healthz" },
  });
  await proxy.lineThat(about(FAILED, app.port));
  const [answer] = await ask(proxy, 1);
  assert.match(answer ?? "", /^503 no healthy upstream/);
  app.status = 200;
  await proxy.lineThat(about(PASSED, app.port));
  assert.ok(app.checkConnections.size > 1);
  const metrics = (await proxy.admin("/metrics")).body;
  assert.match(metrics, /tulle_health_check_failures_total\{cluster="app",reason="answer"\} [1-9]/);
  assert.match(metrics, /tulle_health_checks_total\{cluster="app"\} [1-9]/);
  assert.match(metrics, /tulle_upstream_endpoints_healthy\{cluster="app"\} 1\n/);
});

test("a port on which nothing listens fails after as many checks as the threshold says", async (context) => {
  const server = createTcpServer(() => {});
  const port = await listen(context, server);
  const proxy = await startProxy(context, [port], { tcp_health_check: {} });
  await proxy.lineThat(about(PASSED, port));
  server.close();
  const failed = await proxy.lineThat(about(FAILED, port));
  assert.match(String(failed["reason"]), /ECONNREFUSED|refused/);
});

test("TCP: what is sent must come back as expected", async (context) => {
  let answer = "PONG";
  const server = createTcpServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      assert.equal(bytes.toString(), "PING");
      socket.write(`+${answer}\r\n`);
    });
  });
  const port = await listen(context, server);
  const proxy = await startProxy(context, [port], {
    timeout: "0.2s",
    tcp_health_check: {
      send: { text: Buffer.from("PING").toString("hex") },
      receive: [{ text: Buffer.from("PONG").toString("hex") }],
    },
  });
  await proxy.lineThat(about(PASSED, port));
  answer = "BUSY";
  const failed = await proxy.lineThat(about(FAILED, port));
  assert.equal(failed["reason"], "no answer in time");
});

/** A server of gRPC whose health is in the test's hand. */
class GrpcApp {
  /** grpc.health.v1.HealthCheckResponse.ServingStatus. */
  serving = 1;
  /** Names of services that were asked for. */
  readonly asked = new Set<string>();
  port = 0;

  static async start(context: TestContext): Promise<GrpcApp> {
    const app = new GrpcApp();
    const server = createHttp2Server();
    server.on("stream", (stream: ServerHttp2Stream, headers) =>
      app.#answer(stream, String(headers[":path"])),
    );
    app.port = await listen(context, server as unknown as Server);
    return app;
  }

  #answer(stream: ServerHttp2Stream, path: string): void {
    stream.on("error", () => {});
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => {
      this.asked.add(`${path} ${Buffer.concat(chunks).subarray(7).toString()}`);
      stream.respond(
        { ":status": 200, "content-type": "application/grpc" },
        { waitForTrailers: true },
      );
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(Buffer.from([0, 0, 0, 0, 2, 0x08, this.serving]));
    });
  }
}

test("gRPC: an instance that is NOT_SERVING is not used", async (context) => {
  const app = await GrpcApp.start(context);
  const proxy = await startProxy(
    context,
    [app.port],
    { grpc_health_check: { service_name: "items.Items" } },
    { http2_protocol_options: {} },
  );
  await proxy.lineThat(about(PASSED, app.port));
  assert.deepEqual([...app.asked], ["/grpc.health.v1.Health/Check items.Items"]);
  app.serving = 2;
  const failed = await proxy.lineThat(about(FAILED, app.port));
  assert.equal(failed["reason"], "NOT_SERVING");
  const from = proxy.log.length;
  app.serving = 1;
  await proxy.lineThat(about(PASSED, app.port), from);
});
