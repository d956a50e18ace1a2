/**
 * OTLP/HTTP for apps that send spans of their own, and for Envoys: protobuf and JSON, gzip. It listens on loopback only and
 * asks nobody who he is, so nothing that comes this way proves an identity.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import type { Component } from "../../core/component.ts";
import type { Logger } from "../../core/logger.ts";
import { controlPlaneError } from "../errors.ts";
import { bindOrFallBack, formatAddress, type ListenAddress } from "../listen-address.ts";
import { OTLP_HTTP_CONNECTIONS_MAX, TELEMETRY_MESSAGE_BYTES_MAX } from "./limits.ts";
import { exportResponse } from "./otlp-grpc-service.ts";
import type { TelemetryIntake, TelemetrySignal } from "./telemetry-intake.ts";

const TIMEOUT_MS = 10_000;
const PATHS: Readonly<Record<string, TelemetrySignal>> = {
  "/v1/traces": "traces",
  "/v1/logs": "logs",
  "/v1/metrics": "metrics",
};
const REJECTED_FIELD = {
  traces: "rejectedSpans",
  logs: "rejectedLogRecords",
  metrics: "rejectedDataPoints",
} as const;
const OPTION = "--otlp-address";
const unzip = promisify(gunzip);

export interface OtlpHttpListenerOptions {
  readonly address: ListenAddress;
  readonly intake: Pick<TelemetryIntake, "take">;
  readonly log: Logger;
}

/** An answer other than success. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export class OtlpHttpListener implements Component {
  readonly name = "OTLP listener";
  readonly #options: OtlpHttpListenerOptions;
  #server: Server | undefined;
  #address = "";

  /** Throws `option-invalid` for an address that others reach. */
  constructor(options: OtlpHttpListenerOptions) {
    const { host } = options.address;
    if (!host.startsWith("127.") && host !== "::1") {
      throw controlPlaneError(
        { code: "option-invalid", option: OPTION },
        `${OPTION}: ${host} is no loopback address: whoever reaches it may send anything; other machines send by their sidecars`,
      );
    }
    this.#options = options;
  }

  /** `host:port`. Empty until started. */
  get address(): string {
    return this.#address;
  }

  async start(): Promise<void> {
    const { address, log } = this.#options;
    const server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
    server.maxConnections = OTLP_HTTP_CONNECTIONS_MAX;
    server.requestTimeout = TIMEOUT_MS;
    server.headersTimeout = TIMEOUT_MS;
    this.#server = server;
    const what = { name: "the OTLP listener", option: OPTION };
    const port = await bindOrFallBack(address, what, (host, wanted) =>
      listen(server, host, wanted),
    );
    this.#address = formatAddress(address.host, port);
    log.info("OTLP listener ready", { address: this.#address });
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const isJson = mediaTypeOf(request) === "application/json";
    try {
      const signal = signalOf(request);
      if (!isJson && mediaTypeOf(request) !== "application/x-protobuf") {
        throw new Refusal(415, "send application/x-protobuf or application/json");
      }
      const body = await bodyOf(request);
      const message = isJson ? body.toString("utf8") : body;
      const result = this.#options.intake.take(signal, message, { principal: "" });
      if (result.kind === "malformed") throw new Refusal(400, result.message);
      if (result.kind === "busy") {
        // OTLP/HTTP, "OTLP/HTTP Throttling".
        response.setHeader("retry-after", "1");
        throw new Refusal(503, result.message);
      }
      const bytes = isJson ? jsonResponse(signal, result) : exportResponse(signal, result);
      response.writeHead(200, { "content-type": contentType(isJson) });
      response.end(bytes);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const bytes = isJson ? JSON.stringify({ message: error.message }) : statusOf(error.message);
      // What is left of the body is not read.
      response.writeHead(error.status, {
        "content-type": contentType(isJson),
        ...(request.complete ? {} : { connection: "close" }),
      });
      response.end(bytes);
    }
  }
}

function signalOf({ method, url = "", headers }: IncomingMessage): TelemetrySignal {
  const signal = PATHS[url.split("?")[0] ?? ""];
  if (signal === undefined) throw new Refusal(404, `POST to ${Object.keys(PATHS).join(", ")}`);
  if (method !== "POST") throw new Refusal(405, `POST, not ${method}`);
  // A page in a browser of this machine is no app.
  if (headers.origin !== undefined) throw new Refusal(403, "browsers may not send telemetry");
  return signal;
}

function mediaTypeOf({ headers }: IncomingMessage): string {
  return (headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
}

function contentType(isJson: boolean): string {
  return isJson ? "application/json" : "application/x-protobuf";
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const encoding = request.headers["content-encoding"] ?? "identity";
  if (encoding !== "gzip" && encoding !== "identity") {
    throw new Refusal(415, `content-encoding: ${encoding}; use gzip or none`);
  }
  const chunks: Buffer[] = [];
  let size = 0;
  // Leaving the loop must not close the connection, which the answer still needs.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += chunk.length;
    if (size > TELEMETRY_MESSAGE_BYTES_MAX) throw tooLarge();
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  if (encoding === "identity") return body;
  try {
    return await unzip(body, { maxOutputLength: TELEMETRY_MESSAGE_BYTES_MAX });
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge();
    throw new Refusal(400, "the body is no gzip");
  }
}

function tooLarge(): Refusal {
  return new Refusal(413, `more than ${TELEMETRY_MESSAGE_BYTES_MAX} bytes`);
}

function jsonResponse(
  signal: TelemetrySignal,
  { rejected, message }: { readonly rejected: number; readonly message: string },
): string {
  if (rejected === 0) return "{}";
  return JSON.stringify({
    partialSuccess: { [REJECTED_FIELD[signal]]: String(rejected), errorMessage: message },
  });
}

/** A google.rpc.Status with a message, which is its field 2 (OTLP/HTTP, "Failures"). */
function statusOf(message: string): Uint8Array {
  const text = Buffer.from(message.slice(0, 100).replaceAll(/[^\x20-\x7e]/g, "?"));
  return Buffer.concat([Buffer.from([0x12, text.length]), text]);
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      const bound = server.address();
      resolve(bound !== null && typeof bound === "object" ? bound.port : port);
    });
  });
}
