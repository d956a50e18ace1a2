/** What a request may know of the connection that it came on. */

export interface DownstreamConnection {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly scheme: "http" | "https";
  /** SPIFFE id or URI SAN of the verified peer, empty without mutual TLS. */
  readonly peerPrincipal: string;
  readonly serverName: string;
}
