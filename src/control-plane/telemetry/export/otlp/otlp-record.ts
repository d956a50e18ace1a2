/**
 * Spans, logs and figures as bytes of OTLP (opentelemetry.proto 1.x), each with the bytes of its resource before it, so that a
 * request is put together without decoding anything: records of one resource that follow each other share it.
 */
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type {
  Attributes,
  AttributeValue,
  LogEvent,
  SpanRecord,
  TelemetryResource,
} from "../../telemetry-record.ts";
import type { ExportSignal, ResourceFigures } from "../export-target.ts";
import { messageOf, severityText } from "../log-document.ts";

const SCOPE = "tulle";
const HEAD_BYTES = 4;
const { LengthDelimited, Varint, Bit64 } = WireType;
/** SpanKind of trace.proto. */
const KINDS = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;
/** Status.StatusCode of trace.proto. */
const STATUSES = { unset: 0, ok: 1, error: 2 } as const;

export function encodeSpan(span: SpanRecord): Buffer {
  const writer = new BinaryWriter();
  const text = (field: number, value: string): void => {
    if (value !== "") writer.tag(field, LengthDelimited).string(value);
  };
  writer.tag(1, LengthDelimited).bytes(Buffer.from(span.traceId, "hex"));
  writer.tag(2, LengthDelimited).bytes(Buffer.from(span.spanId, "hex"));
  text(3, span.traceState);
  if (span.parentSpanId !== "") {
    writer.tag(4, LengthDelimited).bytes(Buffer.from(span.parentSpanId, "hex"));
  }
  text(5, span.name);
  writer.tag(6, Varint).int32(KINDS[span.kind]);
  writer.tag(7, Bit64).fixed64(span.startNs);
  writer.tag(8, Bit64).fixed64(span.endNs);
  writeAttributes(writer, 9, span.attributes);
  for (const event of span.events) {
    writer.tag(11, LengthDelimited).fork();
    writer.tag(1, Bit64).fixed64(event.timeNs);
    writer.tag(2, LengthDelimited).string(event.name);
    writeAttributes(writer, 3, event.attributes);
    writer.join();
  }
  if (span.status !== "unset") {
    writer.tag(15, LengthDelimited).fork();
    text(2, span.statusMessage);
    writer.tag(3, Varint).int32(STATUSES[span.status]).join();
  }
  return withResource(resourceBytes(span.resource), writer.finish());
}

export function encodeLog(event: LogEvent): Buffer {
  const writer = new BinaryWriter();
  writer.tag(1, Bit64).fixed64(event.timeNs);
  writer.tag(11, Bit64).fixed64(event.timeNs);
  writer.tag(2, Varint).int32(event.severity);
  writer.tag(3, LengthDelimited).string(severityText(event.severity));
  writer.tag(5, LengthDelimited).fork();
  writer.tag(1, LengthDelimited).string(messageOf(event)).join();
  writeAttributes(writer, 6, event.attributes);
  if (event.traceId !== "") {
    writer.tag(9, LengthDelimited).bytes(Buffer.from(event.traceId, "hex"));
  }
  if (event.spanId !== "") {
    writer.tag(10, LengthDelimited).bytes(Buffer.from(event.spanId, "hex"));
  }
  if (event.eventName !== "") writer.tag(12, LengthDelimited).string(event.eventName);
  return withResource(resourceBytes(event.resource), writer.finish());
}

/** Figures are a message with their resource in it already. */
export function encodeFigures({ bytes }: ResourceFigures): Buffer {
  return withResource(new Uint8Array(), bytes);
}

/** The Export…ServiceRequest of encoded records. */
export function exportRequest(signal: ExportSignal, records: readonly Buffer[]): Buffer {
  const writer = new BinaryWriter();
  let open: Buffer | undefined;
  const close = (): void => {
    if (open !== undefined) writer.join().join();
  };
  for (const record of records) {
    const end = HEAD_BYTES + record.readUInt32LE(0);
    const [resource, message] = [record.subarray(HEAD_BYTES, end), record.subarray(end)];
    if (signal === "metrics") {
      writer.tag(1, LengthDelimited).bytes(message);
      continue;
    }
    if (open === undefined || !open.equals(resource)) {
      close();
      open = resource;
      // ResourceSpans and ResourceLogs have the same fields.
      writer.tag(1, LengthDelimited).fork().tag(1, LengthDelimited).bytes(resource);
      writer.tag(2, LengthDelimited).fork();
      writer.tag(1, LengthDelimited).fork().tag(1, LengthDelimited).string(SCOPE).join();
    }
    writer.tag(2, LengthDelimited).bytes(message);
  }
  close();
  return Buffer.from(writer.finish());
}

function withResource(resource: Uint8Array, message: Uint8Array): Buffer {
  const head = Buffer.allocUnsafe(HEAD_BYTES);
  head.writeUInt32LE(resource.length, 0);
  return Buffer.concat([head, resource, message]);
}

function resourceBytes(resource: TelemetryResource): Uint8Array {
  const writer = new BinaryWriter();
  writeAttributes(writer, 1, resourceAttributes(resource));
  return writer.finish();
}

/** What it told, with what the receiver knows better. */
export function resourceAttributes(resource: TelemetryResource): Attributes {
  const { service, namespace, version, instance, attributes } = resource;
  return {
    ...attributes,
    "service.name": service,
    "service.namespace": namespace,
    ...(version === "" ? {} : { "service.version": version }),
    ...(instance === "" ? {} : { "service.instance.id": instance }),
  };
}

function writeAttributes(writer: BinaryWriter, field: number, attributes: Attributes): void {
  for (const key in attributes) {
    const value = attributes[key];
    if (value === undefined) continue;
    writer.tag(field, LengthDelimited).fork();
    writer.tag(1, LengthDelimited).string(key);
    writer.tag(2, LengthDelimited).fork();
    writeValue(writer, value);
    writer.join().join();
  }
}

/** AnyValue of common.proto. */
function writeValue(writer: BinaryWriter, value: AttributeValue): void {
  if (typeof value === "string") writer.tag(1, LengthDelimited).string(value);
  else if (typeof value === "boolean") writer.tag(2, Varint).bool(value);
  else if (typeof value === "number") {
    if (Number.isSafeInteger(value)) writer.tag(3, Varint).int64(value);
    else writer.tag(4, Bit64).double(value);
  } else {
    writer.tag(5, LengthDelimited).fork();
    for (const one of value) {
      writer.tag(1, LengthDelimited).fork();
      writeValue(writer, one);
      writer.join();
    }
    writer.join();
  }
}
