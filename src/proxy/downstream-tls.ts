/** What the TLS of a downstream connection was agreed on, worked out when somebody asks for it. */
import type { TLSSocket } from "node:tls";

export class DownstreamTls {
  readonly #socket: TLSSocket;

  constructor(socket: TLSSocket) {
    this.#socket = socket;
  }

  /** `TLSv1.3`. */
  get version(): string | undefined {
    return this.#socket.getProtocol() ?? undefined;
  }

  /** `TLS_AES_256_GCM_SHA384`, as OpenSSL and BoringSSL name it. */
  get cipher(): string | undefined {
    // A connection that is gone has none.
    return this.#socket.destroyed ? undefined : this.#socket.getCipher()?.name;
  }
}
