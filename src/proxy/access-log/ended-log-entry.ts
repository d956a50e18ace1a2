/** What ended requests and TCP connections tell access logs alike: where they went, and the connection that they came by. */
import type { PeerDetails } from "../../telemetry/access-log/log-entry.ts";
import { type ServiceLabels, UNKNOWN_SERVICE } from "../../telemetry/request-metrics.ts";
import type { RequestOutcome } from "../request-outcome.ts";
import type { TcpOutcome } from "../tcp-outcome.ts";

export abstract class EndedLogEntry<O extends RequestOutcome | TcpOutcome> {
  protected outcome: O;

  constructor(outcome: O) {
    this.outcome = outcome;
  }

  get flag(): number {
    return this.outcome.flag;
  }

  get attempts(): number {
    return this.outcome.attempts;
  }

  get upstreamHost(): string | undefined {
    return this.outcome.endpoint?.key;
  }

  get upstreamCluster(): string | undefined {
    return this.outcome.clusterName || undefined;
  }

  get upstreamFailureReason(): string | undefined {
    return this.outcome.failureReason || undefined;
  }

  get service(): ServiceLabels | undefined {
    const { service } = this.outcome;
    return service === UNKNOWN_SERVICE ? undefined : service;
  }

  get localHost(): string {
    return this.outcome.connection.localAddress;
  }

  get localPort(): number {
    return this.outcome.connection.localPort;
  }

  get directRemoteHost(): string {
    return this.outcome.connection.remoteAddress;
  }

  get directRemotePort(): number {
    return this.outcome.connection.remotePort;
  }

  get requestedServerName(): string | undefined {
    return this.outcome.connection.serverName || undefined;
  }

  get tlsVersion(): string | undefined {
    return this.outcome.connection.tls?.version;
  }

  get tlsCipher(): string | undefined {
    return this.outcome.connection.tls?.cipher;
  }

  get peerPrincipal(): string | undefined {
    return this.outcome.connection.peerPrincipal || undefined;
  }

  get peer(): PeerDetails | undefined {
    return this.outcome.connection.peerCertificate;
  }
}
