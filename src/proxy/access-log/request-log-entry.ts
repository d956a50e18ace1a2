/** A finished request as access logs and their filters see it. One object serves all requests of a listener. */
import { metadataAt } from "../../decision/dynamic-metadata.ts";
import type { HttpVersion, RequestView } from "../../decision/request-view.ts";
import type { RequestOutcome } from "../request-outcome.ts";
import { EndedLogEntry } from "./ended-log-entry.ts";
import type { LogSubject } from "./log-filter.ts";

export class RequestLogEntry extends EndedLogEntry<RequestOutcome> implements LogSubject {
  readonly type = "DownstreamEnd";
  readonly request: LoggedRequest;
  startTimeMs = 0;
  durationMs = 0;

  constructor(outcome: RequestOutcome) {
    super(outcome);
    this.request = new LoggedRequest(outcome);
  }

  /** `endMs` is the wall clock's time, in milliseconds. */
  set(outcome: RequestOutcome, durationMs: number, endMs: number): this {
    this.outcome = outcome;
    this.request.outcome = outcome;
    this.durationMs = durationMs;
    this.startTimeMs = endMs - durationMs;
    return this;
  }

  get method(): string {
    return this.outcome.method;
  }

  get path(): string {
    return this.outcome.target;
  }

  get authority(): string | undefined {
    return this.outcome.authority || undefined;
  }

  get protocol(): string {
    return this.outcome.protocol;
  }

  get responseCode(): number {
    return this.outcome.status;
  }

  get responseCodeDetails(): string {
    return this.outcome.details;
  }

  get connectionTerminationDetails(): undefined {
    return undefined;
  }

  get bytesReceived(): number {
    return this.outcome.requestBodyBytes;
  }

  get bytesSent(): number {
    return this.outcome.responseBodyBytes;
  }

  get wireBytesReceived(): number {
    return this.outcome.wire.requestBytes;
  }

  get wireBytesSent(): number {
    return this.outcome.wire.responseBytes;
  }

  get requestDurationMs(): number | undefined {
    const { requestEndMs, startMs } = this.outcome;
    return requestEndMs < 0 ? undefined : requestEndMs - startMs;
  }

  get responseDurationMs(): number | undefined {
    const { responseHeadMs, startMs } = this.outcome;
    return responseHeadMs < 0 ? undefined : responseHeadMs - startMs;
  }

  get upstreamServiceTimeMs(): number | undefined {
    const { upstreamTimeMs } = this.outcome;
    return upstreamTimeMs < 0 ? undefined : upstreamTimeMs;
  }

  get routeName(): string | undefined {
    return this.outcome.routeName || undefined;
  }

  get remoteHost(): string {
    return this.outcome.clientAddress || this.directRemoteHost;
  }

  /** As in Envoy, what a proxy in front has told has no port. */
  get remotePort(): number {
    const { clientAddress } = this.outcome;
    const isForwarded = clientAddress !== "" && clientAddress !== this.directRemoteHost;
    return isForwarded ? 0 : this.directRemotePort;
  }

  get grpcStatus(): number | undefined {
    const { grpcResult } = this.outcome;
    return grpcResult < 0 ? undefined : grpcResult;
  }

  get requestId(): string | undefined {
    return this.outcome.requestId || this.requestHeader("x-request-id");
  }

  get traceId(): string | undefined {
    return this.outcome.trace?.traceId || undefined;
  }

  get spanId(): string | undefined {
    return this.outcome.trace?.spanId || undefined;
  }

  get requestBody(): Buffer | undefined {
    return this.outcome.memory?.requestBody;
  }

  get responseBody(): Buffer | undefined {
    return this.outcome.memory?.responseBody;
  }

  requestHeader(lowerName: string): string | undefined {
    if (lowerName === ":scheme") return this.outcome.connection.scheme;
    return this.outcome.headers?.get(lowerName);
  }

  responseHeader(lowerName: string): string | undefined {
    return this.outcome.memory?.field(lowerName);
  }

  trailer(lowerName: string): string | undefined {
    return this.outcome.memory?.trailer(lowerName);
  }

  metadata(namespace: string, path: readonly string[]): unknown {
    return plain(metadataAt(this.outcome.metadata, namespace, path));
  }
}

/** For filters that look at header fields. */
class LoggedRequest implements RequestView {
  outcome: RequestOutcome;

  constructor(outcome: RequestOutcome) {
    this.outcome = outcome;
  }

  get method(): string {
    return this.outcome.method;
  }

  get path(): string {
    const { target } = this.outcome;
    const question = target.indexOf("?");
    return question < 0 ? target : target.slice(0, question);
  }

  get query(): string {
    const { target } = this.outcome;
    const question = target.indexOf("?");
    return question < 0 ? "" : target.slice(question + 1);
  }

  get authority(): string {
    return this.outcome.authority;
  }

  get scheme(): string {
    return this.outcome.connection.scheme;
  }

  get httpVersion(): HttpVersion {
    return this.outcome.protocol;
  }

  header(lowerName: string): string | undefined {
    return this.outcome.headers?.get(lowerName);
  }

  headerValues(lowerName: string): readonly string[] {
    return this.outcome.headers?.valuesOf(lowerName) ?? [];
  }
}

/** Maps as the objects that JSON writes. */
function plain(value: unknown): unknown {
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]));
  }
  return Array.isArray(value) ? value.map(plain) : value;
}
