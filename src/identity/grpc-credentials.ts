/**
 * Credentials for gRPC channels to servers of the mesh. The server is known by its SPIFFE id, checked
 * after the handshake and before the first byte of HTTP/2 is sent; its host name plays no part.
 */
import type { Socket } from "node:net";
import { connect, createSecureContext } from "node:tls";
import {
  type CallCredentials,
  ChannelCredentials,
  credentials,
  type experimental,
} from "@grpc/grpc-js";
import type { Clock } from "../core/clock.ts";
import { MeshError } from "../core/errors.ts";
import { peerChainDer } from "./peer-chain.ts";
import { expectPeer, verifyPeer } from "./peer-verifier.ts";
import type { Svid } from "./svid.ts";
import type { TrustBundleSet } from "./trust-bundle.ts";

/** A server that takes longer to finish the handshake is given up. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** What a channel shows and trusts at the moment it connects. */
export interface ChannelIdentity {
  /** Undefined before the first certificate: then the server sees an anonymous client. */
  readonly svid: Svid | undefined;
  readonly bundles: TrustBundleSet;
}

export interface MeshCredentialsOptions {
  /** Asked at every connect, so reconnecting is enough to use a renewed certificate. */
  readonly getIdentity: () => ChannelIdentity;
  /** Ids that the server may have. */
  readonly expectedServerIds: readonly string[];
  readonly clock: Clock;
}

/** Credentials for `new Client(address, credentials)`. */
export function createMeshChannelCredentials(options: MeshCredentialsOptions): ChannelCredentials {
  return new MeshChannelCredentials(options);
}

/** Connects over TLS 1.3 on `socket` and resolves when the server proved to be one of those expected. */
function connectSecurely(
  options: MeshCredentialsOptions,
  socket: Socket,
): Promise<experimental.SecureConnectResult> {
  const { svid, bundles } = options.getIdentity();
  const tlsSocket = connect({
    socket,
    ALPNProtocols: ["h2"],
    // The check is the one below. OpenSSL's and Node's own would ask for a host name.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
    secureContext: createSecureContext({
      minVersion: "TLSv1.3",
      ca: [],
      ...(svid === undefined ? {} : { cert: svid.certificateChainPem, key: svid.privateKeyPem }),
    }),
  });
  return new Promise((resolve, reject) => {
    const timeout = options.clock.schedule(HANDSHAKE_TIMEOUT_MS, () =>
      tlsSocket.destroy(new Error("the handshake took too long")),
    );
    tlsSocket.on("error", reject);
    tlsSocket.once("close", () => {
      timeout.cancel();
      reject(new Error("connection closed during the handshake"));
    });
    tlsSocket.once("secureConnect", () => {
      timeout.cancel();
      const verdict = expectPeer(
        verifyPeer(peerChainDer(tlsSocket), bundles, options.clock.nowMs()),
        options.expectedServerIds,
      );
      if (verdict.ok) {
        resolve({ socket: tlsSocket, secure: true });
        return;
      }
      tlsSocket.destroy();
      reject(new MeshError({ code: verdict.code }, `server refused: ${verdict.reason}`));
    });
  });
}

class MeshChannelCredentials extends ChannelCredentials {
  readonly #options: MeshCredentialsOptions;

  constructor(options: MeshCredentialsOptions) {
    super();
    this.#options = options;
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return other === this;
  }

  override _createSecureConnector(
    _target: unknown,
    _channelOptions: unknown,
    callCredentials?: CallCredentials,
  ): experimental.SecureConnector {
    return {
      connect: (socket) => connectSecurely(this.#options, socket),
      waitForReady: () => Promise.resolve(),
      getCallCredentials: () => callCredentials ?? credentials.createEmpty(),
      destroy() {},
    };
  }
}
