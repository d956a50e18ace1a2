/**
 * Spans as OTLP's ExportTraceServiceRequest (opentelemetry.proto.collector.trace.v1), with OpenTelemetry's names for
 * HTTP and gRPC and ours where it has none. Some spans are gathered before they are encoded: where one request in a hundred
 * is told, the encoder is in no cache, and one span alone costs as much as ten in a row.
 */
import { grpcSnakeName } from "../grpc-status.ts";
import { RESPONSE_FLAGS } from "../response-flag.ts";
import { KEPT_NAMES, KEPT_NOT, KIND_CLIENT, SpanDraft } from "../trace/span-draft.ts";
import { isErrorSpan } from "../trace/span-status.ts";
import { PARENT_AT, SPAN_AT, TRACE_WORDS } from "../trace/trace-context.ts";
import { fieldLength, ProtoBuffer, varintLength } from "./metrics-wire.ts";

const NANOSECONDS = 1e6;
/** Status.code of OTLP. */
const STATUS_ERROR = 2;
/** Span.flags is a fixed32 in field 16. */
const FLAGS_FIELD = 16;
const FIXED32 = 5;
/** Span.flags bits 8 and 9: whether it is known that the parent is in another process, and that it is. */
const PARENT_IS_REMOTE = 0x300;
const ATTRIBUTES = 9;
/** Spans that wait to be encoded, with what their requests came with. */
const WAITING_MAX = 32;

/** OpenTelemetry's conventions, "http.request.method": others are told as `_OTHER`. */
const KNOWN_METHODS: ReadonlySet<string> = new Set([
  ...["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"],
]);

const NOTHING = new SpanDraft();

/** Spans on their way to one receiver. */
export class SpansMessage {
  readonly #resource: Uint8Array;
  readonly #scope: Uint8Array;
  readonly #spans = new ProtoBuffer();
  readonly #attributes = new ProtoBuffer();
  readonly #id = new Uint8Array(TRACE_WORDS * 4);
  readonly #waiting = Array.from({ length: WAITING_MAX }, () => new SpanDraft());
  #waitingCount = 0;
  /** Without those that wait. */
  #count = 0;

  constructor(
    resource: Readonly<Record<string, string>>,
    scope: { readonly name: string; readonly version: string },
  ) {
    const attributes = new ProtoBuffer();
    for (const [name, value] of Object.entries(resource)) writeText(attributes, 1, name, value);
    const resourceBytes = attributes.take();
    const scopeOut = new ProtoBuffer();
    scopeOut.text(1, scope.name);
    scopeOut.text(2, scope.version);
    const scopeBytes = scopeOut.take();
    const out = new ProtoBuffer();
    out.open(1, resourceBytes.length);
    out.raw(resourceBytes);
    this.#resource = out.take();
    out.open(1, scopeBytes.length);
    out.raw(scopeBytes);
    this.#scope = out.take();
  }

  get count(): number {
    return this.#count + this.#waitingCount;
  }

  /** Bytes of the spans, without those that wait: at most WAITING_MAX of them. */
  get length(): number {
    return this.#spans.length;
  }

  /** `draft` may be filled anew when this returns. */
  add(draft: SpanDraft): void {
    this.#waiting[this.#waitingCount]!.copy(draft);
    this.#waitingCount += 1;
    if (this.#waitingCount === WAITING_MAX) this.#encodeWaiting();
  }

  #encodeWaiting(): void {
    for (let i = 0; i < this.#waitingCount; i++) {
      const draft = this.#waiting[i]!;
      this.#encode(draft);
      // Nothing of its request stays in memory.
      draft.copy(NOTHING);
    }
    this.#waitingCount = 0;
  }

  #encode(draft: SpanDraft): void {
    this.#writeAttributes(draft);
    const attributes = this.#attributes.take();
    const name = spanName(draft);
    const isError = isErrorSpan(draft);
    const message = isError ? draft.failureReason : "";
    const hasParent = (draft.ids[PARENT_AT]! | draft.ids[PARENT_AT + 1]!) !== 0;
    const statusLength = isError ? 2 + (message === "" ? 0 : textLength(message)) : 0;
    const flags = draft.traceFlags | PARENT_IS_REMOTE;
    const length =
      18 +
      10 +
      (hasParent ? 10 : 0) +
      textLength(name) +
      2 +
      9 +
      9 +
      attributes.length +
      (isError ? fieldLength(statusLength) : 0) +
      6;
    const out = this.#spans;
    out.open(2, length);
    this.#writeId(1, draft.ids, 0, TRACE_WORDS);
    this.#writeId(2, draft.ids, SPAN_AT, 2);
    if (hasParent) this.#writeId(4, draft.ids, PARENT_AT, 2);
    out.text(5, name);
    out.enumeration(6, draft.kind);
    out.fixed64(7, draft.startMs * NANOSECONDS);
    out.fixed64(8, (draft.startMs + draft.durationMs) * NANOSECONDS);
    out.raw(attributes);
    if (isError) {
      out.open(15, statusLength);
      if (message !== "") out.text(2, message);
      out.enumeration(3, STATUS_ERROR);
    }
    out.tag(FLAGS_FIELD, FIXED32);
    this.#id[0] = flags & 255;
    this.#id[1] = (flags >> 8) & 255;
    this.#id[2] = 0;
    this.#id[3] = 0;
    out.raw(this.#id.subarray(0, 4));
    this.#count += 1;
  }

  /** The request; begins anew. */
  take(): Uint8Array {
    this.#encodeWaiting();
    const spans = this.#spans.take();
    this.#count = 0;
    const scopeLength = this.#scope.length + spans.length;
    const length = this.#resource.length + fieldLength(scopeLength);
    const out = new ProtoBuffer();
    out.open(1, length);
    out.raw(this.#resource);
    out.open(2, scopeLength);
    out.raw(this.#scope);
    out.raw(spans);
    return out.take();
  }

  #writeId(field: number, words: Int32Array, from: number, count: number): void {
    const id = this.#id;
    for (let i = 0; i < count; i++) {
      const word = words[from + i]!;
      id[i * 4] = word >>> 24;
      id[i * 4 + 1] = (word >>> 16) & 255;
      id[i * 4 + 2] = (word >>> 8) & 255;
      id[i * 4 + 3] = word & 255;
    }
    this.#spans.open(field, count * 4);
    this.#spans.raw(id.subarray(0, count * 4));
  }

  #writeAttributes(draft: SpanDraft): void {
    const out = this.#attributes;
    const isClient = draft.kind === KIND_CLIENT;
    const isKnown = KNOWN_METHODS.has(draft.method);
    const text = (name: string, value: string): void => {
      if (value !== "") writeText(out, ATTRIBUTES, name, value);
    };
    const scheme = draft.isHttps ? "https" : "http";
    text("http.request.method", isKnown ? draft.method : "_OTHER");
    if (!isKnown) text("http.request.method_original", draft.method);
    if (draft.status > 0) writeInteger(out, "http.response.status_code", draft.status);
    if (isErrorSpan(draft)) text("error.type", errorType(draft));
    if (draft.grpcStatus > -2) {
      text("rpc.system.name", "grpc");
      text("rpc.method", draft.path.slice(1));
      if (draft.grpcStatus >= 0) text("rpc.response.status_code", grpcSnakeName(draft.grpcStatus));
    }
    text("network.protocol.name", "http");
    text("network.protocol.version", draft.httpVersion);
    text("url.scheme", scheme);
    const [host, port] = hostAndPort(draft.authority);
    text("server.address", host);
    if (port > 0) writeInteger(out, "server.port", port);
    if (isClient) {
      text("url.full", `${scheme}://${draft.authority}${draft.path}`);
      const [peer, peerPort] = hostAndPort(draft.endpoint);
      text("network.peer.address", peer);
      if (peerPort > 0) writeInteger(out, "network.peer.port", peerPort);
      if (draft.resendCount > 0) writeInteger(out, "http.request.resend_count", draft.resendCount);
      this.#writeDestination(draft);
    } else {
      text("url.path", draft.path);
      text("client.address", draft.clientAddress);
      text("user_agent.original", draft.userAgent);
    }
    text("http.route", draft.routePath);
    text("mesh.route.name", draft.routeName);
    text("mesh.upstream.cluster", draft.clusterName);
    if (draft.flag > 0) text("mesh.response_flags", RESPONSE_FLAGS[draft.flag] ?? "");
    text("mesh.response_code_details", draft.details);
    text("mesh.peer.principal", draft.peerPrincipal);
    text("mesh.request_id", draft.requestId);
    if (draft.isMirror) text("mesh.mirrored", "true");
    if (draft.kept !== KEPT_NOT) text("mesh.kept", KEPT_NAMES[draft.kept] ?? "");
    for (const { name, value } of draft.tags) text(name, value);
  }

  #writeDestination({ destination }: SpanDraft): void {
    if (destination === undefined) return;
    const { canonicalService, namespace } = destination;
    if (canonicalService === "unknown") return;
    writeText(this.#attributes, ATTRIBUTES, "peer.service", canonicalService);
    writeText(this.#attributes, ATTRIBUTES, "mesh.peer.namespace", namespace);
  }
}

/** `GET /items/*`, or `shop.Catalog/List` for gRPC: never what only one request has. */
export function spanName({ method, routePath, grpcStatus, path }: SpanDraft): string {
  if (grpcStatus > -2 && path.length > 1) return path.slice(1);
  const known = KNOWN_METHODS.has(method) ? method : "HTTP";
  return routePath === "" ? known : `${known} ${routePath}`;
}

/** "error.type": what has answered, or else the flag that says why nobody has. */
function errorType({ grpcStatus, status, flag }: SpanDraft): string {
  if (grpcStatus > 0) return grpcSnakeName(grpcStatus);
  if (status > 0) return String(status);
  return RESPONSE_FLAGS[flag] ?? "_OTHER";
}

/** 0 where there is no port. */
function hostAndPort(authority: string): readonly [string, number] {
  const at = authority.lastIndexOf(":");
  if (at < 0 || authority.endsWith("]")) return [authority, 0];
  const port = Number(authority.slice(at + 1));
  return Number.isInteger(port) ? [authority.slice(0, at), port] : [authority, 0];
}

function textLength(text: string): number {
  return fieldLength(Buffer.byteLength(text));
}

function writeText(out: ProtoBuffer, field: number, name: string, value: string): void {
  const valueLength = textLength(value);
  out.open(field, textLength(name) + fieldLength(valueLength));
  out.text(1, name);
  out.open(2, valueLength);
  out.text(1, value);
}

/** `value` is not negative. */
function writeInteger(out: ProtoBuffer, name: string, value: number): void {
  const valueLength = 1 + varintLength(value);
  out.open(ATTRIBUTES, textLength(name) + fieldLength(valueLength));
  out.text(1, name);
  out.open(2, valueLength);
  out.enumeration(3, value);
}
