/** Makes upstream connections: plain TCP or TLS, with a deadline. */
import net from "node:net";
import tls from "node:tls";
import { messageOf } from "../core/errors.ts";
import type { TimerWheel } from "../core/timer-wheel.ts";
import { TimerEntry } from "../core/timer-wheel.ts";
import { socketFailure } from "../net/node-error.ts";
import { type CallbackFaults, type FaultOwner, guarded } from "./callback-faults.ts";
import { type ConnectionOwner, Http1ClientConnection } from "./http1-client-connection.ts";
import type { UpstreamFailure } from "./stream.ts";
import type { UpstreamTls } from "./upstream-tls.ts";

export type DialResult =
  | { readonly kind: "connected"; readonly connection: Http1ClientConnection }
  | UpstreamFailure;

export interface DialTarget {
  readonly host: string;
  readonly port: number;
}

export interface PendingDial {
  /** Gives it up. `onResult` is not called any more. */
  abort(): void;
}

export interface Dialer {
  /** Calls `onResult` once, never synchronously. */
  dial(
    target: DialTarget,
    owner: ConnectionOwner,
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
    dial: (target, owner, onResult) => {
      const dial = new Dial(options, target, owner, onResult);
      dial.start();
      return dial;
    },
  };
}

class Dial implements PendingDial, FaultOwner {
  readonly #options: DialerOptions;
  readonly #target: DialTarget;
  readonly #owner: ConnectionOwner;
  readonly #onResult: (result: DialResult) => void;
  readonly #timeout: TimerEntry;
  #socket: net.Socket | undefined;
  #connection: Http1ClientConnection | undefined;
  #isDone = false;

  constructor(
    options: DialerOptions,
    target: DialTarget,
    owner: ConnectionOwner,
    onResult: (result: DialResult) => void,
  ) {
    this.#options = options;
    this.#target = target;
    this.#owner = owner;
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

  /** Whoever waits for the result has thrown: the connection, if any, serves nobody. */
  onFault(error: unknown): void {
    this.#options.faults.report("upstream dial", error);
    this.#connection?.destroy();
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
      guarded(this, () => this.#succeed(socket)),
    );
  }

  #startTls(upstreamTls: UpstreamTls): void {
    const options = upstreamTls.connectOptions();
    if (options === undefined) {
      this.#failLater("its certificates have not arrived yet");
      return;
    }
    const { host, port } = this.#target;
    const socket = tls.connect({ ...options, host, port });
    socket.setNoDelay(true);
    this.#socket = socket;
    socket.once(
      "secureConnect",
      guarded(this, () => {
        const refusal = upstreamTls.refusalOf(socket);
        if (refusal === undefined) this.#succeed(socket);
        else this.#fail({ kind: "tls-failed", reason: refusal });
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

  #succeed(socket: net.Socket): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#options.timers.disarm(this.#timeout);
    const connection = new Http1ClientConnection(socket, this.#owner, this.#options.faults);
    socket.off("error", this.#onError);
    this.#connection = connection;
    this.#onResult({ kind: "connected", connection });
  }

  #fail(failure: UpstreamFailure): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#options.timers.disarm(this.#timeout);
    this.#socket?.destroy();
    this.#onResult(failure);
  }
}
