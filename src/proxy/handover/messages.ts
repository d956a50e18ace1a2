/**
 * What a sidecar that goes and the one that comes tell each other. The channel is the one that the runtime gives
 * parent and child; the starter of both (`tulle run`, or the older of the two) passes messages on unread.
 *
 * ```
 *   old ── restart ──► starter ── starts ──► new
 *   new ── take-over ──► old          old ── socket* , sockets ──► new
 *   new ── linking ──► old            (the control plane is about to hear of the new one)
 *   new ── live ──► old               (old accepts no more, ends what it carries, and goes)
 *   starter ── failed ──► old         (the new one ended before it was live: old goes on)
 *   old ── failed ──► starter         (the new one is not wanted any more)
 * ```
 */

export interface SocketDescription {
  readonly purpose: "listener" | "admin";
  /** Of the listener. */
  readonly name: string;
  /** As the configuration has them: port 0 stays 0. */
  readonly host: string;
  readonly port: number;
  /** Of a proxy with several workers: whose it is. Each has a socket of its own for an address. */
  readonly worker?: number;
}

export type HandoverMessage =
  | { readonly kind: "restart" }
  | { readonly kind: "take-over" }
  /** Comes with the socket itself. */
  | { readonly kind: "socket"; readonly socket: SocketDescription }
  /** That was all. `epoch` is the successor's: how many came before it. */
  | { readonly kind: "sockets"; readonly epoch: number }
  | { readonly kind: "linking" }
  | { readonly kind: "live" }
  | { readonly kind: "failed"; readonly reason: string };

export type HandoverListener = (message: HandoverMessage, handle: object | undefined) => void;

/** One end of the channel. What is sent to somebody who is gone is dropped. */
export interface HandoverEnd {
  /** `onSent`: the handle has left, or never will. */
  send(message: HandoverMessage, handle?: object, onSent?: () => void): void;
  onMessage(listener: HandoverListener): void;
  /** Ends a successor that is not wanted any more. */
  giveUp(): void;
}

/** A listening socket of this process. It stays open here, whoever else has it. */
export interface OpenSocket extends SocketDescription {
  readonly handle: object;
  /** A worker's socket as its coordinator has it: to be closed once it has been passed on. */
  readonly isCopy?: boolean;
}

/** Handles of the runtime's own. */
export interface Closable {
  close(): void;
}
