/**
 * Views of traffic from a real Prometheus that scrapes real sidecars (`tulle control-plane --prometheus`): the same as
 * from the built-in store but for what `increase` estimates; and from the store again when Prometheus is gone.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type {
  EdgesResponse,
  ErrorsResponse,
  OverviewResponse,
  RoutesResponse,
  SeriesResponse,
  ServiceDetailResponse,
  ServicesResponse,
} from "../../src/control-plane/telemetry-types.ts";
import { TulleHome } from "../e2e/tulle-process.ts";
import { freePort } from "../support/free-port.ts";
import { PrometheusProcess, prometheusBinary } from "../support/prometheus-process.ts";

const skip =
  prometheusBinary() === undefined ? "there is no prometheus here (Debian: prometheus)" : false;
const SERVER = `
  const server = require("node:http").createServer((request, response) => {
    response.statusCode = request.url === "/fail" ? 503 : 200;
    setTimeout(() => response.end("hello"), 15);
  });
  server.listen(process.env.PORT, process.env.HOST);
  process.on("SIGTERM", () => server.close(() => process.exit(0)));
`;
/** Asks for ever, one request in four fails. */
const CLIENT = `
  const { WEB_SERVICE_HOST: host, WEB_SERVICE_PORT: port } = process.env;
  for (let i = 0; ; i++) {
    await (await fetch("http://" + host + ":" + port + (i % 4 === 0 ? "/fail" : "/"))).text();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
`;

let home: TulleHome;
let prometheus: PrometheusProcess | undefined;
let admin = "";

before(async () => {
  if (skip !== false) return;
  home = await TulleHome.create();
  admin = `127.0.0.1:${await freePort()}`;
  prometheus = await PrometheusProcess.start(`
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: tulle
    honor_labels: true
    http_sd_configs: [{url: "http://${admin}/api/v1/prometheus/targets", refresh_interval: 1s}]
`);
  const controlPlane = home.start([
    ...["control-plane", "--admin-address", admin, "--xds-address", "127.0.0.1:0"],
    ...["--prometheus", prometheus.url],
  ]);
  await controlPlane.waitFor(/ready/);
  const node = [process.execPath, "-e", SERVER];
  const web = home.start([
    "run",
    "--service",
    "web",
    "--name",
    "web",
    "--port",
    "auto",
    "--",
    ...node,
  ]);
  await web.waitFor(/web serves web/);
  const asking = [process.execPath, "--input-type=module", "-e", CLIENT];
  home.start(["run", "--service", "client", "--name", "client", "--", ...asking]);
});

after(async () => {
  await prometheus?.stop();
  await home?.remove();
});

async function get<T>(path: string): Promise<T> {
  const response = await fetch(`http://${admin}/api/v1/telemetry/${path}`);
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text) as T;
}

/** Bounded by the test's own timeout. */
async function until<T>(ask: () => Promise<T>, isTrue: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (isTrue(answer)) return answer;
    await delay(250);
  }
}

function isNear(actual: number | null | undefined, expected: number, share: number): void {
  assert.ok(
    Math.abs((actual ?? Number.NaN) - expected) <= expected * share,
    `${actual} is not about ${expected}`,
  );
}

test("every view of traffic comes from Prometheus", { skip, timeout: 90_000 }, async () => {
  const { services } = await until(
    () => get<ServicesResponse>("services?since=1m"),
    ({ services: [one] }) => (one?.inbound.requests ?? 0) > 200,
  );
  const inbound = services[0]?.inbound;
  isNear(inbound?.errorRate, 0.25, 0.1);
  assert.equal(services[0]?.health, "failing");
  assert.ok(
    (inbound?.latency.p50 ?? 0) > 0 && (inbound?.latency.p99 ?? 0) >= (inbound?.latency.p50 ?? 0),
  );
  const asked = await prometheus?.sumOf(
    'sum(increase(istio_requests_total{reporter="destination"}[1m]))',
  );
  isNear(inbound?.requests, asked ?? 0, 0.2);
  const { edges } = await get<EdgesResponse>("edges?since=1m");
  assert.deepEqual(
    edges.map(({ source, destination, security }) => [source.name, destination.name, security]),
    [["client", "web", "mutual_tls"]],
  );
  const { groups } = await get<ErrorsResponse>("errors?since=1m");
  assert.deepEqual([groups.length, groups[0]?.responseCode], [1, 503]);
  // A step is known some seconds after it is over.
  const series = await until(
    () => get<SeriesResponse>("series?service=web&since=1m"),
    ({ requestsPerSecond }) => requestsPerSecond.some((rate) => (rate ?? 0) > 0.5),
  );
  assert.ok(series.heatmap.counts.flat().some((count) => count > 0));
  const detail = await get<ServiceDetailResponse>("services/default/web?since=1m");
  assert.equal(detail.instances[0]?.name, "web");
  assert.ok((detail.instances[0]?.traffic.requests ?? 0) > 100);
  const { routes } = await get<RoutesResponse>("routes?service=web&since=1m");
  const taken = routes[0]?.backends[0]?.traffic.latency;
  const called = edges[0]?.traffic.latency;
  // The app takes 15 ms. Routes tell seconds, callers milliseconds, and both are shown in milliseconds.
  for (const latency of [taken, called]) {
    const all = JSON.stringify(latency);
    assert.ok((latency?.p50 ?? 0) > 10 && (latency?.p99 ?? 0) >= (latency?.p50 ?? 0), all);
    assert.ok((latency?.mean ?? 0) > 10 && (latency?.mean ?? 0) < 10_000, all);
  }
  const overview = await get<OverviewResponse>("overview?since=1m");
  assert.ok(!overview.problems.some(({ code }) => code === "telemetry-store"));
});

test("without Prometheus the control plane's own figures are shown, and it says so", {
  skip,
  timeout: 60_000,
}, async () => {
  await prometheus?.stop();
  prometheus = undefined;
  const overview = await get<OverviewResponse>("overview");
  assert.ok(overview.traffic.requests > 0);
  const problem = overview.problems.find(({ code }) => code === "telemetry-store");
  assert.match(problem?.message ?? "", /Prometheus at .* does not answer/);
});
