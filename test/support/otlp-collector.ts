/** A receiver of OTLP metrics over gRPC: what came, decoded with the published schema. */
import type { TestContext } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Server, ServerCredentials, type ServiceError, status } from "@grpc/grpc-js";
import {
  ExportMetricsServiceRequestSchema,
  ExportMetricsServiceResponseSchema,
} from "../../src/gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.js";
import type { ResourceMetrics } from "../../src/gen/opentelemetry/proto/metrics/v1/metrics_pb.js";
import { asIs, toBuffer } from "../../src/xds/grpc-bytes.ts";

export interface ToldPoint {
  readonly labels: Readonly<Record<string, string>>;
  /** A histogram's count. */
  readonly value: number;
  readonly resource: Readonly<Record<string, string>>;
}

export class OtlpCollector {
  readonly pushes: (readonly ResourceMetrics[])[] = [];
  /** Refuses what comes. */
  isDown = false;
  port = 0;
  readonly #server = new Server();
  readonly #onPush: (() => void)[] = [];
  /** Newest points by name and labels. */
  readonly #points = new Map<string, ToldPoint>();

  /** Ends with the test. */
  static async start(context: TestContext): Promise<OtlpCollector> {
    const collector = new OtlpCollector();
    await collector.#listen();
    context.after(() => collector.#server.forceShutdown());
    return collector;
  }

  /** The newest points of a family. */
  points(name: string): readonly ToldPoint[] {
    return [...this.#points].flatMap(([key, point]) => (key.startsWith(`${name} `) ? point : []));
  }

  sum(name: string): number {
    return this.points(name).reduce((sum, { value }) => sum + value, 0);
  }

  /** Resolves after a push that makes it true. */
  async until(isThere: () => boolean): Promise<void> {
    while (!isThere()) await this.next();
  }

  async next(): Promise<void> {
    await new Promise<void>((resolve) => this.#onPush.push(resolve));
  }

  async #listen(): Promise<void> {
    const path = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
    const method = {
      ...({ path, requestStream: false, responseStream: false } as const),
      ...{ requestSerialize: toBuffer, requestDeserialize: asIs },
      ...{ responseSerialize: toBuffer, responseDeserialize: asIs },
    };
    this.#server.addService(
      { export: method },
      {
        export: (
          call: { readonly request: Uint8Array },
          callback: (error: Partial<ServiceError> | null, value?: Uint8Array) => void,
        ) => {
          if (this.isDown) callback({ code: status.UNAVAILABLE, details: "down" });
          else {
            this.#take(call.request);
            const answer = create(ExportMetricsServiceResponseSchema);
            callback(null, toBinary(ExportMetricsServiceResponseSchema, answer));
          }
          for (const told of this.#onPush.splice(0)) told();
        },
      },
    );
    this.port = await new Promise<number>((resolve, reject) => {
      const credentials = ServerCredentials.createInsecure();
      this.#server.bindAsync("127.0.0.1:0", credentials, (error, port) => {
        if (error === null) resolve(port);
        else reject(error);
      });
    });
  }

  #take(bytes: Uint8Array): void {
    const { resourceMetrics } = fromBinary(ExportMetricsServiceRequestSchema, bytes);
    this.pushes.push(resourceMetrics);
    for (const { resource, scopeMetrics } of resourceMetrics) {
      const told = textsOf(resource?.attributes ?? []);
      for (const { name, data } of scopeMetrics.flatMap(({ metrics }) => metrics)) {
        for (const point of data.value?.dataPoints ?? []) {
          const labels = textsOf(point.attributes);
          const value = "count" in point ? Number(point.count) : Number(point.value.value ?? 0);
          const key = `${name} ${JSON.stringify(labels)}`;
          this.#points.set(key, { labels, value, resource: told });
        }
      }
    }
  }
}

function textsOf(
  attributes: readonly {
    readonly key: string;
    readonly value?: { readonly value: { readonly value?: unknown } } | undefined;
  }[],
): Record<string, string> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, String(value?.value.value ?? "")]),
  );
}
