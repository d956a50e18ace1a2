/** The certificates that a TLS peer sent, as many of them as the verifier needs to see. */
import type { TLSSocket } from "node:tls";
import { type PeerChain, readPeerChain } from "../net/peer-chain.ts";
import { CHAIN_CERTIFICATES_MAX } from "./limits.ts";

/**
 * The chain that the peer of a finished handshake sent, its own certificate first. Empty when it sent
 * none. One more than `verifyPeer` accepts at most, so that longer chains are refused there.
 */
export function peerChainDer(socket: TLSSocket): PeerChain {
  return readPeerChain(socket, CHAIN_CERTIFICATES_MAX + 1);
}
