/** Telemetry end to end through a real control plane: OTLP in, views of the admin API out. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { ApplyResponse } from "../../src/control-plane/api-types.ts";
import type { ControlPlane } from "../../src/control-plane/control-plane.ts";
import type {
  EdgesResponse,
  ErrorsResponse,
  EventsResponse,
  LogsResponse,
  OverviewResponse,
  ProxiesTelemetryResponse,
  RoutesResponse,
  SecurityResponse,
  SeriesResponse,
  ServiceDetailResponse,
  ServicesResponse,
  TraceResponse,
  TracesResponse,
} from "../../src/control-plane/telemetry-types.ts";
import {
  callApi,
  StandInSidecar,
  startControlPlane,
  temporaryFolder,
} from "../support/control-plane-fixture.ts";
import { attributes, counter, durations, OtlpSender } from "../support/otlp-sender.ts";

const SERVICES = ["catalog", "cart"]
  .map(
    (name) => `apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec:
  selector: {app: ${name}}
  ports: [{port: 80, targetPort: 8080}]
---
`,
  )
  .join("");
const ROUTE = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: catalog}
spec:
  parentRefs: [{group: "", kind: Service, name: catalog}]
  rules:
    - matches: [{path: {value: /items}}]
      backendRefs: [{name: catalog, port: 80, weight: 3}, {name: cart, port: 80, weight: 1}]
`;

const folder = temporaryFolder();
let controlPlane: ControlPlane;
let cart: StandInSidecar;
let catalog: StandInSidecar;
let fromCart: OtlpSender;
let fromCatalog: OtlpSender;
const startMs = Date.now();
const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";

before(async () => {
  controlPlane = await startControlPlane(folder.path);
  const { file } = controlPlane;
  await callApi<ApplyResponse>(file, "POST", "/api/v1/apply", {
    body: { files: [{ name: "mesh.yaml", text: SERVICES + ROUTE }] },
  });
  cart = new StandInSidecar({ file, id: "cart-a", service: "cart", block: 21 });
  catalog = new StandInSidecar({ file, id: "catalog-a", service: "catalog", block: 22 });
  await Promise.all([cart.start(), catalog.start()]);
  fromCart = new OtlpSender(file, cart.agent);
  fromCatalog = new OtlpSender(file, catalog.agent);
});

after(async () => {
  fromCart.close();
  fromCatalog.close();
  await Promise.all([cart.stop(), catalog.stop()]);
  await controlPlane.stop(1000);
  folder.remove();
});

async function get<T>(path: string): Promise<T> {
  const { status, body } = await callApi<T>(controlPlane.file, "GET", `/api/v1/telemetry/${path}`);
  assert.equal(status, 200, JSON.stringify(body));
  return body;
}

const CART = { service: "cart", instance: "cart-a" };
const CATALOG = { service: "catalog", instance: "catalog-a" };
const principal = (name: string): string => `spiffe://tulle.local/ns/default/sa/${name}`;

function labels(reporter: "source" | "destination", code: string, flags = "-") {
  return {
    reporter,
    source_workload: "cart",
    source_canonical_service: "cart",
    source_workload_namespace: "default",
    source_principal: principal("cart"),
    source_version: "v1",
    destination_workload: "catalog",
    destination_workload_namespace: "default",
    destination_principal: principal("catalog"),
    destination_service: "catalog.default.svc.tulle.local",
    destination_service_name: "catalog",
    destination_service_namespace: "default",
    destination_version: "v1",
    request_protocol: "http",
    response_code: code,
    response_flags: flags,
    connection_security_policy: reporter === "destination" ? "mutual_tls" : "unknown",
  };
}

async function push(ok: number, failed: number): Promise<void> {
  const times = { startMs, timeMs: Date.now() };
  const sides = [
    [fromCart, CART, "source"],
    [fromCatalog, CATALOG, "destination"],
  ] as const;
  for (const [sender, resource, reporter] of sides) {
    const rejected = await sender.metrics(resource, [
      counter("istio_requests_total", labels(reporter, "200"), ok, times),
      counter("istio_requests_total", labels(reporter, "503", "UC"), failed, times),
      durations(labels(reporter, "200"), new Array<number>(ok).fill(7), {
        ...times,
        traceId: TRACE_ID,
      }),
      durations(labels(reporter, "503", "UC"), new Array<number>(failed).fill(200), times),
    ]);
    assert.equal(rejected, undefined);
  }
}

test("counters become figures of services, edges, series and errors that agree exactly", async () => {
  await push(90, 10);
  await push(180, 20);
  const { services } = await get<ServicesResponse>("services");
  const figures = services.find(({ service }) => service.name === "catalog");
  assert.equal(figures?.inbound.requests, 200);
  assert.equal(figures?.inbound.errors, 20);
  assert.equal(figures?.inbound.errorRate, 0.1);
  assert.equal(figures?.health, "failing");
  // 180 in (5, 10], 20 in (100, 250]: as histogram_quantile says.
  const { latency } = figures.inbound;
  assert.equal(latency.p50, 5 + 5 * (100 / 180));
  assert.equal(latency.p90, 10);
  assert.equal(latency.p99, 100 + 150 * (18 / 20));
  assert.equal(latency.mean, (180 * 7 + 20 * 200) / 200);
  const idle = services.find(({ service }) => service.name === "cart");
  assert.deepEqual(
    [idle?.health, idle?.inbound.requests, idle?.inbound.latency.p50],
    ["idle", 0, null],
  );

  const { edges } = await get<EdgesResponse>("edges");
  assert.equal(edges.length, 1);
  const [edge] = edges;
  assert.deepEqual(
    [edge?.source, edge?.destination, edge?.security, edge?.protocol],
    [
      { namespace: "default", name: "cart" },
      { namespace: "default", name: "catalog" },
      "mutual_tls",
      "http",
    ],
  );
  assert.equal(edge?.sourcePrincipal, principal("cart"));
  assert.equal(edge?.traffic.requests, 200);

  const { groups } = await get<ErrorsResponse>("errors");
  assert.equal(groups.length, 1);
  assert.deepEqual([groups[0]?.count, groups[0]?.responseCode, groups[0]?.flag], [20, 503, "UC"]);
  assert.match(groups[0]?.explanation ?? "", /\w/);

  const series = await get<SeriesResponse>("series?service=catalog&since=5m");
  assert.equal(series.times.length, series.heatmap.counts.length);
  const counted = series.heatmap.counts.flat().reduce((sum, count) => sum + count, 0);
  assert.equal(counted, 200);

  const detail = await get<ServiceDetailResponse>("services/default/catalog");
  assert.equal(detail.instances[0]?.traffic.requests, 200);
  assert.deepEqual(
    detail.versions.map(({ version, share }) => [version, share]),
    [["v1", 1]],
  );
  assert.equal(detail.callers.length, 1);
  const caller = await get<ServiceDetailResponse>("services/default/cart");
  assert.equal(caller.outbound.requests, 200);
});

test("a counter that began anew counts on", async () => {
  const times = { startMs: Date.now(), timeMs: Date.now() };
  await fromCatalog.metrics(CATALOG, [
    counter("istio_requests_total", labels("destination", "200"), 5, times),
  ]);
  const { services } = await get<ServicesResponse>("services?service=catalog");
  assert.equal(services[0]?.inbound.requests, 205);
});

test("overview names what is wrong first, with where to look", async () => {
  const overview = await get<OverviewResponse>("overview");
  assert.equal(overview.summary, "1 of 2 services is degraded");
  assert.deepEqual(overview.services, { total: 2, healthy: 0, degraded: 1, failing: 0, idle: 1 });
  assert.equal(overview.problems[0]?.code, "degraded-service");
  assert.equal(overview.problems[0]?.view, "/services/default/catalog");
  assert.equal(overview.proxies.connected, 2);
  assert.equal(overview.mtlsShare, 1);
  assert.ok(Date.parse(overview.nextCertificateExpiry ?? "") > Date.now());
});

test("observed shares of a route stand beside those that are configured", async () => {
  const times = { startMs, timeMs: Date.now() };
  const route = (backend: string, name: string, count: number) =>
    counter(
      "tulle_route_requests_total",
      {
        destination_service_name: name,
        destination_service_namespace: "default",
        route: "HTTPRoute/default/catalog/rule/0/match/0",
        backend: `outbound|80||${backend}.default.svc.tulle.local`,
        response_code_class: "2xx",
      },
      count,
      times,
    );
  await fromCart.metrics(CART, [route("catalog", "catalog", 80), route("cart", "cart", 20)]);
  const { routes } = await get<RoutesResponse>("routes?service=catalog");
  const [first] = routes;
  assert.equal(first?.route, "default/catalog");
  assert.deepEqual(
    first?.backends.map((one) => [one.backend, one.configuredShare, one.observedShare]),
    [
      ["default/catalog", 0.75, 0.8],
      ["default/cart", 0.25, 0.2],
    ],
  );
});

test("a proxy that tells about others, or says that it is another, is refused", async () => {
  const times = { startMs, timeMs: Date.now() };
  const figure = counter("istio_requests_total", labels("destination", "200"), 1000, times);
  const rejected = await fromCart.metrics(CATALOG, [figure, figure]);
  assert.equal(rejected?.count, 2);
  assert.match(rejected?.message ?? "", /catalog-a/);
  const other = await fromCart.metrics({ ...CART, namespace: "payments" }, [figure]);
  assert.match(other?.message ?? "", /service\.namespace is "payments"/);
  // As itself, but about requests that catalog took.
  assert.equal(await fromCart.metrics(CART, [figure]), undefined);
  const { services } = await get<ServicesResponse>("services?service=catalog");
  assert.equal(services[0]?.inbound.requests, 205);
});

test("logs are found by status, trace and text, and page by page", async () => {
  const record = (code: number, index: number) => ({
    timeUnixNano: BigInt(Date.now()) * 1_000_000n + BigInt(index),
    eventName: "mesh.access",
    ...(index === 3
      ? { traceId: Buffer.from(TRACE_ID, "hex"), spanId: Buffer.from("00f067aa0ba902b7", "hex") }
      : {}),
    attributes: attributes({
      "mesh.reporter": "source",
      "http.request.method": "GET",
      "url.path": `/items/${index}`,
      "http.response.status_code": code,
      "mesh.response_flags": code === 503 ? "UC" : "-",
      "mesh.duration": 12,
      "mesh.destination.service": "catalog",
      "mesh.destination.namespace": "default",
      "mesh.request_id": `request-${index}`,
    }),
  });
  assert.equal(
    await fromCart.logs(
      CART,
      [200, 200, 503, 503, 404].map((code, index) => record(code, index)),
    ),
    undefined,
  );
  const failed = await get<LogsResponse>("logs?status=5xx");
  assert.deepEqual(
    failed.logs.map(({ path, flags, destination }) => [path, flags, destination.name]),
    [
      ["/items/3", "UC", "catalog"],
      ["/items/2", "UC", "catalog"],
    ],
  );
  const traced = await get<LogsResponse>(`logs?traceId=${TRACE_ID}`);
  assert.equal(traced.logs.length, 1);
  const found = await get<LogsResponse>("logs?text=REQUEST-4");
  assert.deepEqual(
    found.logs.map(({ responseCode }) => responseCode),
    [404],
  );
  const chosen = async (query: string) =>
    (await get<LogsResponse>(`logs?${query}`)).logs.map(({ path }) => path);
  assert.deepEqual(await chosen("source=default/cart&destination=default/catalog&path=/ITEMS/1"), [
    "/items/1",
  ]);
  assert.deepEqual(await chosen("method=POST"), []);
  assert.deepEqual(await chosen("source=default/catalog"), []);
  const paths: (string | null)[] = [];
  let next: string | null = "";
  while (next !== null) {
    const page: LogsResponse = await get(`logs?limit=2${next === "" ? "" : `&before=${next}`}`);
    paths.push(...page.logs.map(({ path }) => path));
    next = page.next;
  }
  assert.deepEqual(paths, ["/items/4", "/items/3", "/items/2", "/items/1", "/items/0"]);
});

test("spans become a trace, parents before children, with its logs", async () => {
  const span = (id: string, parent: string, name: string, kind: number, from: number) => ({
    traceId: Buffer.from(TRACE_ID, "hex"),
    spanId: Buffer.from(id, "hex"),
    parentSpanId: Buffer.from(parent, "hex"),
    name,
    kind,
    startTimeUnixNano: BigInt(startMs + from) * 1_000_000n,
    endTimeUnixNano: BigInt(startMs + from + 50) * 1_000_000n,
    ...(kind === 2 ? { status: { code: 2, message: "503" } } : {}),
    attributes: attributes({ "http.request.method": "GET" }),
  });
  await fromCatalog.spans(CATALOG, [
    span("2222222222222222", "1111111111111111", "GET /items", 2, 10),
  ]);
  await fromCart.spans(CART, [span("1111111111111111", "", "GET", 3, 0)]);
  // Sent again, as after an answer that was lost.
  await fromCart.spans(CART, [span("1111111111111111", "", "GET", 3, 0)]);
  const { traces } = await get<TracesResponse>("traces?service=catalog&error=true");
  assert.equal(traces.length, 1);
  assert.deepEqual(traces[0]?.root, {
    service: { namespace: "default", name: "cart" },
    name: "GET",
  });
  assert.equal(traces[0]?.durationMs, 60);
  const trace = await get<TraceResponse>(`traces/${TRACE_ID}`);
  assert.deepEqual(
    trace.spans.map(({ spanId, offsetMs, isError }) => [spanId.slice(0, 1), offsetMs, isError]),
    [
      ["1", 0, false],
      ["2", 10, true],
    ],
  );
  assert.equal(trace.logs.length, 1);
  assert.deepEqual(trace.hints, []);
  const rejected = await fromCart.spans(CART, [{ name: "no ids" }]);
  assert.equal(rejected?.count, 1);
});

test("events tell of changes with who made them, and of instances that leave", async () => {
  const { events } = await get<EventsResponse>("events?type=config");
  assert.ok(events.some(({ subject, actor }) => subject.includes("HTTPRoute") && actor !== null));
  const fetched = await get<EventsResponse>("events?limit=3");
  assert.equal(fetched.events.length, 3);
});

test("security shows who may and does, and certificates; proxies show who tells", async () => {
  const security = await get<SecurityResponse>("security");
  const pair = security.pairs.find(
    ({ source, destination }) => source.name === "cart" && destination.name === "catalog",
  );
  assert.deepEqual([pair?.allowed, pair?.requests, pair?.denied], ["yes", 200, 0]);
  assert.equal(security.mtlsShare, 1);
  assert.ok(security.certificates.length >= 2);
  assert.ok((security.roots[0]?.daysLeft ?? 0) > 1);
  const { proxies } = await get<ProxiesTelemetryResponse>("proxies");
  assert.equal(proxies.length, 2);
  assert.ok(proxies.every(({ lastTelemetry }) => lastTelemetry !== null));
});

test("a window, a filter or a cursor that is wrong is named", async () => {
  for (const [path, message] of [
    ["overview?since=soon", /since: "soon" is no duration/],
    ["services?from=2026-01-01T00:00:00Z&since=5m", /cannot be used together/],
    ["logs?status=6xy", /status: "6xy"/],
    ["logs?before=1", /before/],
    ["logs?limit=0", /limit/],
    ["traces/xyz", /no trace id/],
    ["series", /service/],
    ["series?service=catalog&source=cart", /no NAMESPACE\/NAME/],
  ] as const) {
    const { status, body } = await callApi<{ error: { message: string } }>(
      controlPlane.file,
      "GET",
      `/api/v1/telemetry/${path}`,
    );
    assert.equal(status, 400, path);
    assert.match(body.error.message, message);
  }
});
