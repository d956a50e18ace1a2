/**
 * One receiver for each target of a TelemetryExporter, as its protocol wants it, that a test takes away and brings back: what came
 * is `source /path` for a log record and `CLIENT /path` for a span, in the order in which it came.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";
import { fromBinary } from "@bufbuild/protobuf";
import { FluentServer } from "@fluent-org/logger";
import { ExportLogsServiceRequestSchema } from "../../src/gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.js";
import { ExportTraceServiceRequestSchema } from "../../src/gen/opentelemetry/proto/collector/trace/v1/trace_service_pb.js";
import type { KeyValue } from "../../src/gen/opentelemetry/proto/common/v1/common_pb.js";
import { Span_SpanKind } from "../../src/gen/opentelemetry/proto/trace/v1/trace_pb.js";

/** RFC 6587 section 3.4.1: `123 <134>1 …`. */
const FRAME_LENGTH = /^(\d{1,7}) /;

export interface Receiver {
  /** Of its exporter, too. */
  readonly name: string;
  readonly signal: "logs" | "traces";
  /** What an exporter to it says of it. */
  readonly target: object;
  readonly came: readonly string[];
  /** Nobody is there any more, whether or not somebody was. */
  stop(): Promise<void>;
  /** Again, at the same place. */
  start(): Promise<void>;
}

/** Each of them is there. The caller stops them. `folder`: for the file. */
export async function startReceivers(folder: string): Promise<readonly Receiver[]> {
  const http = [bulk, loki, otlpLogs, otlpTraces, zipkin].map((kind) => new HttpReceiver(kind()));
  const all = [...http, new ForwardReceiver(), new SyslogReceiver(), new FileReceiver(folder)];
  for (const receiver of all) await receiver.start();
  return all;
}

interface HttpKind {
  readonly name: string;
  readonly signal: "logs" | "traces";
  targetAt(url: string): object;
  /** The records of a body, and the answer. */
  read(body: Buffer): { readonly records: readonly string[]; readonly answer?: string };
}

class HttpReceiver implements Receiver {
  readonly name: string;
  readonly signal: "logs" | "traces";
  readonly came: string[] = [];
  readonly #kind: HttpKind;
  #server: HttpServer | undefined;
  #port = 0;

  constructor(kind: HttpKind) {
    this.#kind = kind;
    this.name = kind.name;
    this.signal = kind.signal;
  }

  get target(): object {
    return this.#kind.targetAt(`http://127.0.0.1:${this.#port}`);
  }

  async start(): Promise<void> {
    const server = createHttpServer((request, response) => {
      request.on("error", () => undefined);
      buffer(request).then(
        (body) => {
          const { records, answer = "" } = this.#kind.read(gunzipSync(body));
          this.came.push(...records);
          response.end(answer);
        },
        // It was stopped in the middle of a request.
        () => undefined,
      );
    }).listen(this.#port, "127.0.0.1");
    await once(server, "listening");
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server?.close(resolve));
    this.#server?.closeAllConnections();
    await closed;
  }
}

/** Documents have ids: one that is created again is there already, and says 409. */
function bulk(): HttpKind {
  const ids = new Set<string>();
  return {
    ...{ name: "bulk", signal: "logs" },
    targetAt: (url) => ({ elasticsearch: { endpoint: url, index: "access" } }),
    read: (body) => {
      const lines = body.toString("utf8").trimEnd().split("\n");
      const items: object[] = [];
      const records: string[] = [];
      for (let index = 0; index < lines.length; index += 2) {
        const id: string = JSON.parse(lines[index] ?? "").create._id;
        const { tulle, url } = JSON.parse(lines[index + 1] ?? "");
        const isThere = ids.has(id);
        items.push({ create: { _id: id, status: isThere ? 409 : 201 } });
        if (!isThere) records.push(`${tulle.reporter} ${url.path}`);
        ids.add(id);
      }
      const errors = records.length < items.length;
      return { records, answer: JSON.stringify({ errors, items }) };
    },
  };
}

/** Loki keeps one of two entries with the same time and line in a stream. */
function loki(): HttpKind {
  const seen = new Set<string>();
  return {
    ...{ name: "loki", signal: "logs" },
    targetAt: (url) => ({ loki: { endpoint: url } }),
    read: (body) => {
      const { streams } = JSON.parse(body.toString("utf8")) as {
        readonly streams: readonly {
          readonly stream: Readonly<Record<string, string>>;
          readonly values: readonly (readonly [time: string, line: string])[];
        }[];
      };
      const records = streams.flatMap(({ stream, values }) =>
        values.flatMap(([time, line]) => {
          const key = `${JSON.stringify(stream)} ${time} ${line}`;
          if (seen.has(key)) return [];
          seen.add(key);
          return [lineRecord(line)];
        }),
      );
      return { records };
    },
  };
}

function otlpLogs(): HttpKind {
  return {
    ...{ name: "otlp-logs", signal: "logs" },
    targetAt: (endpoint) => ({ otlp: { endpoint }, signals: ["Logs"] }),
    read: (body) => {
      const { resourceLogs } = fromBinary(ExportLogsServiceRequestSchema, body);
      const all = resourceLogs.flatMap(({ scopeLogs }) => scopeLogs);
      const records = all.flatMap(({ logRecords }) =>
        logRecords.map(({ attributes }) =>
          record(textAt(attributes, "mesh.reporter"), textAt(attributes, "url.path")),
        ),
      );
      return { records };
    },
  };
}

function otlpTraces(): HttpKind {
  return {
    ...{ name: "otlp-traces", signal: "traces" },
    targetAt: (endpoint) => ({ otlp: { endpoint }, signals: ["Traces"] }),
    read: (body) => {
      const { resourceSpans } = fromBinary(ExportTraceServiceRequestSchema, body);
      const all = resourceSpans.flatMap(({ scopeSpans }) => scopeSpans);
      const records = all.flatMap(({ spans }) =>
        spans.map(({ kind, attributes }) =>
          spanRecord(Span_SpanKind[kind] ?? "", (name) => textAt(attributes, name)),
        ),
      );
      return { records };
    },
  };
}

/** Zipkin puts spans with the same ids together. */
function zipkin(): HttpKind {
  const seen = new Set<string>();
  return {
    ...{ name: "zipkin", signal: "traces" },
    targetAt: (url) => ({ zipkin: { endpoint: `${url}/api/v2/spans` } }),
    read: (body) => {
      const spans = JSON.parse(body.toString("utf8")) as readonly ZipkinDocument[];
      const records = spans.flatMap(({ id, kind, tags }) => {
        if (seen.has(id)) return [];
        seen.add(id);
        return [spanRecord(kind, (name) => tags[name] ?? "")];
      });
      return { records };
    },
  };
}

/** The server of `@fluent-org/logger`. */
class ForwardReceiver implements Receiver {
  readonly name = "forward";
  readonly signal = "logs";
  readonly came: string[] = [];
  #server: FluentServer | undefined;
  #port = 0;

  get target(): object {
    return { forward: { host: "127.0.0.1", port: this.#port } };
  }

  async start(): Promise<void> {
    const server = new FluentServer({ listenOptions: { host: "127.0.0.1", port: this.#port } });
    server.on("entry", (_tag: string, _time: unknown, { reporter, path }: LineDocument) => {
      this.came.push(record(reporter, path));
    });
    await server.listen();
    this.#server = server;
    this.#port = server.port ?? assert.fail("it does not listen");
  }

  async stop(): Promise<void> {
    await this.#server?.close();
  }
}

/** By TCP. It reads what is on its way before it goes: the protocol acknowledges nothing. */
class SyslogReceiver implements Receiver {
  readonly name = "syslog";
  readonly signal = "logs";
  readonly came: string[] = [];
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;

  get target(): object {
    return { syslog: { host: "127.0.0.1", port: this.#port } };
  }

  async start(): Promise<void> {
    const server = createServer((socket) => this.#read(socket)).listen(this.#port, "127.0.0.1");
    await once(server, "listening");
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server?.close(resolve));
    for (const socket of this.#sockets) socket.end();
    await closed;
  }

  #read(socket: Socket): void {
    this.#sockets.add(socket);
    let held = "";
    socket.setEncoding("utf8");
    socket.on("error", () => undefined);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("data", (text: string) => {
      held += text;
      for (;;) {
        const match = FRAME_LENGTH.exec(held);
        if (match === null) return;
        const [head, length] = match;
        const bytes = Buffer.from(held.slice(head.length));
        if (bytes.length < Number(length)) return;
        const message = bytes.subarray(0, Number(length)).toString("utf8");
        held = bytes.subarray(Number(length)).toString("utf8");
        this.came.push(lineRecord(message.slice(message.indexOf("{"))));
      }
    });
  }
}

/** Away is a folder that is not there, as of a disk that is not mounted. */
class FileReceiver implements Receiver {
  readonly name = "file";
  readonly signal = "logs";
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = join(folder, "logs");
    mkdirSync(this.#aside);
  }

  get #aside(): string {
    return `${this.#folder}-away`;
  }

  get target(): object {
    return { file: { path: join(this.#folder, "access.log") }, signals: ["Logs"] };
  }

  get came(): readonly string[] {
    const path = join(this.#folder, "access.log");
    if (!existsSync(path)) return [];
    const lines = readFileSync(path, "utf8").split("\n");
    return lines.slice(0, -1).map(lineRecord);
  }

  async start(): Promise<void> {
    renameSync(this.#aside, this.#folder);
  }

  async stop(): Promise<void> {
    if (existsSync(this.#folder)) renameSync(this.#folder, this.#aside);
  }
}

interface ZipkinDocument {
  readonly id: string;
  readonly kind: string;
  readonly tags: Readonly<Record<string, string>>;
}

interface LineDocument {
  readonly reporter: string;
  readonly path: string;
}

/** Of a line of an access log as exporters write them, or of a span as a file has it. */
export function lineRecord(line: string): string {
  const parsed = JSON.parse(line) as LineDocument | ZipkinDocument;
  if ("tags" in parsed) return spanRecord(parsed.kind, (name) => parsed.tags[name] ?? "");
  return record(parsed.reporter, parsed.path);
}

/** OpenTelemetry: servers tell `url.path`, clients `url.full`. */
function spanRecord(kind: string, attribute: (name: string) => string): string {
  const full = attribute("url.full");
  return record(kind, full === "" ? attribute("url.path") : new URL(full).pathname);
}

/** Without its query: spans do not tell it. */
function record(who: string, path: string): string {
  return `${who} ${path.replace(/\?.*$/, "")}`;
}

function textAt(attributes: readonly KeyValue[], name: string): string {
  return String(attributes.find(({ key }) => key === name)?.value?.value.value ?? "");
}
