/** The certificates that a TLS peer sent, taken from its socket as DER. */
import type { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { CHAIN_CERTIFICATES_MAX } from "./limits.ts";

/**
 * The chain that the peer of a finished handshake sent, its own certificate first. Empty when it sent
 * none. One more than `verifyPeer` accepts at most, so that longer chains are refused there.
 */
export function peerChainDer(socket: TLSSocket): Buffer[] {
  const chain: Buffer[] = [];
  let certificate: X509Certificate | undefined = socket.getPeerX509Certificate();
  while (certificate !== undefined && chain.length <= CHAIN_CERTIFICATES_MAX) {
    chain.push(certificate.raw);
    certificate = certificate.issuerCertificate;
  }
  return chain;
}
