/** Spans and access logs as sidecars tell them: a checkout with a payment that is tried twice, and numbered requests. */
import { create, toBinary } from "@bufbuild/protobuf";
import type {
  LogEvent,
  SpanRecord,
  TelemetryResource,
} from "../../src/control-plane/telemetry/telemetry-record.ts";
import { ExportMetricsServiceRequestSchema } from "../../src/gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.js";
import { AggregationTemporality } from "../../src/gen/opentelemetry/proto/metrics/v1/metrics_pb.js";
import { ACCESS_ATTRIBUTE, ACCESS_EVENT } from "../../src/telemetry/otlp/access-log-attributes.ts";

const NS_PER_MS = 1_000_000n;

export function resourceOf(service: string): TelemetryResource {
  return {
    ...{ service, namespace: "shop", version: "v1", instance: `${service}-1`, principal: "" },
    attributes: {
      "service.name": service,
      "service.namespace": "shop",
      "service.version": "v1",
      "service.instance.id": `${service}-1`,
    },
  };
}

interface Hop {
  readonly service: string;
  readonly id: string;
  readonly parent: string;
  readonly kind: "server" | "client";
  readonly status: number;
  readonly peer?: string;
}

const HOPS: readonly Hop[] = [
  { service: "storefront", id: "01", parent: "", kind: "server", status: 200 },
  { service: "storefront", id: "02", parent: "01", kind: "client", status: 200, peer: "checkout" },
  { service: "checkout", id: "03", parent: "02", kind: "server", status: 200 },
  { service: "checkout", id: "04", parent: "03", kind: "client", status: 503, peer: "payment" },
  { service: "payment", id: "05", parent: "04", kind: "server", status: 503 },
  { service: "checkout", id: "06", parent: "03", kind: "client", status: 200, peer: "payment" },
  { service: "payment", id: "07", parent: "06", kind: "server", status: 200 },
];

/** `seed`: two hexadecimal digits that make its ids its own. */
export function checkoutTrace(seed: string, nowMs = Date.now()): readonly SpanRecord[] {
  const start = BigInt(nowMs - 1000) * NS_PER_MS;
  return HOPS.map((hop, index): SpanRecord => {
    const depth = BigInt(index) * NS_PER_MS;
    const isFailed = hop.status >= 500;
    return {
      resource: resourceOf(hop.service),
      traceId: seed.repeat(16),
      spanId: spanId(seed, hop.id),
      parentSpanId: hop.parent === "" ? "" : spanId(seed, hop.parent),
      traceState: "",
      name: "POST /checkout",
      kind: hop.kind,
      startNs: start + depth,
      endNs: start + 50n * NS_PER_MS - depth,
      status: isFailed ? "error" : "unset",
      statusMessage: isFailed ? "no healthy upstream" : "",
      attributes: {
        [ACCESS_ATTRIBUTE.method]: "POST",
        [ACCESS_ATTRIBUTE.responseCode]: hop.status,
        ...(hop.id === "06" ? { "http.request.resend_count": 1 } : {}),
        ...(hop.peer === undefined
          ? {}
          : {
              [ACCESS_ATTRIBUTE.destinationService]: hop.peer,
              "network.peer.address": "127.0.0.9",
              "network.peer.port": 8080,
            }),
      },
      events: isFailed
        ? [{ name: "reset", timeNs: start + depth, attributes: { reason: "UC" } }]
        : [],
    };
  });
}

function spanId(seed: string, id: string): string {
  return `${seed.repeat(7)}${id}`;
}

/** The request with a number: its path has it, and every tenth fails. */
export function accessLog(index: number, nowMs = Date.now()): LogEvent {
  const isFailed = index % 10 === 9;
  return {
    resource: resourceOf("checkout"),
    timeNs: BigInt(nowMs) * NS_PER_MS + BigInt(index),
    severity: isFailed ? 17 : 9,
    eventName: ACCESS_EVENT,
    body: "",
    traceId: index.toString(16).padStart(32, "a"),
    spanId: index.toString(16).padStart(16, "b"),
    attributes: {
      [ACCESS_ATTRIBUTE.method]: "GET",
      [ACCESS_ATTRIBUTE.path]: `/items/${index}?page=2`,
      [ACCESS_ATTRIBUTE.authority]: "checkout.shop:8080",
      [ACCESS_ATTRIBUTE.protocol]: "HTTP/1.1",
      [ACCESS_ATTRIBUTE.responseCode]: isFailed ? 503 : 200,
      ...(isFailed ? { [ACCESS_ATTRIBUTE.responseFlags]: "UH" } : {}),
      [ACCESS_ATTRIBUTE.duration]: 12,
      [ACCESS_ATTRIBUTE.bytesSent]: 345,
      [ACCESS_ATTRIBUTE.downstreamRemoteAddress]: "127.0.0.1:4711",
      [ACCESS_ATTRIBUTE.upstreamHost]: "127.0.0.9:8080",
      [ACCESS_ATTRIBUTE.userAgent]: 'curl/8 "quoted" \u{1f600}',
      [ACCESS_ATTRIBUTE.routeName]: "shop/items/0",
    },
  };
}

export function accessLogs(from: number, count: number, nowMs?: number): readonly LogEvent[] {
  return Array.from({ length: count }, (_, index) => accessLog(from + index, nowMs));
}

/** An ExportMetricsServiceRequest with a counter that has counted up to `value`. */
export function countedRequests(value: number, startMs: number, nowMs: number): Uint8Array {
  const text = (key: string, content: string) => ({
    key,
    value: { value: { case: "stringValue" as const, value: content } },
  });
  return toBinary(
    ExportMetricsServiceRequestSchema,
    create(ExportMetricsServiceRequestSchema, {
      resourceMetrics: [
        {
          resource: {
            attributes: Object.entries(resourceOf("checkout").attributes).map(([key, content]) =>
              text(key, String(content)),
            ),
          },
          scopeMetrics: [
            {
              metrics: [
                {
                  name: "istio_requests_total",
                  data: {
                    case: "sum",
                    value: {
                      isMonotonic: true,
                      aggregationTemporality: AggregationTemporality.CUMULATIVE,
                      dataPoints: [
                        {
                          startTimeUnixNano: BigInt(startMs) * NS_PER_MS,
                          timeUnixNano: BigInt(nowMs) * NS_PER_MS,
                          attributes: [text("response_code", "200")],
                          value: { case: "asDouble", value },
                        },
                      ],
                    },
                  },
                },
              ],
            },
          ],
        },
      ],
    }),
  );
}
