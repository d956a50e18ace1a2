/**
 * Peers whose identity or certificate is revoked, or whose trust domain is not trusted any more: none gets in any more, and whoever is connected is cut off. Only
 * connections with a verified peer are known here.
 */
import type { Socket } from "node:net";
import { type DenyList, denialOf, NOTHING_DENIED } from "../identity/deny-list.ts";
import { parseSpiffeId } from "../identity/spiffe-id.ts";

export interface KnownPeer {
  readonly spiffeId: string;
  readonly serialHex: string;
}

/** `downstream`: it connected to us. `upstream`: we connected to it. */
export type PeerSide = "downstream" | "upstream";

export interface DeniedEvent extends KnownPeer {
  readonly side: PeerSide;
  readonly action: "refused" | "closed";
  readonly remoteAddress: string;
  readonly reason: string;
}

interface LivePeer extends KnownPeer {
  readonly socket: Socket;
  readonly side: PeerSide;
}

export class DeniedPeers {
  readonly #live = new Set<LivePeer>();
  #list = NOTHING_DENIED;
  #observer: ((event: DeniedEvent) => void) | undefined;

  /** Is told of everything that is refused or closed from now on. */
  observe(observer: (event: DeniedEvent) => void): void {
    this.#observer = observer;
  }

  /** Replaces the list, and closes the connections of those who are on it. */
  set(list: DenyList): void {
    this.#list = list;
    if (list.spiffeIds.size === 0 && list.serials.size === 0) return;
    for (const peer of [...this.#live]) {
      const reason = denialOf(list, peer);
      if (reason === undefined) continue;
      this.#tell(peer, "closed", reason);
      peer.socket.destroy();
    }
  }

  /** These trust domains are not trusted any more: connections of their peers are closed. */
  distrust(trustDomains: ReadonlySet<string>): void {
    if (trustDomains.size === 0) return;
    for (const peer of [...this.#live]) {
      const parsed = parseSpiffeId(peer.spiffeId);
      if (!parsed.ok || !trustDomains.has(parsed.trustDomain)) continue;
      this.#tell(peer, "closed", `trust domain ${parsed.trustDomain} is not trusted any more`);
      peer.socket.destroy();
    }
  }

  /** Why the peer of a handshake is refused; undefined when it is not, and then its connection is watched. */
  admit(socket: Socket, peer: KnownPeer, side: PeerSide): string | undefined {
    const known: LivePeer = { ...peer, socket, side };
    const reason = denialOf(this.#list, peer);
    if (reason !== undefined) {
      this.#tell(known, "refused", reason);
      return reason;
    }
    this.#live.add(known);
    socket.once("close", () => this.#live.delete(known));
    return undefined;
  }

  #tell(peer: LivePeer, action: DeniedEvent["action"], reason: string): void {
    const { socket, spiffeId, serialHex, side } = peer;
    const remoteAddress = `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? "?"}`;
    this.#observer?.({ spiffeId, serialHex, side, action, remoteAddress, reason });
  }
}
