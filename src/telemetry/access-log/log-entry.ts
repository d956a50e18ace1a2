/** What an access log can tell of a request or a connection. One object serves all requests of a listener, one after another. */
import type { ServiceLabels } from "../request-metrics.ts";

/** A value that is missing is undefined; it becomes null in JSON, `-` in text. Texts of requests are in wire form: one character a byte. */
export interface AccessLogEntry {
  /** Milliseconds since 1970. */
  readonly startTimeMs: number;
  /** `DownstreamEnd` or `TcpConnectionEnd`, as Envoy has it. */
  readonly type: string;
  /** This and the next three are undefined for a TCP connection. */
  readonly method: string | undefined;
  /** As it was received. */
  readonly path: string | undefined;
  readonly authority: string | undefined;
  readonly protocol: string | undefined;
  /** 0 without an answer. */
  readonly responseCode: number;
  /** Index into RESPONSE_FLAGS. */
  readonly flag: number;
  readonly responseCodeDetails: string | undefined;
  readonly connectionTerminationDetails: string | undefined;
  /** Of bodies. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Heads and framing included. */
  readonly wireBytesReceived: number;
  readonly wireBytesSent: number;
  /** Milliseconds. */
  readonly durationMs: number;
  /** From the beginning until the whole request had come. */
  readonly requestDurationMs: number | undefined;
  /** From the beginning until the upstream's response head. */
  readonly responseDurationMs: number | undefined;
  /** Until the upstream's response head, from when the request was sent to it. */
  readonly upstreamServiceTimeMs: number | undefined;
  readonly attempts: number;
  readonly routeName: string | undefined;
  readonly upstreamHost: string | undefined;
  readonly upstreamCluster: string | undefined;
  readonly upstreamFailureReason: string | undefined;
  /** The Service behind the cluster. */
  readonly service: ServiceLabels | undefined;
  readonly localHost: string;
  readonly localPort: number;
  /** The client, whom trusted proxies in front may have named. */
  readonly remoteHost: string;
  readonly remotePort: number;
  /** Whoever has connected. */
  readonly directRemoteHost: string;
  readonly directRemotePort: number;
  readonly requestedServerName: string | undefined;
  readonly tlsVersion: string | undefined;
  readonly tlsCipher: string | undefined;
  /** URI SAN of the verified peer. */
  readonly peerPrincipal: string | undefined;
  readonly peer: PeerDetails | undefined;
  readonly grpcStatus: number | undefined;
  readonly requestId: string | undefined;
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
  /** Beginnings of bodies, where they were captured. */
  readonly requestBody: Buffer | undefined;
  readonly responseBody: Buffer | undefined;
  requestHeader(lowerName: string): string | undefined;
  responseHeader(lowerName: string): string | undefined;
  trailer(lowerName: string): string | undefined;
  /** What a filter has found out, in JSON's terms or text. */
  metadata(namespace: string, path: readonly string[]): unknown;
}

/** Of a verified peer's certificate. */
export interface PeerDetails {
  readonly digest: string;
  readonly certificateText: string;
  readonly names: {
    readonly dnsNames: readonly string[];
    readonly subject: string;
    readonly issuer: string;
    readonly serial: string;
  };
}
