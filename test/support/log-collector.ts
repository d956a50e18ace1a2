/** A receiver of log records by OTLP/gRPC: what came, decoded with the published schema. */
import type { TestContext } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Server, ServerCredentials, type ServiceError, status } from "@grpc/grpc-js";
import {
  ExportLogsServiceRequestSchema,
  ExportLogsServiceResponseSchema,
} from "../../src/gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.js";
import type { LogRecord } from "../../src/gen/opentelemetry/proto/logs/v1/logs_pb.js";
import { asIs, toBuffer } from "../../src/xds/grpc-bytes.ts";

export interface ToldRecord {
  readonly timeMs: number;
  readonly severity: number;
  readonly eventName: string;
  readonly body: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Integers stay numbers. */
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly resource: Readonly<Record<string, string | number>>;
}

const PATH = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

export class LogCollector {
  readonly records: ToldRecord[] = [];
  /** Messages that came. */
  messages = 0;
  /** Messages that were refused. */
  refused = 0;
  isDown = false;
  port = 0;
  readonly #server = new Server();
  readonly #waiting: (() => void)[] = [];

  /** Ends with the test. */
  static async start(context: TestContext): Promise<LogCollector> {
    const collector = new LogCollector();
    await collector.#listen();
    context.after(() => collector.#server.forceShutdown());
    return collector;
  }

  /** Resolves after a message that makes it true. */
  async until(isThere: (collector: this) => boolean): Promise<void> {
    while (!isThere(this)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  async #listen(): Promise<void> {
    const method = {
      ...({ path: PATH, requestStream: false, responseStream: false } as const),
      ...{ requestSerialize: toBuffer, requestDeserialize: asIs },
      ...{ responseSerialize: toBuffer, responseDeserialize: asIs },
    };
    type Answer = (error: Partial<ServiceError> | null, value?: Uint8Array) => void;
    this.#server.addService(
      { export: method },
      {
        export: ({ request }: { readonly request: Uint8Array }, answer: Answer) => {
          if (this.isDown) {
            this.refused += 1;
            answer({ code: status.UNAVAILABLE, details: "down" });
          } else {
            this.messages += 1;
            this.#take(request);
            const response = create(ExportLogsServiceResponseSchema);
            answer(null, toBinary(ExportLogsServiceResponseSchema, response));
          }
          for (const told of this.#waiting.splice(0)) told();
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
    const { resourceLogs } = fromBinary(ExportLogsServiceRequestSchema, bytes);
    for (const { resource, scopeLogs } of resourceLogs) {
      const told = valuesOf(resource?.attributes ?? []);
      for (const record of scopeLogs.flatMap(({ logRecords }) => logRecords)) {
        this.records.push(toldRecord(record, told));
      }
    }
  }
}

function toldRecord(record: LogRecord, resource: ToldRecord["resource"]): ToldRecord {
  return {
    timeMs: Number(record.timeUnixNano / 1_000_000n),
    severity: record.severityNumber,
    eventName: record.eventName,
    body: String(record.body?.value.value ?? ""),
    traceId: Buffer.from(record.traceId).toString("hex"),
    spanId: Buffer.from(record.spanId).toString("hex"),
    attributes: valuesOf(record.attributes),
    resource,
  };
}

function valuesOf(
  attributes: readonly {
    readonly key: string;
    readonly value?: { readonly value: { readonly value?: unknown } } | undefined;
  }[],
): Record<string, string | number> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => {
      const found = value?.value.value;
      return [key, typeof found === "bigint" ? Number(found) : String(found ?? "")];
    }),
  );
}
