/** What a request may know of the connection that it came on. */

export interface DownstreamConnection {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly scheme: "http" | "https";
  /** Otherwise HTTP/1.1: clusters may have to speak what the client does. */
  readonly isHttp2: boolean;
  /** SPIFFE id or URI SAN of the verified peer, empty without mutual TLS. */
  readonly peerPrincipal: string;
  readonly serverName: string;
}

/** What is known of a connection before its protocol is. */
export type ConnectionIdentity = Omit<DownstreamConnection, "isHttp2"> & {
  /** Wall clock: when the peer's certificate expires. Infinite without a verified one. */
  readonly peerNotAfterMs: number;
};
