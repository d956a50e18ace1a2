/** The connections of an endpoint that carry something other than HTTP: counted and bounded, never used again. */
import type { Socket } from "node:net";
import type { TcpEndpoints } from "../net/first-bytes/proxy-header.ts";
import type { ConnectedSocket, DialResult, DialTarget, PendingDial } from "./dialer.ts";
import type { EndpointServices } from "./endpoint-services.ts";
import { cutAtPeerExpiry } from "./peer-expiry.ts";
import type { UpstreamFailure } from "./stream.ts";

/** Whose connections they are. */
export interface RawConnectionsOwner {
  readonly info: DialTarget;
  readonly connectionCount: number;
  onRequestStart(): void;
  onRequestEnd(): void;
  /** `peerPrincipal`: as in `ConnectedSocket`. */
  onReachable(peerPrincipal: string): void;
  onUnreachable(kind: UpstreamFailure["kind"]): void;
}

export class RawConnections {
  readonly #owner: RawConnectionsOwner;
  #services: EndpointServices;
  readonly #dials = new Set<PendingDial>();
  readonly #sockets = new Set<Socket>();

  constructor(owner: RawConnectionsOwner, services: EndpointServices) {
    this.#owner = owner;
    this.#services = services;
  }

  get count(): number {
    return this.#sockets.size;
  }

  /** Connections are made in another way from now on. */
  rebind(services: EndpointServices): void {
    this.#services = services;
  }

  /** Undefined when a limit forbids it. From then until the socket closes it counts as a request too. */
  dial(onResult: (result: DialResult) => void, downstream?: TcpEndpoints): PendingDial | undefined {
    const { budget, dialer, rawAlpn } = this.#services;
    const count = this.#owner.connectionCount + this.#dials.size;
    const isFirst = count === 0;
    if ((count >= budget.hostConnectionsMax && !isFirst) || !budget.admitConnection(isFirst)) {
      budget.onOverflow();
      return undefined;
    }
    this.#owner.onRequestStart();
    const onDialed = (result: DialResult): void => {
      this.#dials.delete(dial);
      if (result.kind === "connected") this.#own(result);
      else this.#onFailed(result);
      onResult(result);
    };
    const dial = dialer.dial(this.#owner.info, rawAlpn, onDialed, downstream);
    this.#dials.add(dial);
    return { abort: () => this.#giveUp(dial) };
  }

  /** Ends those that are connected. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Ends all of them. Nobody is told. */
  abort(): void {
    for (const dial of this.#dials) this.#giveUp(dial);
    for (const socket of this.#sockets) socket.destroy();
  }

  #own({ socket, peerNotAfterMs, peerPrincipal }: ConnectedSocket): void {
    // Nothing in a stream of bytes could tell the peer to come again.
    cutAtPeerExpiry(socket, peerNotAfterMs, this.#services);
    this.#owner.onReachable(peerPrincipal);
    this.#sockets.add(socket);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      this.#release();
    });
  }

  #onFailed(failure: UpstreamFailure): void {
    this.#release();
    this.#owner.onUnreachable(failure.kind);
  }

  #giveUp(dial: PendingDial): void {
    if (!this.#dials.delete(dial)) return;
    dial.abort();
    this.#release();
  }

  #release(): void {
    this.#services.budget.releaseConnection();
    this.#owner.onRequestEnd();
  }
}
