/**
 * A member of a running mesh inside the test: it joins as a sidecar does, and connects to instances directly with its
 * own certificate, so that a test sees each connection of its own open, be refused and end.
 */
import { connect, type TLSSocket } from "node:tls";
import { systemClock } from "../../src/core/clock.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { SeededPrng } from "../../src/core/prng.ts";
import { CertificateClient } from "../../src/identity/certificate-client.ts";
import { ControlPlaneSource } from "../../src/identity/control-plane-source.ts";
import { IdentityAgent } from "../../src/identity/identity-agent.ts";
import { workloadSpiffeId } from "../../src/identity/spiffe-id.ts";
import { SocketTokenSource } from "../../src/identity/token-source.ts";

export interface MemberOptions {
  readonly trustDomain: string;
  readonly adminSocket: string;
  readonly xdsAddress: string;
  readonly serviceAccount: string;
  /** The node id under which it asks for certificates. */
  readonly instance: string;
}

export interface Place {
  readonly host: string;
  readonly port: number;
}

export class MeshMember {
  readonly agent: IdentityAgent;
  readonly spiffeId: string;
  readonly #sockets = new Set<TLSSocket>();

  /** Resolves when it has a certificate. */
  static async join(options: MemberOptions): Promise<MeshMember> {
    const member = MeshMember.prepare(options);
    await member.agent.start();
    await member.agent.whenReady();
    return member;
  }

  /** One that is yet to join: its agent is not started. */
  static prepare(options: MemberOptions): MeshMember {
    return new MeshMember(options);
  }

  private constructor(options: MemberOptions) {
    const { trustDomain, adminSocket, xdsAddress, serviceAccount, instance } = options;
    const namespace = "default";
    const clock = systemClock;
    const spiffeId = workloadSpiffeId({ trustDomain, namespace, serviceAccount });
    this.spiffeId = spiffeId;
    this.agent = new IdentityAgent({
      spiffeId,
      source: new ControlPlaneSource({
        trustDomain,
        client: new CertificateClient({
          address: xdsAddress,
          serverSpiffeId: workloadSpiffeId({
            trustDomain,
            namespace: "tulle-system",
            serviceAccount: "control-plane",
          }),
          instance,
          clock,
        }),
        tokenSource: new SocketTokenSource({ socketPath: adminSocket, namespace, serviceAccount }),
        clock,
      }),
      clock,
      prng: new SeededPrng(1),
      logger: silentLogger,
    });
  }

  closeAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async leave(): Promise<void> {
    this.closeAll();
    await this.agent.stop();
  }

  /**
   * Connects and asks once: only an answer shows that it was let in. Resolves with the open connection, or with
   * nothing when it was turned away. What echoes is asked by the ALPN of opaque TCP.
   */
  connect(
    place: Place,
    alpn: "http/1.1" | "tulle-tcp" = "http/1.1",
  ): Promise<TLSSocket | undefined> {
    const svid = this.agent.current;
    return new Promise((resolve) => {
      const socket = connect({
        ...place,
        cert: svid?.certificateChainPem,
        key: svid?.privateKeyPem,
        rejectUnauthorized: false,
        ALPNProtocols: [alpn],
      });
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(socket);
        resolve(undefined);
      });
      socket.once("data", () => resolve(socket));
      socket.write("GET / HTTP/1.1\r\nHost: catalog\r\n\r\n");
    });
  }
}
