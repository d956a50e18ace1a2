/** What an authorization decision may know of a connection. The proxy's connections are such, so is a test's literal. */

export interface RbacConnection {
  /** SPIFFE id or URI SAN of the verified peer, empty without mutual TLS. */
  readonly peerPrincipal: string;
  /** Of the client: what a PROXY header says where one is read. */
  readonly remoteAddress: string;
  /** Of who has sent the packets, where a PROXY header says something else. */
  readonly packetAddress?: string | undefined;
  readonly localAddress: string;
  readonly localPort: number;
  /** The server name of its TLS handshake, or "". */
  readonly serverName: string;
}

/** For conditions that look at the request alone. */
export const NO_CONNECTION: RbacConnection = {
  peerPrincipal: "",
  remoteAddress: "",
  localAddress: "",
  localPort: 0,
  serverName: "",
};
