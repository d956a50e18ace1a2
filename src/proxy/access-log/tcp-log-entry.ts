/** A closed TCP connection as access logs and their filters see it. */
import type { TcpOutcome } from "../tcp-outcome.ts";
import { EndedLogEntry } from "./ended-log-entry.ts";
import type { LogSubject } from "./log-filter.ts";

export class TcpLogEntry extends EndedLogEntry<TcpOutcome> implements LogSubject {
  readonly type = "TcpConnectionEnd";
  readonly request = undefined;
  readonly method = undefined;
  readonly path = undefined;
  readonly authority = undefined;
  readonly protocol = undefined;
  readonly responseCode = 0;
  readonly responseCodeDetails = undefined;
  readonly requestDurationMs = undefined;
  readonly responseDurationMs = undefined;
  readonly upstreamServiceTimeMs = undefined;
  readonly routeName = undefined;
  readonly grpcStatus = undefined;
  readonly requestId = undefined;
  readonly traceId = undefined;
  readonly spanId = undefined;
  readonly requestBody = undefined;
  readonly responseBody = undefined;
  readonly durationMs: number;
  readonly startTimeMs: number;

  /** `endMs` is the wall clock's time, in milliseconds. */
  constructor(outcome: TcpOutcome, durationMs: number, endMs: number) {
    super(outcome);
    this.durationMs = durationMs;
    this.startTimeMs = endMs - durationMs;
  }

  get connectionTerminationDetails(): string | undefined {
    return this.outcome.terminationDetails || undefined;
  }

  get bytesReceived(): number {
    return this.outcome.bytesReceived;
  }

  get bytesSent(): number {
    return this.outcome.bytesSent;
  }

  get wireBytesReceived(): number {
    return this.outcome.bytesReceived;
  }

  get wireBytesSent(): number {
    return this.outcome.bytesSent;
  }

  get remoteHost(): string {
    return this.directRemoteHost;
  }

  get remotePort(): number {
    return this.directRemotePort;
  }

  requestHeader(): undefined {
    return undefined;
  }

  responseHeader(): undefined {
    return undefined;
  }

  trailer(): undefined {
    return undefined;
  }

  metadata(): undefined {
    return undefined;
  }
}
