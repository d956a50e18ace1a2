/**
 * Log records as OTLP's ExportLogsServiceRequest (opentelemetry.proto.collector.logs.v1). A record is encoded when it is
 * taken: nothing of its request is kept.
 */
import type { AccessLogEntry } from "../access-log/log-entry.ts";
import { type LogValue, textOfValue } from "../access-log/operators.ts";
import type { Labels } from "../metric-family.ts";
import { FLAG } from "../response-flag.ts";
import { ACCESS_ATTRIBUTE, ACCESS_EVENT, SECURITY_EVENT } from "./access-log-attributes.ts";
import { fieldLength, ProtoBuffer, varintLength } from "./metrics-wire.ts";
import { securityDetails } from "./security-record.ts";

/** SeverityNumber of OTLP. */
const SEVERITY_INFO = 9;
const SEVERITY_ERROR = 17;
/** Fields of LogRecord. */
const BODY = 5;
const ATTRIBUTES = 6;
const TRACE_ID = 9;
const SPAN_ID = 10;
const EVENT_NAME = 12;
const TRACE_DIGITS = 32;
const SPAN_DIGITS = 16;

export interface RecordAttribute {
  readonly name: string;
  read(entry: AccessLogEntry): LogValue;
}

/** An attribute whose name is encoded once, not for each record. */
interface EncodedAttribute {
  readonly name: string;
  /** The field `key` of KeyValue. */
  readonly key: Uint8Array;
  readonly read: RecordAttribute["read"];
}

/** What records of one log say. */
export class RecordFormat {
  readonly attributes: readonly EncodedAttribute[];
  readonly body: ((entry: AccessLogEntry) => LogValue) | undefined;

  constructor(
    attributes: readonly RecordAttribute[],
    body: ((entry: AccessLogEntry) => LogValue) | undefined,
  ) {
    const out = new ProtoBuffer();
    this.attributes = attributes.map(({ name, read }) => {
      out.text(1, name);
      return { name, key: out.take(), read };
    });
    this.body = body;
  }
}

/** Records on their way to one receiver. */
export class LogsMessage {
  readonly #head: Uint8Array;
  readonly #scope: Uint8Array;
  readonly #records = new ProtoBuffer();
  readonly #record = new ProtoBuffer();
  #count = 0;

  constructor(resource: Labels, scope: { readonly name: string; readonly version: string }) {
    const attributes = new ProtoBuffer();
    for (const [name, value] of Object.entries(resource)) writeText(attributes, 1, name, value);
    const resourceBytes = attributes.take();
    const out = new ProtoBuffer();
    out.open(1, resourceBytes.length);
    out.raw(resourceBytes);
    this.#head = out.take();
    out.text(1, scope.name);
    out.text(2, scope.version);
    const scopeBytes = out.take();
    out.open(1, scopeBytes.length);
    out.raw(scopeBytes);
    this.#scope = out.take();
  }

  get count(): number {
    return this.#count;
  }

  /** Bytes of the records. */
  get length(): number {
    return this.#records.length;
  }

  add(entry: AccessLogEntry, format: RecordFormat): void {
    const out = this.#record;
    out.time(1, entry.startTimeMs);
    out.enumeration(2, isFailure(entry) ? SEVERITY_ERROR : SEVERITY_INFO);
    const body = format.body?.(entry);
    if (body !== undefined) {
      const text = textOfValue(body);
      out.open(BODY, textLength(text));
      out.text(1, text);
    }
    let eventName = "";
    for (const { name, key, read } of format.attributes) {
      const value = read(entry);
      if (value === undefined || value === "-") continue;
      if (name === ACCESS_ATTRIBUTE.eventName) eventName = String(value);
      else writeAttribute(out, key, value);
    }
    if (eventName === ACCESS_EVENT) eventName = this.#tellSecurity(entry);
    const { traceId, spanId } = entry;
    if (traceId?.length === TRACE_DIGITS) writeId(out, TRACE_ID, traceId);
    if (spanId?.length === SPAN_DIGITS) writeId(out, SPAN_ID, spanId);
    // OTLP: the time at which it was seen, for receivers that look at nothing else.
    out.time(11, entry.startTimeMs + entry.durationMs);
    if (eventName !== "") out.text(EVENT_NAME, eventName);
    const record = out.take();
    this.#records.open(2, record.length);
    this.#records.raw(record);
    this.#count += 1;
  }

  /** What of a denial stands in details and reasons, in attributes of its own. Returns the record's name. */
  #tellSecurity(entry: AccessLogEntry): string {
    const details = securityDetails(entry);
    if (details === undefined) return ACCESS_EVENT;
    const { policy, rule, reason } = details;
    if (policy !== "") writeText(this.#record, ATTRIBUTES, ACCESS_ATTRIBUTE.policy, policy);
    if (rule !== "") writeText(this.#record, ATTRIBUTES, ACCESS_ATTRIBUTE.policyRule, rule);
    writeText(this.#record, ATTRIBUTES, ACCESS_ATTRIBUTE.policyReason, reason);
    return SECURITY_EVENT;
  }

  /** The request; begins anew. */
  take(): Uint8Array {
    const records = this.#records.take();
    this.#count = 0;
    const scopeLength = this.#scope.length + records.length;
    const out = new ProtoBuffer();
    out.open(1, this.#head.length + fieldLength(scopeLength));
    out.raw(this.#head);
    out.open(2, scopeLength);
    out.raw(this.#scope);
    out.raw(records);
    return out.take();
  }
}

/** `event.outcome` of ECS has the same rule: 500 and above, no answer, gRPC other than OK, a flag of a failure. */
function isFailure({ responseCode, grpcStatus, flag, method }: AccessLogEntry): boolean {
  if (flag !== FLAG.none && flag !== FLAG.RFCF && flag !== FLAG.DI) return true;
  if (method === undefined) return false;
  return responseCode >= 500 || responseCode === 0 || (grpcStatus ?? 0) !== 0;
}

function writeAttribute(
  out: ProtoBuffer,
  key: Uint8Array,
  value: Exclude<LogValue, undefined>,
): void {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) {
    const valueLength = 1 + varintLength(value);
    out.open(ATTRIBUTES, key.length + fieldLength(valueLength));
    out.raw(key);
    out.open(2, valueLength);
    out.enumeration(3, value);
    return;
  }
  const text = textOfValue(value);
  const valueLength = textLength(text);
  out.open(ATTRIBUTES, key.length + fieldLength(valueLength));
  out.raw(key);
  out.open(2, valueLength);
  out.text(1, text);
}

function writeText(out: ProtoBuffer, field: number, name: string, value: string): void {
  const valueLength = textLength(value);
  out.open(field, textLength(name) + fieldLength(valueLength));
  out.text(1, name);
  out.open(2, valueLength);
  out.text(1, value);
}

function writeId(out: ProtoBuffer, field: number, digits: string): void {
  const bytes = Buffer.from(digits, "hex");
  out.open(field, bytes.length);
  out.raw(bytes);
}

function textLength(text: string): number {
  return fieldLength(Buffer.byteLength(text));
}
