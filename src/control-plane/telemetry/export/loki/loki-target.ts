/** Loki's `POST /loki/api/v1/push`: few labels, the rest as structured metadata and in the line. */
import { ACCESS_ATTRIBUTE } from "../../../../telemetry/otlp/access-log-attributes.ts";
import type { ExportTarget, SendOutcome } from "../export-target.ts";
import { type HttpDelivery, HttpSender } from "../http/http-sender.ts";
import { statusOutcome } from "../http/status-outcome.ts";
import { type LogLine, severityText } from "../log-document.ts";

const PATH = "/loki/api/v1/push";
/** What is looked for together with labels, without reading lines. */
const METADATA: readonly (readonly [attribute: string, name: string])[] = [
  [ACCESS_ATTRIBUTE.responseCode, "response_code"],
  [ACCESS_ATTRIBUTE.responseFlags, "response_flags"],
  [ACCESS_ATTRIBUTE.method, "method"],
  [ACCESS_ATTRIBUTE.routeName, "route_name"],
  [ACCESS_ATTRIBUTE.requestId, "request_id"],
  [ACCESS_ATTRIBUTE.reporter, "reporter"],
];

/** The labels that records differ in, a line, and the entry behind it. */
export function encodeLokiEntry({ event, document }: LogLine): Buffer {
  const { resource, attributes } = event;
  const stream = {
    service_name: resource.service,
    service_namespace: resource.namespace,
    level: severityText(event.severity).toLowerCase(),
  };
  const metadata: Record<string, string> = { event_name: event.eventName };
  if (resource.instance !== "") metadata["service_instance_id"] = resource.instance;
  if (event.traceId !== "") metadata["trace_id"] = event.traceId;
  if (event.spanId !== "") metadata["span_id"] = event.spanId;
  for (const [attribute, name] of METADATA) {
    const value = attributes[attribute];
    if (value !== undefined) metadata[name] = String(value);
  }
  const entry = [String(event.timeNs), JSON.stringify(document), metadata];
  return Buffer.from(`${JSON.stringify(stream)}\n${JSON.stringify(entry)}`);
}

export interface LokiTargetOptions {
  readonly endpoint: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly tenant: string | undefined;
  readonly http: HttpDelivery;
}

export class LokiTarget implements ExportTarget {
  readonly place: string;
  readonly #url: URL;
  readonly #labels: Readonly<Record<string, string>>;
  readonly #sender: HttpSender;

  constructor({ endpoint, labels, tenant, http }: LokiTargetOptions) {
    this.#url = new URL(endpoint);
    if (this.#url.pathname === "/") this.#url.pathname = PATH;
    this.place = this.#url.href;
    this.#labels = labels;
    const scope = tenant === undefined ? {} : { "x-scope-orgid": tenant };
    this.#sender = new HttpSender(http, { "content-type": "application/json", ...scope });
  }

  async send(batch: readonly Buffer[], signal: AbortSignal): Promise<SendOutcome> {
    const body = lokiBody(batch, this.#labels);
    return statusOutcome(batch, await this.#sender.post(this.#url, body, signal));
  }

  close(): void {
    this.#sender.close();
  }
}

/** Entries by stream, each in the order that they came in. */
function lokiBody(batch: readonly Buffer[], labels: Readonly<Record<string, string>>): Buffer {
  const streams = new Map<string, string[]>();
  for (const record of batch) {
    const end = record.indexOf("\n");
    const stream = record.toString("utf8", 0, end);
    const entry = record.toString("utf8", end + 1);
    const entries = streams.get(stream);
    if (entries === undefined) streams.set(stream, [entry]);
    else entries.push(entry);
  }
  const parts = [...streams].map(([stream, entries]) => {
    const all = JSON.stringify({ ...labels, ...(JSON.parse(stream) as object) });
    return `{"stream":${all},"values":[${entries.join(",")}]}`;
  });
  return Buffer.from(`{"streams":[${parts.join(",")}]}`);
}
