/**
 * Counts agree: the client, both sidecars' metrics, logs, traces at 100 % and the admin API give the same numbers for
 * requests of which some fail as the test says. 10,000 requests with CI=true.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Agent } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { ProxiesResponse } from "../../src/control-plane/proxy-types.ts";
import type {
  EdgesResponse,
  ErrorsResponse,
  LogsResponse,
  OverviewResponse,
  SecurityResponse,
  SeriesResponse,
  ServiceDetailResponse,
  ServicesResponse,
  TraceResponse,
  TracesResponse,
} from "../../src/control-plane/telemetry-types.ts";
import { IS_FULL_SIZE } from "../support/full-size.ts";
import { parsePrometheus } from "../support/prometheus-parser.ts";
import { answerThat } from "../support/until.ts";
import { CatalogMesh } from "./catalog-mesh.ts";

const REQUESTS = IS_FULL_SIZE ? 10_000 : 2_000;
const CONCURRENCY = 16;
/** One in ten fails, one in twenty is not found. */
const FAILED_EVERY = 10;
const MISSING_EVERY = 20;
const APP = `
const server = require("node:http").createServer((request, response) => {
  response.statusCode = request.url.startsWith("/fail") ? 503 : request.url.startsWith("/none") ? 404 : 200;
  response.end("done");
});
server.listen(process.env.PORT, process.env.HOST);
process.on("SIGTERM", () => server.close(() => process.exit(0)));
`;
const EVERYTHING = {
  apiVersion: "mesh.tulle.dev/v1",
  kind: "TelemetryPolicy",
  metadata: { name: "everything" },
  spec: {
    accessLogs: [{ output: "ControlPlane" }],
    tracing: { sampling: 100 },
  },
};

let mesh: CatalogMesh;
before(async () => {
  mesh = await CatalogMesh.start({ name: "counts", app: APP, resources: [EVERYTHING] });
});
after(() => mesh.remove());

function api<T>(path: string): Promise<T> {
  const file = JSON.parse(
    readFileSync(join(mesh.home.path, "counts", "control-plane.json"), "utf8"),
  );
  return fetch(`${file.adminUrl}/api/v1/${path}`).then(async (response) => {
    assert.equal(response.status, 200, path);
    return (await response.json()) as T;
  });
}

/** The control plane bounds how often it is asked. */
const PAUSE_MS = 50;

async function get<T>(path: string): Promise<T> {
  await delay(PAUSE_MS);
  return await api<T>(`telemetry/${path}`);
}

interface Counts {
  readonly all: number;
  readonly failed: number;
  readonly missing: number;
}

async function send(): Promise<Counts> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
  let [next, failed, missing] = [0, 0, 0];
  const worker = async (): Promise<void> => {
    for (let index = next++; index < REQUESTS; index = next++) {
      const path =
        index % FAILED_EVERY === 3 ? "/fail" : index % MISSING_EVERY === 4 ? "/none" : "/good";
      const { status } = await mesh.ask(`${path}/${index}`, { agent });
      if (status === 503) failed += 1;
      else if (status === 404) missing += 1;
      else assert.equal(status, 200);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  agent.destroy();
  return { all: REQUESTS, failed, missing };
}

/** What a sidecar itself shows. */
async function shown(service: string, reporter: string): Promise<Omit<Counts, "missing">> {
  const { proxies } = await api<ProxiesResponse>("proxies");
  const address = proxies.find((proxy) => proxy.service === service)?.adminAddress;
  const page = await (await fetch(`http://${address}/metrics`)).text();
  const samples = (parsePrometheus(page).get("istio_requests_total")?.samples ?? []).filter(
    ({ labels }) =>
      labels["reporter"] === reporter && labels["destination_service_name"] === "catalog",
  );
  const sum = (of: typeof samples): number => of.reduce((total, { value }) => total + value, 0);
  return {
    all: sum(samples),
    failed: sum(samples.filter(({ labels }) => labels["response_code"] === "503")),
  };
}

test("client, metrics of both sides, logs, traces and the API count the same", {
  timeout: 180_000,
}, async () => {
  const counts = await send();
  const { all, failed, missing } = counts;
  assert.deepEqual(
    [failed, missing],
    [REQUESTS / FAILED_EVERY, REQUESTS / MISSING_EVERY],
    "the client",
  );
  assert.deepEqual(await shown("client", "source"), { all, failed }, "source metrics");
  assert.deepEqual(await shown("catalog", "destination"), { all, failed }, "destination metrics");

  const { services } = await answerThat(
    () => get<ServicesResponse>("services?service=catalog"),
    ({ services: [one] }) => (one?.inbound.requests ?? 0) >= all,
  );
  const inbound = services[0]?.inbound;
  assert.deepEqual([inbound?.requests, inbound?.errors], [all, failed], "inbound");
  assert.equal(services[0]?.health, "failing");

  const { edges } = await answerThat(
    () => get<EdgesResponse>("edges"),
    ({ edges: [edge] }) => (edge?.traffic.requests ?? 0) >= all,
  );
  assert.deepEqual(
    edges.map(({ source, destination, security, traffic }) => [
      source.name,
      destination.name,
      security,
      traffic.requests,
      traffic.errors,
    ]),
    [["client", "catalog", "mutual_tls", all, failed]],
    "edges",
  );
  // Calling sidecars tell of this, called ones of mutual TLS.
  const detail = await answerThat(
    () => get<ServiceDetailResponse>("services/default/client"),
    ({ outbound }) => outbound.requests >= all,
  );
  assert.deepEqual([detail.outbound.requests, detail.outbound.errors], [all, failed], "outbound");
  const overview = await answerThat(
    () => get<OverviewResponse>("overview"),
    ({ mtlsShare }) => mtlsShare !== null,
  );
  assert.deepEqual([overview.traffic.requests, overview.traffic.errors], [all, failed], "overview");
  assert.equal(overview.mtlsShare, 1);
  const { groups } = await get<ErrorsResponse>("errors");
  assert.deepEqual(
    groups.map(({ service, responseCode, count }) => [service.name, responseCode, count]),
    [["catalog", 503, failed]],
    "errors",
  );
  const series = await get<SeriesResponse>("series?service=catalog");
  const inHeatmap = series.heatmap.counts.flat().reduce((sum, one) => sum + one, 0);
  assert.equal(inHeatmap, all, "heat map");
  const security = await get<SecurityResponse>("security");
  const pair = security.pairs.find(({ source }) => source.name === "client");
  assert.deepEqual([pair?.requests, pair?.denied, pair?.allowed], [all, 0, "yes"], "security");

  const logged = await answerThat(
    countLogs,
    ({ source, destination }) => source.all + destination.all >= 2 * all,
  );
  assert.deepEqual(logged, { source: counts, destination: counts }, "logs");

  const { traces } = await answerThat(
    () => get<TracesResponse>("traces?limit=10000"),
    (answer) => answer.traces.length >= all && answer.traces.every(({ spans }) => spans >= 2),
  );
  assert.equal(traces.length, all, "traces");
  const bad = traces.filter(({ hasError }) => hasError);
  // OpenTelemetry: a client's span is an error from 400 on, so that a 404 is one, too.
  assert.equal(bad.length, failed + missing, "failed traces");
  const trace = await get<TraceResponse>(`traces/${bad[0]?.traceId}`);
  assert.deepEqual(trace.hints, []);
  assert.equal(trace.logs.length, 2);
});

/** Every record of the catalog, page by page. */
async function countLogs(): Promise<{ readonly source: Counts; readonly destination: Counts }> {
  const found = {
    source: { all: 0, failed: 0, missing: 0 },
    destination: { all: 0, failed: 0, missing: 0 },
  };
  let before = "";
  for (;;) {
    const page: LogsResponse = await get(`logs?limit=1000&service=catalog${before}`);
    for (const { reporter, responseCode } of page.logs) {
      found[reporter].all += 1;
      if (responseCode === 503) found[reporter].failed += 1;
      if (responseCode === 404) found[reporter].missing += 1;
    }
    if (page.next === null) return found;
    before = `&before=${page.next}`;
  }
}
