/** A receiver of spans by OTLP/gRPC that also says which traces it wants: what came, decoded with the published schema. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Server, ServerCredentials, type ServiceError, status } from "@grpc/grpc-js";
import {
  ExportTraceServiceRequestSchema,
  ExportTraceServiceResponseSchema,
} from "../../src/gen/opentelemetry/proto/collector/trace/v1/trace_service_pb.js";
import { type Span, Span_SpanKind } from "../../src/gen/opentelemetry/proto/trace/v1/trace_pb.js";
import { WatchResponseSchema } from "../../src/gen/tulle/telemetry/v1/wanted_traces_pb.js";
import { asIs, toBuffer } from "../../src/xds/grpc-bytes.ts";

export interface ToldSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** "" for a root. */
  readonly parentId: string;
  readonly name: string;
  readonly kind: "SERVER" | "CLIENT";
  readonly isError: boolean;
  readonly message: string;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Readonly<Record<string, string>>;
  readonly resource: Readonly<Record<string, string>>;
}

type Answer = (error: Partial<ServiceError> | null, value?: Uint8Array) => void;

export class SpanCollector {
  readonly spans: ToldSpan[] = [];
  /** Refuses what comes. */
  isDown = false;
  port = 0;
  readonly #server = new Server();
  readonly #waiting: (() => void)[] = [];
  readonly #questions: Answer[] = [];
  readonly #onQuestion: (() => void)[] = [];

  /** Ends with the test. */
  static async start(context: TestContext): Promise<SpanCollector> {
    const collector = new SpanCollector();
    await collector.#listen();
    context.after(() => collector.#server.forceShutdown());
    return collector;
  }

  /** Resolves with the spans when there are so many. */
  async atLeast(count: number): Promise<readonly ToldSpan[]> {
    while (this.spans.length < count) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    return this.spans;
  }

  /** Resolves with the span of this id when it has come. */
  async find(spanId: string): Promise<ToldSpan> {
    for (;;) {
      const found = this.spans.find((span) => span.spanId === spanId);
      if (found !== undefined) return found;
      await this.atLeast(this.spans.length + 1);
    }
  }

  /** Resolves when a proxy waits for traces that are wanted. */
  async question(): Promise<void> {
    if (this.#questions.length > 0) return;
    await new Promise<void>((resolve) => this.#onQuestion.push(resolve));
  }

  want(traceId: string): void {
    const answer = this.#questions.shift() ?? assert.fail("nobody asks");
    const traceIds = [Buffer.from(traceId, "hex")];
    const response = create(WatchResponseSchema, { traceIds, next: 1n, run: "a" });
    answer(null, toBinary(WatchResponseSchema, response));
  }

  async #listen(): Promise<void> {
    const methodOf = (path: string) => ({
      ...({ path, requestStream: false, responseStream: false } as const),
      ...{ requestSerialize: toBuffer, requestDeserialize: asIs },
      ...{ responseSerialize: toBuffer, responseDeserialize: asIs },
    });
    const trace = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    this.#server.addService(
      { export: methodOf(trace), watch: methodOf("/tulle.telemetry.v1.WantedTraces/Watch") },
      {
        export: ({ request }: { readonly request: Uint8Array }, answer: Answer) => {
          if (this.isDown) answer({ code: status.UNAVAILABLE, details: "down" });
          else {
            this.#take(request);
            const response = create(ExportTraceServiceResponseSchema);
            answer(null, toBinary(ExportTraceServiceResponseSchema, response));
          }
          for (const told of this.#waiting.splice(0)) told();
        },
        watch: (_call: unknown, answer: Answer) => {
          this.#questions.push(answer);
          for (const told of this.#onQuestion.splice(0)) told();
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
    const { resourceSpans } = fromBinary(ExportTraceServiceRequestSchema, bytes);
    for (const { resource, scopeSpans } of resourceSpans) {
      const told = textsOf(resource?.attributes ?? []);
      for (const span of scopeSpans.flatMap(({ spans }) => spans)) {
        this.spans.push(toldSpan(span, told));
      }
    }
  }
}

function toldSpan(span: Span, resource: ToldSpan["resource"]): ToldSpan {
  return {
    traceId: Buffer.from(span.traceId).toString("hex"),
    spanId: Buffer.from(span.spanId).toString("hex"),
    parentId: Buffer.from(span.parentSpanId).toString("hex"),
    name: span.name,
    kind: span.kind === Span_SpanKind.SERVER ? "SERVER" : "CLIENT",
    isError: span.status?.code === 2,
    message: span.status?.message ?? "",
    startNs: span.startTimeUnixNano,
    endNs: span.endTimeUnixNano,
    attributes: textsOf(span.attributes),
    resource,
  };
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
