/** Audit records as OpenTelemetry logs: OTLP/HTTP with JSON (OTLP specification 1.x, section OTLP/HTTP). */
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { AuditRecord } from "../../telemetry/audit/audit-record.ts";
import type { AuditTarget } from "./export-queue.ts";

const TIMEOUT_MS = 10_000;
/** OTLP/HTTP, "Retryable Response Codes". Others would be refused again. */
const RETRYABLE = new Set([429, 502, 503, 504]);
/** Logs data model, SeverityNumber. */
const SEVERITY = { ok: [9, "INFO"], refused: [13, "WARN"], failed: [17, "ERROR"] } as const;

export interface ExportContext {
  readonly mesh: string;
  readonly version: string;
  /** Sent with OTLP: name and value. */
  readonly otlpHeaders: readonly (readonly [string, string])[];
}

type Value =
  | { readonly stringValue: string }
  | { readonly intValue: string }
  | { readonly boolValue: boolean };

interface Attribute {
  readonly key: string;
  readonly value: Value;
}

export class OtlpTarget implements AuditTarget {
  readonly name: string;
  readonly #url: URL;
  readonly #context: ExportContext;
  readonly #closing = new AbortController();

  constructor(url: URL, context: ExportContext) {
    this.#url = url;
    this.#context = context;
    this.name = `otlp:${url.host}`;
  }

  async send(records: readonly AuditRecord[]): Promise<void> {
    const body = JSON.stringify(otlpLogs(records, this.#context));
    const headers = Object.fromEntries(this.#context.otlpHeaders);
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const status = await post(this.#url, { body, headers, signal });
    if (RETRYABLE.has(status)) throw new Error(`status ${status}`);
  }

  close(): void {
    this.#closing.abort();
  }
}

/** The ExportLogsServiceRequest, in the JSON mapping of OTLP: 64-bit numbers are texts. */
export function otlpLogs(
  records: readonly AuditRecord[],
  { mesh, version }: Pick<ExportContext, "mesh" | "version">,
): object {
  return {
    resourceLogs: [
      {
        resource: {
          attributes: [
            text("service.name", "tulle-control-plane"),
            text("service.version", version),
            text("tulle.mesh", mesh),
          ],
        },
        scopeLogs: [
          { scope: { name: "tulle.audit", version }, logRecords: records.map(logRecord) },
        ],
      },
    ],
  };
}

function logRecord(record: AuditRecord): object {
  const { actor, object, details = {} } = record;
  const [severityNumber, severityText] = SEVERITY[record.outcome] ?? SEVERITY.ok;
  const nanos = `${Date.parse(record.time)}000000`;
  const optional = [
    ["tulle.audit.actor", actor?.name],
    ["tulle.audit.role", actor?.role],
    ["tulle.audit.method", actor?.method],
    ["client.address", actor?.address],
    ["tulle.object.kind", object?.kind],
    ["tulle.object.namespace", object?.namespace],
    ["tulle.object.name", object?.name],
  ] as const;
  return {
    timeUnixNano: nanos,
    observedTimeUnixNano: nanos,
    severityNumber,
    severityText,
    eventName: `tulle.audit.${record.kind}`,
    body: { stringValue: record.message ?? `${record.kind} ${record.action}` },
    attributes: [
      { key: "tulle.audit.seq", value: { intValue: String(record.seq) } },
      text("tulle.audit.kind", record.kind),
      text("tulle.audit.action", record.action),
      text("tulle.audit.outcome", record.outcome),
      text("tulle.audit.prev", record.prev),
      text("tulle.audit.hash", record.hash),
      ...optional.flatMap(([key, value]) =>
        value === undefined || value === "" ? [] : [text(key, value)],
      ),
      ...Object.entries(details).map(([key, value]) => attribute(`tulle.details.${key}`, value)),
    ],
  };
}

function text(key: string, value: string): Attribute {
  return { key, value: { stringValue: value } };
}

function attribute(key: string, value: unknown): Attribute {
  if (typeof value === "boolean") return { key, value: { boolValue: value } };
  if (Number.isSafeInteger(value)) return { key, value: { intValue: String(value) } };
  return text(key, typeof value === "string" ? value : JSON.stringify(value));
}

function post(
  url: URL,
  sent: {
    readonly body: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
  },
): Promise<number> {
  const request = url.protocol === "https:" ? httpsRequest : httpRequest;
  const headers = {
    ...sent.headers,
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(sent.body)),
  };
  return new Promise((resolve, reject) => {
    const options = { method: "POST", agent: false, headers, signal: sent.signal };
    const outgoing = request(url, options, (response) => {
      response.resume();
      response.on("error", reject);
      response.on("end", () => resolve(response.statusCode ?? 0));
    });
    outgoing.on("error", reject);
    outgoing.end(sent.body);
  });
}
