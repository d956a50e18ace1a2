/** Traces and series of the mesh that was never there. */
import type {
  ErrorGroup,
  RouteTraffic,
  SeriesResponse,
  SpanView,
  TraceResponse,
  TraceSummary,
} from "../../src/control-plane/telemetry-types.ts";
import { type FixtureMesh, traceIdOf } from "./fixture-mesh.ts";

const BOUNDS_MS = [1, 5, 10, 25, 50, 100, 250, 500, 1000];

export function seriesOf(mesh: FixtureMesh): SeriesResponse {
  const rates = mesh.wave(64, 0.4);
  const steps = rates.length;
  const times = rates.map((_, index) => mesh.at((steps - index) * mesh.window.stepSeconds));
  const p50 = mesh.wave(9, 0.3);
  return {
    window: mesh.window,
    times,
    requestsPerSecond: rates,
    errorsPerSecond: rates.map((rate, index) => (index > 30 ? (rate ?? 0) * 0.31 : 0)),
    mean: p50.map((value) => (value ?? 0) * 1.3),
    p50,
    p90: mesh.wave(26, 0.4),
    p99: mesh.wave(90, 0.8),
    heatmap: {
      boundsMs: BOUNDS_MS,
      counts: times.map((_, step) =>
        Array.from({ length: BOUNDS_MS.length + 1 }, (_, bucket) => {
          const distance = Math.abs(bucket - 2.5 - Math.sin(step / 6));
          return Math.max(
            0,
            Math.round(400 * Math.exp(-distance * distance) + ((step * bucket) % 5)),
          );
        }),
      ),
    },
    exemplars: [3, 12, 21, 33, 38].map((step, index) => ({
      at: times[step] ?? mesh.at(0),
      latencyMs: [14, 220, 41, 640, 95][index] ?? 1,
      traceId: traceIdOf(index),
    })),
    events: mesh.events(),
  };
}

export function routesOf(mesh: FixtureMesh, name: string): readonly RouteTraffic[] {
  const service = mesh.services.find((one) => one.service.name === name);
  if (service === undefined) return [];
  const { inbound } = service;
  const isFailing = service.health === "failing";
  const calm = mesh.services.find(({ health }) => health === "healthy")?.inbound ?? inbound;
  const backend = { backend: `${name}:80`, configuredShare: 1, observedShare: 1, traffic: inbound };
  return [
    {
      service: service.service,
      route: `default/${name}`,
      name: `default/${name} charge`,
      matches: ["POST /charges/*"],
      backends: [
        { ...backend, backend: `${name}-v1:80`, configuredShare: 0.9, observedShare: 0.902 },
        { ...backend, backend: `${name}-v2:80`, configuredShare: 0.1, observedShare: 0.098 },
      ],
      traffic: isFailing ? inbound : calm,
    },
    {
      service: service.service,
      route: "default",
      name: "default",
      matches: ["everything else"],
      backends: [backend],
      traffic: calm,
    },
  ];
}

export function errorsOf(mesh: FixtureMesh): readonly ErrorGroup[] {
  const payment = { namespace: "default", name: "payment" };
  const checkout = { namespace: "default", name: "checkout" };
  return [
    {
      service: payment,
      source: checkout,
      responseCode: 503,
      grpcStatus: null,
      flag: "UO",
      explanation:
        "The circuit breaker was open: more requests waited than its limits allow. Look at maxPendingRequests and at what makes payment slow.",
      count: 14_208,
      firstSeen: mesh.at(290),
      lastSeen: mesh.at(2),
      traceIds: [0, 1, 2].map(traceIdOf),
    },
    {
      service: checkout,
      source: { namespace: "default", name: "storefront" },
      responseCode: 502,
      grpcStatus: null,
      flag: "-",
      explanation: null,
      count: 611,
      firstSeen: mesh.at(280),
      lastSeen: mesh.at(6),
      traceIds: [traceIdOf(3)],
    },
    {
      service: { namespace: "default", name: "currency" },
      source: checkout,
      responseCode: 200,
      grpcStatus: 14,
      flag: "UF",
      explanation: "No connection could be made. Is an instance gone that is still listed?",
      count: 3,
      firstSeen: mesh.at(800),
      lastSeen: mesh.at(760),
      traceIds: [],
    },
  ];
}

export function summaryOf(mesh: FixtureMesh, index: number): TraceSummary {
  return {
    traceId: traceIdOf(index),
    root: { service: { namespace: "default", name: "storefront" }, name: "POST /checkout" },
    startTime: mesh.at(index * 4 + 1),
    durationMs: 48 + ((index * 53) % 620),
    spans: 9,
    services: ["storefront", "checkout", "payment", "currency"],
    hasError: index % 3 !== 2,
  };
}

export function traceOf(mesh: FixtureMesh, traceId: string): TraceResponse {
  const service = (name: string) => ({ namespace: "default", name });
  const span = (
    spanId: string,
    parentSpanId: string | null,
    name: string,
    of: string,
    [offsetMs, durationMs]: readonly [number, number],
    more: Partial<SpanView> = {},
  ): SpanView => ({
    ...{ spanId, parentSpanId, name, offsetMs, durationMs },
    service: service(of),
    instance: `${of}-1`,
    kind: "server",
    startTime: mesh.at(10),
    isError: false,
    statusMessage: "",
    attributes: { "http.request.method": "POST", "url.path": name.split(" ")[1] ?? "" },
    events: [],
    ...more,
  });
  const failed = {
    isError: true,
    statusMessage: "503",
    attributes: {
      "http.request.method": "POST",
      "url.path": "/charges/1001",
      "http.response.status_code": "503",
      "tulle.response_flags": "UO",
    },
  } as const;
  const again = { ...failed.attributes, "http.request.resend_count": "1" };
  const spans = [
    span("1", null, "POST /checkout", "storefront", [0, 212]),
    span("2", "1", "POST /orders", "storefront", [6, 201], { kind: "client" }),
    span("3", "2", "POST /orders", "checkout", [8, 197]),
    span("4", "3", "GET /rates", "checkout", [12, 31], { kind: "client" }),
    span("5", "4", "GET /rates", "currency", [14, 26]),
    span("6", "3", "POST /charges/1001", "checkout", [48, 66], { kind: "client", ...failed }),
    span("7", "6", "POST /charges/1001", "payment", [52, 60], failed),
    span("8", "3", "POST /charges/1001", "checkout", [131, 62], {
      kind: "client",
      ...failed,
      attributes: again,
    }),
    span("9", "8", "POST /charges/1001", "payment", [134, 56], {
      ...failed,
      events: [
        { name: "breaker open", offsetMs: 135, attributes: { limit: "maxPendingRequests" } },
      ],
    }),
  ];
  return {
    traceId,
    summary: { ...summaryOf(mesh, 0), traceId, durationMs: 212, hasError: true },
    spans,
    logs: [0, 1].map((index) => ({ ...mesh.log(index), traceId })),
    hints: ["recommendations does not pass on trace context: what it calls is missing here"],
  };
}
