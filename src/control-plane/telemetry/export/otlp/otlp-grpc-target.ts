/** OTLP/gRPC (OTLP specification 1.x). */
import { isIP } from "node:net";
import { checkServerIdentity } from "node:tls";
import { fromBinary } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  compressionAlgorithms,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { StatusSchema } from "../../../../gen/google/rpc/status_pb.js";
import {
  type ExportSignal,
  type ExportTarget,
  refusedAll,
  retryAll,
  type SendOutcome,
} from "../export-target.ts";
import { authenticationHeaders, type TlsMaterial, tlsMaterial } from "../http/credentials.ts";
import type { HttpDelivery } from "../http/http-sender.ts";
import { partialOutcome } from "./otlp-http-target.ts";
import { exportRequest } from "./otlp-record.ts";

const METHODS = {
  traces: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
  logs: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
  metrics: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
  audit: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
} as const satisfies Readonly<Record<ExportSignal, string>>;

/** "Failures": the retryable ones. RESOURCE_EXHAUSTED is one only with a RetryInfo. */
const RETRYABLE: ReadonlySet<number> = new Set([
  status.CANCELLED,
  status.DEADLINE_EXCEEDED,
  status.ABORTED,
  status.OUT_OF_RANGE,
  status.UNAVAILABLE,
  status.DATA_LOSS,
]);
const RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo";
const GZIP = compressionAlgorithms.gzip;
/** Our own pauses are the ones that count: the channel tries whenever we do. */
const RECONNECT_MS = 1000;
/** RFC 6066 section 3: an address is no server name, and the runtime refuses it; the library always sends one. */
const ADDRESS_NAME = "address.invalid";
const same = (bytes: Buffer): Buffer => bytes;

export class OtlpGrpcTarget implements ExportTarget {
  readonly place: string;
  readonly #signal: ExportSignal;
  readonly #url: URL;
  readonly #options: HttpDelivery;
  #client: Client | undefined;
  /** What the client was made of. */
  #material = "";

  constructor(endpoint: string, signal: ExportSignal, options: HttpDelivery) {
    this.#signal = signal;
    this.#url = new URL(endpoint);
    this.#options = options;
    this.place = `${this.#url.origin} (gRPC)`;
  }

  async send(batch: readonly Buffer[], signal: AbortSignal): Promise<SendOutcome> {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(
      authenticationHeaders(this.#options.authentication),
    )) {
      metadata.set(name, value);
    }
    const client = this.#clientNow();
    const request = exportRequest(this.#signal, batch);
    return await new Promise((resolve) => {
      const call = client.makeUnaryRequest(
        ...[METHODS[this.#signal], same, same, request, metadata],
        (error: ServiceError | null, body?: Buffer) => {
          signal.removeEventListener("abort", cancel);
          resolve(
            error === null ? partialOutcome(batch, body ?? Buffer.alloc(0)) : judge(batch, error),
          );
        },
      );
      const cancel = (): void => call.cancel();
      signal.addEventListener("abort", cancel);
      if (signal.aborted) cancel();
    });
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  /** New files mean a new channel. */
  #clientNow(): Client {
    const material = tlsMaterial(this.#options.tls);
    const text = JSON.stringify(material);
    if (this.#client !== undefined && text === this.#material) return this.#client;
    this.#client?.close();
    this.#material = text;
    const { hostname, port, protocol } = this.#url;
    const isSecure = protocol === "https:";
    const host = hostname.replace(/^\[(.*)\]$/, "$1");
    const name = material.servername ?? (isIP(host) === 0 ? undefined : ADDRESS_NAME);
    const options: ChannelOptions = {
      "grpc.initial_reconnect_backoff_ms": RECONNECT_MS,
      "grpc.max_reconnect_backoff_ms": RECONNECT_MS,
      "grpc.use_local_subchannel_pool": 1,
      ...(this.#options.isCompressed ? { "grpc.default_compression_algorithm": GZIP } : {}),
      ...(name === undefined ? {} : { "grpc.ssl_target_name_override": name }),
    };
    this.#client = new Client(
      `${hostname}:${port || (isSecure ? 443 : 80)}`,
      isSecure ? secured(material, host) : credentials.createInsecure(),
      options,
    );
    return this.#client;
  }
}

/** The certificate is held against the name that we want, or the address that we dial. */
function secured({ ca, key, cert, servername }: TlsMaterial, host: string): ChannelCredentials {
  const bytes = (pem: string | undefined): Buffer | null =>
    pem === undefined ? null : Buffer.from(pem);
  return credentials.createSsl(bytes(ca), bytes(key), bytes(cert), {
    checkServerIdentity: (_name, certificate) =>
      checkServerIdentity(servername ?? host, certificate),
  });
}

function judge(batch: readonly Buffer[], error: ServiceError): SendOutcome {
  const reason = `${status[error.code]}: ${error.details}`;
  const pauseMs = retryDelayMs(error.metadata);
  const isRetryable =
    RETRYABLE.has(error.code) ||
    (error.code === status.RESOURCE_EXHAUSTED && pauseMs !== undefined);
  return isRetryable ? retryAll(reason, pauseMs ?? 0) : refusedAll(batch, reason);
}

/** google.rpc.RetryInfo has one field, a Duration, in the details of the status. */
function retryDelayMs(metadata: Metadata): number | undefined {
  const [bytes] = metadata.get("grpc-status-details-bin");
  if (!(bytes instanceof Buffer)) return undefined;
  try {
    const { details } = fromBinary(StatusSchema, bytes);
    const info = details.find(({ typeUrl }) => typeUrl === RETRY_INFO);
    if (info === undefined) return undefined;
    // Tag and length of field 1 come before the Duration itself.
    const { seconds, nanos } = fromBinary(DurationSchema, info.value.subarray(2));
    return Number(seconds) * 1000 + nanos / 1_000_000;
  } catch {
    return undefined;
  }
}
