/** OTLP/HTTP with protobuf bodies (OTLP specification 1.x). */
import { fromBinary } from "@bufbuild/protobuf";
import { StatusSchema } from "../../../../gen/google/rpc/status_pb.js";
import { ExportLogsServiceResponseSchema } from "../../../../gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.js";
import {
  type ExportSignal,
  type ExportTarget,
  refusedAll,
  retryAll,
  type SendOutcome,
} from "../export-target.ts";
import { type HttpAnswer, type HttpDelivery, HttpSender } from "../http/http-sender.ts";
import { reasonOf } from "../http/status-outcome.ts";
import { exportRequest } from "./otlp-record.ts";

/** "Retryable Response Codes": all others must not be retried. */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);
const PATHS = {
  traces: "v1/traces",
  logs: "v1/logs",
  metrics: "v1/metrics",
  audit: "v1/logs",
} as const satisfies Readonly<Record<ExportSignal, string>>;

/** The URL of a signal below the base that all have. */
export function otlpUrl(endpoint: string, signal: ExportSignal): URL {
  return new URL(`${endpoint.replace(/\/+$/, "")}/${PATHS[signal]}`);
}

export class OtlpHttpTarget implements ExportTarget {
  readonly place: string;
  readonly #signal: ExportSignal;
  readonly #url: URL;
  readonly #sender: HttpSender;

  /** `url` is the signal's own. */
  constructor(url: URL, signal: ExportSignal, delivery: HttpDelivery) {
    this.#signal = signal;
    this.#url = url;
    this.place = url.href;
    this.#sender = new HttpSender(delivery, { "content-type": "application/x-protobuf" });
  }

  async send(batch: readonly Buffer[], signal: AbortSignal): Promise<SendOutcome> {
    const answer = await this.#sender.post(this.#url, exportRequest(this.#signal, batch), signal);
    const { status, afterMs, body } = answer;
    if (status >= 200 && status < 300) return partialOutcome(batch, body);
    const reason = reasonOf(answer, statusMessage(answer));
    if (status === 413) return { kind: "too-large", reason };
    return RETRYABLE.has(status) ? retryAll(reason, afterMs) : refusedAll(batch, reason);
  }

  close(): void {
    this.#sender.close();
  }
}

/** "Partial Success": what was rejected must not be sent again. The three responses have the same fields. */
export function partialOutcome(batch: readonly Buffer[], body: Uint8Array): SendOutcome {
  const { rejected, message } = partialSuccess(body);
  return { kind: "done", rejected: Math.min(batch.length, rejected), reason: message };
}

function partialSuccess(body: Uint8Array): { readonly rejected: number; readonly message: string } {
  try {
    const { partialSuccess: partial } = fromBinary(ExportLogsServiceResponseSchema, body);
    const rejected = Number(partial?.rejectedLogRecords ?? 0n);
    return { rejected, message: partial?.errorMessage ?? "" };
  } catch {
    // A proxy in between has answered 200 with something else: the collector's word is the status.
    return { rejected: 0, message: "" };
  }
}

/** Failures carry a google.rpc.Status, in protobuf like the request. */
function statusMessage({ contentType, body }: HttpAnswer): string | undefined {
  if (!contentType.startsWith("application/x-protobuf")) return undefined;
  try {
    return fromBinary(StatusSchema, body).message;
  } catch {
    return undefined;
  }
}
