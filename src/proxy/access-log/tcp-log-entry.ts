/** A closed TCP connection as access logs and their filters see it. */
import type { PeerDetails } from "../../telemetry/access-log/log-entry.ts";
import { type ServiceLabels, UNKNOWN_SERVICE } from "../../telemetry/request-metrics.ts";
import type { TcpOutcome } from "../tcp-outcome.ts";
import type { LogSubject } from "./log-filter.ts";

export class TcpLogEntry implements LogSubject {
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
  readonly #outcome: TcpOutcome;
  readonly durationMs: number;
  readonly startTimeMs: number;

  /** `endMs` is the wall clock's time, in milliseconds. */
  constructor(outcome: TcpOutcome, durationMs: number, endMs: number) {
    this.#outcome = outcome;
    this.durationMs = durationMs;
    this.startTimeMs = endMs - durationMs;
  }

  get flag(): number {
    return this.#outcome.flag;
  }

  get connectionTerminationDetails(): string | undefined {
    return this.#outcome.terminationDetails || undefined;
  }

  get bytesReceived(): number {
    return this.#outcome.bytesReceived;
  }

  get bytesSent(): number {
    return this.#outcome.bytesSent;
  }

  get wireBytesReceived(): number {
    return this.#outcome.bytesReceived;
  }

  get wireBytesSent(): number {
    return this.#outcome.bytesSent;
  }

  get attempts(): number {
    return this.#outcome.attempts;
  }

  get upstreamHost(): string | undefined {
    return this.#outcome.endpoint?.key;
  }

  get upstreamCluster(): string | undefined {
    return this.#outcome.clusterName || undefined;
  }

  get upstreamFailureReason(): string | undefined {
    return this.#outcome.failureReason || undefined;
  }

  get service(): ServiceLabels | undefined {
    const { service } = this.#outcome;
    return service === UNKNOWN_SERVICE ? undefined : service;
  }

  get localHost(): string {
    return this.#outcome.connection.localAddress;
  }

  get localPort(): number {
    return this.#outcome.connection.localPort;
  }

  get remoteHost(): string {
    return this.#outcome.connection.remoteAddress;
  }

  get remotePort(): number {
    return this.#outcome.connection.remotePort;
  }

  get directRemoteHost(): string {
    return this.remoteHost;
  }

  get directRemotePort(): number {
    return this.remotePort;
  }

  get requestedServerName(): string | undefined {
    return this.#outcome.connection.serverName || undefined;
  }

  get tlsVersion(): string | undefined {
    return this.#outcome.connection.tls?.version;
  }

  get tlsCipher(): string | undefined {
    return this.#outcome.connection.tls?.cipher;
  }

  get peerPrincipal(): string | undefined {
    return this.#outcome.connection.peerPrincipal || undefined;
  }

  get peer(): PeerDetails | undefined {
    return this.#outcome.connection.peerCertificate;
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
