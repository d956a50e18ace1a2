/**
 * The certificates that a TLS peer sent. A resumed session has the peer's own at most: whoever kept the
 * others of the full handshake gives them back to the socket here, so that every reader finds the whole.
 */
import type { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";

/** DER, the peer's own certificate first. */
export type PeerChain = readonly Buffer[];

const keptChain = Symbol("chain of the full handshake");

interface ResumedSocket extends TLSSocket {
  [keptChain]?: PeerChain;
}

/** For a socket of a resumed session: what the peer sent when that session began. */
export function restorePeerChain(socket: TLSSocket, chain: PeerChain): void {
  (socket as ResumedSocket)[keptChain] = chain;
}

/** Empty when the peer sent none. At most `countMax` of them. */
export function readPeerChain(socket: TLSSocket, countMax: number): PeerChain {
  const kept = (socket as ResumedSocket)[keptChain];
  if (kept !== undefined) return kept;
  const chain: Buffer[] = [];
  let certificate: X509Certificate | undefined = socket.getPeerX509Certificate();
  while (certificate !== undefined && chain.length < countMax) {
    chain.push(certificate.raw);
    certificate = certificate.issuerCertificate;
  }
  return chain;
}
