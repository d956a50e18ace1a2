/**
 * The TLS side of the admin API: the control plane's own certificate, which is replaced long before it expires, and what
 * a client's certificate proves. It is judged anew for each request, so that revocation holds for open connections.
 */
import type { Server } from "node:http";
import type { SecureContextOptions, TLSSocket, TlsOptions, Server as TlsServer } from "node:tls";
import type { Clock } from "../../core/clock.ts";
import type { DenyList } from "../../identity/deny-list.ts";
import { secureContextOptions } from "../../identity/grpc-listener.ts";
import type { IdentityAgent } from "../../identity/identity-agent.ts";
import { peerChainDer } from "../../identity/peer-chain.ts";
import { type PeerVerdict, verifyPeer } from "../../identity/peer-verifier.ts";

const HANDSHAKE_TIMEOUT_MS = 10_000;

export class AdminTls {
  readonly #agent: IdentityAgent;
  readonly #getDenied: () => DenyList;
  readonly #clock: Clock;
  readonly #chains = new WeakMap<TLSSocket, readonly Buffer[]>();
  #unsubscribe: (() => void) | undefined;

  constructor(deps: {
    readonly agent: IdentityAgent;
    readonly getDenied: () => DenyList;
    readonly clock: Clock;
  }) {
    this.#agent = deps.agent;
    this.#getDenied = deps.getDenied;
    this.#clock = deps.clock;
  }

  /** The certificate must be there: the agent has started. */
  serverOptions(): TlsOptions {
    return {
      ...this.#context(),
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ["http/1.1"],
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    };
  }

  /** Handshakes of this server show the newest certificate from now on. */
  serve(server: Server): void {
    this.#unsubscribe?.();
    this.#unsubscribe = this.#agent.onUpdate(() => {
      (server as unknown as TlsServer).setSecureContext(this.#context());
    });
  }

  judge(socket: TLSSocket): PeerVerdict {
    let chain = this.#chains.get(socket);
    if (chain === undefined) {
      chain = peerChainDer(socket);
      this.#chains.set(socket, chain);
    }
    const { bundles } = this.#agent.channelIdentity;
    return verifyPeer(chain, bundles, this.#clock.nowMs(), this.#getDenied());
  }

  stop(): void {
    this.#unsubscribe?.();
  }

  #context(): SecureContextOptions {
    const { svid } = this.#agent.channelIdentity;
    if (svid === undefined) throw new Error("the control plane has no certificate");
    return secureContextOptions(svid);
  }
}
