/**
 * The same answers lead to the same hosts being used: outlier detection and health checks beside a real Envoy, from one
 * bootstrap file. A host that is out in one proxy is out in the other, for the same flag.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttp2Server, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { envoyOrSkip } from "../support/envoy-binary.ts";
import { eventually } from "../support/envoy-process.ts";
import { bootstrapOf, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { startStaticEnvoy } from "../support/static-envoy.ts";

const envoy = await envoyOrSkip();

const HOSTS = 4;
/** A status, a status of gRPC in the head or in trailers, or no answer at all. */
type Reply = number | "cut" | `grpc-head-${number}` | `grpc-trailer-${number}`;

interface Case {
  readonly detection: JsonObject;
  /** What the first host answers, in this order, before it is well. */
  readonly replies: readonly Reply[];
  readonly isEjected: boolean;
}

function times(count: number, reply: Reply): readonly Reply[] {
  return Array.from({ length: count }, () => reply);
}

const HALF = { max_ejection_percent: 50, base_ejection_time: "300s", max_ejection_time: "300s" };
const GATEWAY = {
  ...HALF,
  consecutive_5xx: 100,
  consecutive_gateway_failure: 3,
  enforcing_consecutive_gateway_failure: 100,
};
const SPLIT = { ...HALF, split_external_local_origin_errors: true };
/** Rates are judged each interval, wherever it begins: any three answers in a row lead to the same verdict. */
const RATES = {
  ...HALF,
  interval: "1s",
  consecutive_5xx: 1_000,
  enforcing_success_rate: 0,
  enforcing_failure_percentage: 100,
  failure_percentage_minimum_hosts: 1,
  failure_percentage_request_volume: 3,
};

const CASES: Readonly<Record<string, Case>> = {
  "five-500": { detection: HALF, replies: times(5, 500), isEjected: true },
  "four-500": { detection: HALF, replies: times(4, 500), isEjected: false },
  "a-good-one-between": {
    detection: HALF,
    replies: [...times(4, 500), 404, ...times(4, 503)],
    isEjected: false,
  },
  "status-404": { detection: HALF, replies: times(8, 404), isEjected: false },
  "status-599": { detection: HALF, replies: times(5, 599), isEjected: true },
  "cut-off": { detection: HALF, replies: times(5, "cut"), isEjected: true },
  "cut-off-and-500": {
    detection: HALF,
    replies: ["cut", 500, "cut", 502, "cut"],
    isEjected: true,
  },
  "ten-percent": {
    detection: { base_ejection_time: "300s" },
    replies: times(8, 500),
    isEjected: false,
  },
  "one-always": {
    detection: { base_ejection_time: "300s", always_eject_one_host: true },
    replies: times(5, 500),
    isEjected: true,
  },
  "not-enforced": {
    detection: { ...HALF, enforcing_consecutive_5xx: 0 },
    replies: times(12, 500),
    isEjected: false,
  },
  gateway: { detection: GATEWAY, replies: [502, 503, 504], isEjected: true },
  "gateway-interrupted": {
    detection: GATEWAY,
    replies: [502, 503, 500, 504, 502, 501],
    isEjected: false,
  },
  "gateway-cut": { detection: GATEWAY, replies: times(3, "cut"), isEjected: true },
  "split-500": { detection: SPLIT, replies: times(5, 500), isEjected: true },
  "grpc-head": { detection: HALF, replies: times(5, "grpc-head-14"), isEjected: true },
  "grpc-head-mild": { detection: HALF, replies: times(8, "grpc-head-5"), isEjected: false },
  "grpc-trailer": { detection: HALF, replies: times(8, "grpc-trailer-14"), isEjected: false },
  "failure-percentage": {
    detection: { ...RATES, failure_percentage_threshold: 70 },
    replies: times(2_000, 500),
    isEjected: true,
  },
  "failure-percentage-below": {
    detection: { ...RATES, failure_percentage_threshold: 90 },
    replies: Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? 500 : 200)),
    isEjected: false,
  },
};

const HEALTH = {
  timeout: "2s",
  interval: "0.05s",
  no_traffic_interval: "0.05s",
  unhealthy_threshold: 2,
  healthy_threshold: 2,
};

/** The hosts of all clusters. Whose answers they give goes by the first part of the path. */
class Hosts {
  readonly ports: number[] = [];
  /** What the first host has still to answer, by proxy and case. */
  readonly replies = new Map<string, Reply[]>();
  /** Of its health check. */
  healthStatus = 200;
  /** What it answers when it is asked by TCP. */
  tcpStatus = 200;
  /** grpc.health.v1.HealthCheckResponse.ServingStatus, at the port of gRPC. */
  serving = 1;
  grpcPort = 0;

  static async start(context: TestContext): Promise<Hosts> {
    const hosts = new Hosts();
    for (let index = 0; index < HOSTS; index++) {
      const server = createServer((socket) => {
        let text = "";
        socket.on("error", () => {});
        socket.on("data", (bytes) => {
          text += bytes.toString("latin1");
          for (let end = text.indexOf("\r\n\r\n"); end >= 0; end = text.indexOf("\r\n\r\n")) {
            const target = text.split(" ", 2)[1] ?? "";
            text = text.slice(end + 4);
            const answer = hosts.#answer(index, target);
            if (answer === "") socket.destroy();
            else socket.write(answer);
          }
        });
      });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      context.after(() => server.close());
      hosts.ports.push((server.address() as AddressInfo).port);
    }
    await hosts.#startGrpc(context);
    return hosts;
  }

  async #startGrpc(context: TestContext): Promise<void> {
    const server = createHttp2Server();
    server.on("stream", (stream: ServerHttp2Stream) => {
      stream.on("error", () => {});
      stream.respond(
        { ":status": 200, "content-type": "application/grpc" },
        { waitForTrailers: true },
      );
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(Buffer.from([0, 0, 0, 0, 2, 0x08, this.serving]));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    context.after(() => server.close());
    this.grpcPort = (server.address() as AddressInfo).port;
  }

  #answer(index: number, target: string): string {
    if (target === "/healthz") return plain(index === 0 ? this.healthStatus : 200, index);
    if (target === "/tcp") return plain(index === 0 ? this.tcpStatus : 200, index);
    const reply = index === 0 ? this.replies.get(target)?.shift() : undefined;
    if (reply === "cut") return "";
    if (typeof reply === "number" || reply === undefined) return plain(reply ?? 200, index);
    const [, place, status] = reply.split("-");
    const type = "HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\n";
    const host = `x-host: ${index}\r\n`;
    return place === "head"
      ? `${type}${host}grpc-status: ${status}\r\ncontent-length: 0\r\n\r\n`
      : `${type}${host}transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\ngrpc-status: ${status}\r\n\r\n`;
  }
}

function plain(status: number, index: number): string {
  return `HTTP/1.1 ${status} X\r\nx-host: ${index}\r\ncontent-length: 0\r\n\r\n`;
}

function bootstrap(hosts: Hosts): JsonObject {
  const watched = {
    name: "checked",
    fields: { health_checks: [{ ...HEALTH, http_health_check: { path: "/healthz" } }] },
  };
  const tcp_health_check = {
    send: { text: Buffer.from("GET /tcp HTTP/1.1\r\n\r\n").toString("hex") },
    receive: [{ text: Buffer.from(" 200 ").toString("hex") }],
  };
  const byTcp = {
    name: "checked-tcp",
    fields: { health_checks: [{ ...HEALTH, timeout: "0.3s", tcp_health_check }] },
  };
  const byGrpc = {
    name: "checked-grpc",
    endpoints: [hosts.grpcPort],
    fields: {
      health_checks: [{ ...HEALTH, grpc_health_check: { service_name: "items.Items" } }],
      http2_protocol_options: {},
    },
  };
  const cases = Object.entries(CASES).map(([name, { detection }]) => ({
    name,
    fields: { outlier_detection: detection },
  }));
  const clusters = [watched, byTcp, byGrpc, ...cases].map(({ name, fields, ...more }) => ({
    name,
    endpoints: hosts.ports,
    ...more,
    fields: { ...fields, common_lb_config: { healthy_panic_threshold: { value: 0 } } },
  }));
  const routes = clusters.map(({ name }) => routeTo(name, {}, { prefix: `/${name}/` }));
  return bootstrapOf([{ routes }], clusters);
}

interface Proxy {
  readonly name: string;
  readonly port: number;
  admin(path: string): Promise<string>;
}

async function startBoth(context: TestContext, hosts: Hosts): Promise<readonly Proxy[]> {
  assert.ok(envoy.path !== undefined);
  const json = bootstrap(hosts) as JsonObject & { readonly static_resources: JsonObject };
  const ours = await ProxyProcess.start(context, json);
  const theirs = await startStaticEnvoy(envoy.path, json.static_resources);
  context.after(() => theirs.stop());
  return [
    {
      name: "tulle",
      port: ours.port("main"),
      admin: async (path) => (await ours.admin(path)).body,
    },
    { name: "envoy", port: theirs.portOf("main"), admin: (path) => theirs.admin(path) },
  ];
}

/** The host that answered, or undefined for an answer of the proxy's own. */
async function ask({ port }: Proxy, target: string): Promise<number | undefined> {
  const response = await fetch(`http://127.0.0.1:${port}${target}`, {
    headers: { "content-type": "application/grpc" },
    method: "POST",
  });
  await response.arrayBuffer();
  const host = response.headers.get("x-host");
  return host === null ? undefined : Number(host);
}

async function flags(proxy: Proxy, cluster: string): Promise<readonly string[]> {
  const lines = (await proxy.admin("/clusters")).split("\n");
  return lines
    .filter(
      (line) => line.startsWith(`${cluster}::127.0.0.1:`) && line.includes("::health_flags::"),
    )
    .map((line) => line.slice(line.lastIndexOf("::") + 2));
}

const FLAG_OUT = "/failed_outlier_check";

async function runCase(proxy: Proxy, hosts: Hosts, name: string): Promise<ReadonlySet<number>> {
  const { replies, isEjected } = CASES[name] ?? assert.fail(name);
  const target = `/${name}/${proxy.name}`;
  const queue = [...replies];
  hosts.replies.set(target, queue);
  for (let asked = 1; queue.length > 0; asked++) {
    await ask(proxy, target);
    // Where rates decide, the end of an interval comes before the end of the list.
    if (asked % 50 === 0 && (await flags(proxy, name)).includes(FLAG_OUT)) break;
  }
  const expected = isEjected ? [FLAG_OUT] : [];
  await eventually(
    `${proxy.name} agrees on ${name}`,
    async () => (await flags(proxy, name)).filter((text) => text === FLAG_OUT),
    (out) => out.length === expected.length,
  );
  const used = new Set<number>();
  for (let i = 0; i < 3 * HOSTS; i++) used.add((await ask(proxy, target)) ?? -1);
  return used;
}

test("the same answers eject the same hosts", { skip: envoy.skip ?? false }, async (context) => {
  const hosts = await Hosts.start(context);
  const proxies = await startBoth(context, hosts);
  for (const [name, { isEjected }] of Object.entries(CASES)) {
    const wanted = new Set(isEjected ? [1, 2, 3] : [0, 1, 2, 3]);
    for (const proxy of proxies) {
      assert.deepEqual(await runCase(proxy, hosts, name), wanted, `${proxy.name}: ${name}`);
    }
  }
});

test("the same health checks take the same hosts out and back", {
  skip: envoy.skip ?? false,
}, async (context) => {
  const hosts = await Hosts.start(context);
  const proxies = await startBoth(context, hosts);
  const settled = (cluster: string, first: string) =>
    Promise.all(
      proxies.map((proxy) =>
        eventually(
          `${proxy.name}: the first host of ${cluster} is ${first}`,
          () => flags(proxy, cluster),
          (all) => all[0] === first && all.slice(1).every((text) => text === "healthy"),
        ),
      ),
    );
  const clusters = ["checked", "checked-tcp", "checked-grpc"];
  await Promise.all(clusters.map((name) => settled(name, "healthy")));
  hosts.healthStatus = 503;
  hosts.tcpStatus = 503;
  hosts.serving = 2;
  await settled("checked", "/failed_active_hc");
  await settled("checked-grpc", "/failed_active_hc");
  // Bytes that do not come look like no answer.
  await settled("checked-tcp", "/failed_active_hc/active_hc_timeout");
  for (const proxy of proxies) {
    const used = new Set<number | undefined>();
    for (let i = 0; i < 3 * HOSTS; i++) used.add(await ask(proxy, `/checked/${proxy.name}`));
    assert.deepEqual([...used].sort(), [1, 2, 3], proxy.name);
  }
  hosts.healthStatus = 200;
  hosts.tcpStatus = 200;
  hosts.serving = 1;
  await Promise.all(clusters.map((name) => settled(name, "healthy")));
});
