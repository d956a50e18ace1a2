/** What a request may know of the connection that it came on. */

import type { DownstreamTls } from "./downstream-tls.ts";
import type { PeerCertificate } from "./peer-certificate.ts";

/** Whether a connection may carry requests for a host. */
export interface HostCheck {
  /** `authority` as it is judged, port included. */
  accepts(authority: string): boolean;
}

export interface DownstreamConnection {
  readonly remoteAddress: string;
  /** Of who has sent the packets, where a PROXY header says something else. */
  readonly packetAddress?: string | undefined;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly scheme: "http" | "https";
  /** Otherwise HTTP/1.1: clusters may have to speak what the client does. */
  readonly isHttp2: boolean;
  /** SPIFFE id or URI SAN of the verified peer, empty without mutual TLS. */
  readonly peerPrincipal: string;
  /** What the verified peer showed. Undefined without mutual TLS. */
  readonly peerCertificate: PeerCertificate | undefined;
  /** Which hosts may be asked for on it. Undefined: all. */
  readonly hostCheck: HostCheck | undefined;
  readonly serverName: string;
  /** Undefined without TLS of the proxy's own. */
  readonly tls?: DownstreamTls | undefined;
}

/** What is known of a connection before its protocol is. */
export type ConnectionIdentity = Omit<DownstreamConnection, "isHttp2"> & {
  /** Wall clock: when the peer's certificate expires. Infinite without a verified one. */
  readonly peerNotAfterMs: number;
};
