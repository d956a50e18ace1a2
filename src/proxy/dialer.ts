/** Makes upstream sockets: plain TCP or TLS with the peer verified, with a deadline. It knows no codec. */
import net from "node:net";
import tls from "node:tls";
import { messageOf } from "../core/errors.ts";
import type { TimerWheel } from "../core/timer-wheel.ts";
import { TimerEntry } from "../core/timer-wheel.ts";
import type { ProxiedEndpoints, TcpEndpoints } from "../net/first-bytes/proxy-header.ts";
import {
  serializeProxyHeaderV1,
  serializeProxyHeaderV2,
} from "../net/first-bytes/proxy-header-writer.ts";
import { socketFailure } from "../net/node-error.ts";
import { type CallbackFaults, type FaultOwner, guarded } from "./callback-faults.ts";
import type { ProxyHeaderVersion } from "./config/upstream-proxy-protocol.ts";
import type { UpstreamFailure } from "./stream.ts";
import type { AcceptedPeer } from "./tls-peer.ts";
import type { UpstreamTls } from "./upstream-tls.ts";

/** A socket that belongs to whoever gets it, from this moment: its errors too. */
export interface ConnectedSocket {
  readonly kind: "connected";
  readonly socket: net.Socket;
  /** What the handshake agreed on (RFC 7301), "" for nothing and for plain text. */
  readonly alpn: string;
  /** Wall clock: when the peer's certificate expires. Infinite where no peer is verified. */
  readonly peerNotAfterMs: number;
  /** Of whom the handshake proved it, as in `AcceptedPeer`; "" where no peer is verified. */
  readonly peerPrincipal: string;
}

type VerifiedPeer = Pick<AcceptedPeer, "principal" | "notAfterMs">;

const UNVERIFIED: VerifiedPeer = { principal: "", notAfterMs: Number.POSITIVE_INFINITY };

export type DialResult = ConnectedSocket | UpstreamFailure;

export interface DialTarget {
  readonly host: string;
  readonly port: number;
}

export interface PendingDial {
  /** Gives it up. `onResult` is not called any more. */
  abort(): void;
}

export interface Dialer {
  /**
   * Offers `alpn` over TLS, nothing when empty. Calls `onResult` once, never synchronously. `downstream`
   * stands in the PROXY header where the cluster wants one; a connection for many clients has none.
   */
  dial(
    target: DialTarget,
    alpn: readonly string[],
    onResult: (result: DialResult) => void,
    downstream?: TcpEndpoints,
  ): PendingDial;
}

export interface DialerOptions {
  readonly connectTimeoutMs: number;
  readonly timers: TimerWheel;
  readonly faults: CallbackFaults;
  /** Absent for plain text. */
  readonly tls: UpstreamTls | undefined;
  /** What connections begin with. */
  readonly proxyHeader?: ProxyHeaderVersion;
  /** Absent: the system asks nobody for a sign of life. */
  readonly keepalive?: TcpKeepalive | undefined;
}

/** When the system asks the other end of a silent connection for a sign of life, and when it gives up. Milliseconds. */
export interface TcpKeepalive {
  readonly idleMs: number;
  readonly intervalMs: number;
  readonly probes: number;
}

export function createDialer(options: DialerOptions): Dialer {
  return {
    dial: (target, alpn, onResult, downstream) => {
      const dial = new Dial(options, target, alpn, onResult);
      const { proxyHeader = "none" } = options;
      if (proxyHeader !== "none") dial.proxyHeader = proxyHeaderFor(proxyHeader, downstream);
      dial.start();
      return dial;
    },
  };
}

class Dial implements PendingDial, FaultOwner {
  readonly #options: DialerOptions;
  readonly #target: DialTarget;
  readonly #alpn: readonly string[];
  readonly #onResult: (result: DialResult) => void;
  readonly #timeout: TimerEntry;
  #socket: net.Socket | undefined;
  /** While the own certificate is not valid and the next one is awaited. */
  #stopWaiting: (() => void) | undefined;
  #isDone = false;
  /** Sent before anything else. */
  proxyHeader: Buffer | undefined;

  constructor(
    options: DialerOptions,
    target: DialTarget,
    alpn: readonly string[],
    onResult: (result: DialResult) => void,
  ) {
    this.#options = options;
    this.#target = target;
    this.#alpn = alpn;
    this.#onResult = onResult;
    this.#timeout = new TimerEntry(guarded(this, () => this.#fail({ kind: "connect-timeout" })));
  }

  start(): void {
    const { tls: upstreamTls, timers, connectTimeoutMs } = this.#options;
    timers.arm(this.#timeout, connectTimeoutMs);
    if (upstreamTls === undefined) this.#begin(undefined);
    else {
      const begin = guarded(this, () => {
        if (!this.#isDone) this.#begin(upstreamTls);
      });
      this.#stopWaiting = upstreamTls.whenPresentable(begin);
    }
  }

  #begin(upstreamTls: UpstreamTls | undefined): void {
    try {
      if (upstreamTls === undefined) this.#startPlain();
      else if (this.proxyHeader === undefined) this.#startTls(upstreamTls, undefined);
      else this.#startTlsBehind(this.proxyHeader, upstreamTls);
      this.#socket?.on("error", this.#onError);
    } catch (error) {
      // An address or a certificate that the runtime does not take.
      this.#failLater(messageOf(error));
    }
  }

  abort(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#stopWaiting?.();
    this.#options.timers.disarm(this.#timeout);
    this.#socket?.destroy();
  }

  /** Whoever waits for the result has thrown: the socket, if any, serves nobody. */
  onFault(error: unknown): void {
    this.#options.faults.report("upstream dial", error);
    this.#socket?.destroy();
  }

  readonly #onError = guarded(this, (error: Error): void => {
    const { reason } = socketFailure(error);
    const isTls = this.#options.tls !== undefined && this.#socket?.connecting === false;
    this.#fail({ kind: isTls ? "tls-failed" : "connect-failed", reason });
  });

  #startPlain(): void {
    const socket = this.#connect();
    socket.once(
      "connect",
      guarded(this, () => {
        if (this.proxyHeader !== undefined) socket.write(this.proxyHeader);
        this.#succeed(socket, "", UNVERIFIED);
      }),
    );
  }

  /** The header goes out in clear text, before the handshake. */
  #startTlsBehind(header: Buffer, upstreamTls: UpstreamTls): void {
    const socket = this.#connect();
    socket.once(
      "connect",
      guarded(this, () => {
        socket.write(header);
        this.#startTls(upstreamTls, socket);
        this.#socket?.on("error", this.#onError);
      }),
    );
  }

  #connect(): net.Socket {
    const { host, port } = this.#target;
    const socket = net.connect({ host, port, noDelay: true });
    this.#socket = socket;
    return socket;
  }

  /** `connected`: a socket to do the handshake on, otherwise one is made. */
  #startTls(upstreamTls: UpstreamTls, connected: net.Socket | undefined): void {
    const handshake = upstreamTls.begin(this.#target, this.#alpn);
    if (handshake === undefined) {
      this.#failLater("its certificates have not arrived yet");
      return;
    }
    const { options } = handshake;
    const socket = tls.connect(
      connected === undefined ? options : { ...options, socket: connected },
    );
    socket.setNoDelay(true);
    this.#socket = socket;
    // The runtime only tells of errors behind the handshake, and keeps the connection (RFC 8446 section 6.2).
    socket.on("error", () => socket.destroy());
    socket.once(
      "secureConnect",
      guarded(this, () => {
        const verdict = handshake.judge(socket);
        if (verdict.kind === "accepted") {
          this.#succeed(socket, socket.alpnProtocol || "", verdict);
        } else this.#fail({ kind: "tls-failed", reason: verdict.reason });
      }),
    );
    // A peer that hangs up within the handshake may do so without an error.
    socket.once(
      "close",
      guarded(this, () => {
        this.#fail({ kind: "tls-failed", reason: "connection closed during the handshake" });
      }),
    );
  }

  #failLater(reason: string): void {
    setImmediate(guarded(this, () => this.#fail({ kind: "tls-failed", reason })));
  }

  #succeed(
    socket: net.Socket,
    alpn: string,
    { principal: peerPrincipal, notAfterMs: peerNotAfterMs }: VerifiedPeer,
  ): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#options.timers.disarm(this.#timeout);
    socket.off("error", this.#onError);
    const { keepalive } = this.#options;
    if (keepalive !== undefined) {
      socket.setKeepAlive(true, keepalive.idleMs, keepalive.intervalMs, keepalive.probes);
    }
    this.#onResult({ kind: "connected", socket, alpn, peerNotAfterMs, peerPrincipal });
  }

  #fail(failure: UpstreamFailure): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#stopWaiting?.();
    this.#options.timers.disarm(this.#timeout);
    this.#socket?.destroy();
    this.#onResult(failure);
  }
}

function proxyHeaderFor(
  version: Exclude<ProxyHeaderVersion, "none">,
  downstream: TcpEndpoints | undefined,
): Buffer {
  const endpoints: ProxiedEndpoints =
    downstream === undefined ? { kind: "local" } : { kind: "tcp", ...downstream };
  return version === "v1"
    ? serializeProxyHeaderV1(endpoints)
    : serializeProxyHeaderV2({ endpoints, hasChecksum: false });
}
