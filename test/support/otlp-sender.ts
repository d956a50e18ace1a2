/** Sends OTLP as a sidecar does, over gRPC with its certificate: messages are made by protobuf-es, not by our own encoder. */
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Client, type ServiceError } from "@grpc/grpc-js";
import type { ControlPlaneFile } from "../../src/control-plane/api-types.ts";
import { exportMethod } from "../../src/control-plane/telemetry/otlp-grpc-service.ts";
import { systemClock } from "../../src/core/clock.ts";
import {
  ExportLogsServiceRequestSchema,
  ExportLogsServiceResponseSchema,
} from "../../src/gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.js";
import {
  ExportMetricsServiceRequestSchema,
  ExportMetricsServiceResponseSchema,
} from "../../src/gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.js";
import {
  ExportTraceServiceRequestSchema,
  ExportTraceServiceResponseSchema,
} from "../../src/gen/opentelemetry/proto/collector/trace/v1/trace_service_pb.js";
import type { KeyValueSchema } from "../../src/gen/opentelemetry/proto/common/v1/common_pb.js";
import type { LogRecordSchema } from "../../src/gen/opentelemetry/proto/logs/v1/logs_pb.js";
import type { MetricSchema } from "../../src/gen/opentelemetry/proto/metrics/v1/metrics_pb.js";
import type { SpanSchema } from "../../src/gen/opentelemetry/proto/trace/v1/trace_pb.js";
import { createMeshChannelCredentials } from "../../src/identity/grpc-credentials.ts";
import type { IdentityAgent } from "../../src/identity/identity-agent.ts";
import { XDS_CHANNEL_OPTIONS } from "../../src/xds/channel-options.ts";
import { TRUST_DOMAIN } from "./control-plane-fixture.ts";

const CONTROL_PLANE_ID = `spiffe://${TRUST_DOMAIN}/ns/tulle-system/sa/control-plane`;
/** Istio's, in milliseconds. */
export const BOUNDS = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000,
  1_800_000, 3_600_000,
];

type Attribute = MessageInitShape<typeof KeyValueSchema>;
export type Labels = Readonly<Record<string, string>>;

export interface Resource {
  readonly service: string;
  readonly instance: string;
  readonly namespace?: string;
}

export interface Rejected {
  readonly count: number;
  readonly message: string;
}

export function attributes(values: Readonly<Record<string, string | number>>): Attribute[] {
  return Object.entries(values).map(([key, value]) => ({
    key,
    value: {
      value:
        typeof value === "string"
          ? { case: "stringValue", value }
          : { case: "intValue", value: BigInt(value) },
    },
  }));
}

function resourceOf({ service, instance, namespace = "default" }: Resource) {
  return {
    attributes: attributes({
      "service.name": service,
      "service.namespace": namespace,
      "service.instance.id": instance,
    }),
  };
}

/** Cumulative. */
export function counter(
  name: string,
  labels: Labels,
  value: number,
  { startMs, timeMs }: { readonly startMs: number; readonly timeMs: number },
): MessageInitShape<typeof MetricSchema> {
  const point = {
    attributes: attributes(labels),
    startTimeUnixNano: BigInt(startMs) * 1_000_000n,
    timeUnixNano: BigInt(timeMs) * 1_000_000n,
    value: { case: "asDouble" as const, value },
  };
  return {
    name,
    data: {
      case: "sum",
      value: { dataPoints: [point], aggregationTemporality: 2, isMonotonic: true },
    },
  };
}

export function gauge(
  name: string,
  labels: Labels,
  value: number,
  timeMs: number,
): MessageInitShape<typeof MetricSchema> {
  const point = {
    attributes: attributes(labels),
    timeUnixNano: BigInt(timeMs) * 1_000_000n,
    value: { case: "asDouble" as const, value },
  };
  return { name, data: { case: "gauge", value: { dataPoints: [point] } } };
}

/** Cumulative, of these latencies, by default of Istio's family and in milliseconds. */
export function durations(
  labels: Labels,
  latenciesMs: readonly number[],
  {
    startMs,
    timeMs,
    traceId,
    family = { name: "istio_request_duration_milliseconds", bounds: BOUNDS },
  }: {
    readonly startMs: number;
    readonly timeMs: number;
    readonly traceId?: string;
    readonly family?: { readonly name: string; readonly bounds: readonly number[] };
  },
): MessageInitShape<typeof MetricSchema> {
  const { name, bounds } = family;
  const counts = new Array<bigint>(bounds.length + 1).fill(0n);
  for (const latency of latenciesMs) {
    const index = bounds.findIndex((bound) => latency <= bound);
    const at = index < 0 ? bounds.length : index;
    counts[at] = (counts[at] ?? 0n) + 1n;
  }
  const point = {
    attributes: attributes(labels),
    startTimeUnixNano: BigInt(startMs) * 1_000_000n,
    timeUnixNano: BigInt(timeMs) * 1_000_000n,
    count: BigInt(latenciesMs.length),
    sum: latenciesMs.reduce((sum, one) => sum + one, 0),
    bucketCounts: counts,
    explicitBounds: [...bounds],
    exemplars:
      traceId === undefined
        ? []
        : [
            {
              timeUnixNano: BigInt(timeMs) * 1_000_000n,
              traceId: Buffer.from(traceId, "hex"),
              spanId: Buffer.from("00f067aa0ba902b7", "hex"),
              value: { case: "asDouble" as const, value: latenciesMs[0] ?? 0 },
            },
          ],
  };
  return {
    name,
    data: { case: "histogram", value: { dataPoints: [point], aggregationTemporality: 2 } },
  };
}

export class OtlpSender {
  readonly #client: Client;

  constructor(
    file: Pick<ControlPlaneFile, "xdsAddress">,
    agent: Pick<IdentityAgent, "channelIdentity">,
  ) {
    this.#client = new Client(
      file.xdsAddress,
      createMeshChannelCredentials({
        getIdentity: () => agent.channelIdentity,
        expectedServerIds: [CONTROL_PLANE_ID],
        clock: systemClock,
      }),
      XDS_CHANNEL_OPTIONS,
    );
  }

  /** Undefined when all was taken. */
  async metrics(
    resource: Resource,
    metrics: readonly MessageInitShape<typeof MetricSchema>[],
  ): Promise<Rejected | undefined> {
    const request = create(ExportMetricsServiceRequestSchema, {
      resourceMetrics: [
        { resource: resourceOf(resource), scopeMetrics: [{ metrics: [...metrics] }] },
      ],
    });
    const bytes = await this.send("metrics", toBinary(ExportMetricsServiceRequestSchema, request));
    const { partialSuccess } = fromBinary(ExportMetricsServiceResponseSchema, bytes);
    return partial(partialSuccess?.rejectedDataPoints, partialSuccess?.errorMessage);
  }

  async logs(
    resource: Resource,
    logRecords: readonly MessageInitShape<typeof LogRecordSchema>[],
  ): Promise<Rejected | undefined> {
    const request = create(ExportLogsServiceRequestSchema, {
      resourceLogs: [
        { resource: resourceOf(resource), scopeLogs: [{ logRecords: [...logRecords] }] },
      ],
    });
    const bytes = await this.send("logs", toBinary(ExportLogsServiceRequestSchema, request));
    const { partialSuccess } = fromBinary(ExportLogsServiceResponseSchema, bytes);
    return partial(partialSuccess?.rejectedLogRecords, partialSuccess?.errorMessage);
  }

  async spans(
    resource: Resource,
    spans: readonly MessageInitShape<typeof SpanSchema>[],
  ): Promise<Rejected | undefined> {
    const request = create(ExportTraceServiceRequestSchema, {
      resourceSpans: [{ resource: resourceOf(resource), scopeSpans: [{ spans: [...spans] }] }],
    });
    const bytes = await this.send("traces", toBinary(ExportTraceServiceRequestSchema, request));
    const { partialSuccess } = fromBinary(ExportTraceServiceResponseSchema, bytes);
    return partial(partialSuccess?.rejectedSpans, partialSuccess?.errorMessage);
  }

  /** The bytes of an export request; resolves with those of the answer, rejects with gRPC's status. */
  send(signal: "traces" | "logs" | "metrics", bytes: Uint8Array): Promise<Uint8Array> {
    const { path, requestSerialize, responseDeserialize } = exportMethod(signal);
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        bytes,
        (error: ServiceError | null, answer?: Uint8Array) =>
          error === null && answer !== undefined ? resolve(answer) : reject(error),
      );
    });
  }

  close(): void {
    this.#client.close();
  }
}

function partial(count: bigint | undefined, message: string | undefined): Rejected | undefined {
  return count === undefined ? undefined : { count: Number(count), message: message ?? "" };
}
