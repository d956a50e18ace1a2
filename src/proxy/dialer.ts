/** Makes upstream sockets: plain TCP or TLS with the peer verified, with a deadline. It knows no codec. */
import net from "node:net";
import tls from "node:tls";
import { messageOf } from "../core/errors.ts";
import type { TimerWheel } from "../core/timer-wheel.ts";
import { TimerEntry } from "../core/timer-wheel.ts";
import { socketFailure } from "../net/node-error.ts";
import { type CallbackFaults, type FaultOwner, guarded } from "./callback-faults.ts";
import type { UpstreamFailure } from "./stream.ts";
import type { UpstreamTls } from "./upstream-tls.ts";

/** A socket that belongs to whoever gets it, from this moment: its errors too. */
export interface ConnectedSocket {
  readonly kind: "connected";
  readonly socket: net.Socket;
  /** What the handshake agreed on (RFC 7301), "" for nothing and for plain text. */
  readonly alpn: string;
}

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
  /** Offers `alpn` over TLS, nothing when empty. Calls `onResult` once, never synchronously. */
  dial(
    target: DialTarget,
    alpn: readonly string[],
    onResult: (result: DialResult) => void,
  ): PendingDial;
}

export interface DialerOptions {
  readonly connectTimeoutMs: number;
  readonly timers: TimerWheel;
  readonly faults: CallbackFaults;
  /** Absent for plain text. */
  readonly tls: UpstreamTls | undefined;
}

export function createDialer(options: DialerOptions): Dialer {
  return {
    dial: (target, alpn, onResult) => {
      const dial = new Dial(options, target, alpn, onResult);
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
  #isDone = false;

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
    try {
      if (upstreamTls === undefined) this.#startPlain();
      else this.#startTls(upstreamTls);
      this.#socket?.on("error", this.#onError);
    } catch (error) {
      // An address or a certificate that the runtime does not take.
      this.#failLater(messageOf(error));
    }
  }

  abort(): void {
    if (this.#isDone) return;
    this.#isDone = true;
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
    const { host, port } = this.#target;
    const socket = net.connect({
      host,
      port,
      noDelay: true,
    });
    this.#socket = socket;
    socket.once(
      "connect",
      guarded(this, () => this.#succeed(socket, "")),
    );
  }

  #startTls(upstreamTls: UpstreamTls): void {
    const handshake = upstreamTls.begin(this.#target, this.#alpn);
    if (handshake === undefined) {
      this.#failLater("its certificates have not arrived yet");
      return;
    }
    const socket = tls.connect(handshake.options);
    socket.setNoDelay(true);
    this.#socket = socket;
    socket.once(
      "secureConnect",
      guarded(this, () => {
        const verdict = handshake.judge(socket);
        if (verdict.kind === "accepted") this.#succeed(socket, socket.alpnProtocol || "");
        else this.#fail({ kind: "tls-failed", reason: verdict.reason });
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

  #succeed(socket: net.Socket, alpn: string): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#options.timers.disarm(this.#timeout);
    socket.off("error", this.#onError);
    this.#onResult({ kind: "connected", socket, alpn });
  }

  #fail(failure: UpstreamFailure): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#options.timers.disarm(this.#timeout);
    this.#socket?.destroy();
    this.#onResult(failure);
  }
}
