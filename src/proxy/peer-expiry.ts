/**
 * A peer has its identity until its certificate expires: by then its connections take no new work. Only
 * connections with a verified peer have a timer, of the coarse wheel.
 */
import type { Socket } from "node:net";
import { PEER_EXPIRY_LEAD_MS } from "../core/limits.ts";
import { TimerEntry, type TimerWheel } from "../core/timer-wheel.ts";
import { type FaultOwner, guarded } from "./callback-faults.ts";

/** The wall clock may be set meanwhile: it is looked at again after so long. */
const RECHECK_MS = 600_000;

export interface ExpiryServices {
  readonly timers: { readonly idle: TimerWheel };
  readonly wallMs: () => number;
}

/**
 * Calls `onExpired` once, at the latest at `notAfterMs` by the wall clock and some ticks before it, unless
 * the socket has closed by then. Infinite: never.
 */
export function atPeerExpiry(
  socket: Socket,
  notAfterMs: number,
  services: ExpiryServices,
  owner: FaultOwner,
  onExpired: () => void,
): void {
  if (notAfterMs === Number.POSITIVE_INFINITY || socket.closed) return;
  const { wallMs } = services;
  const { idle } = services.timers;
  const onTimeout = (): void => {
    const leftMs = notAfterMs - PEER_EXPIRY_LEAD_MS - wallMs();
    if (leftMs > 0) idle.arm(timer, Math.min(leftMs, RECHECK_MS));
    else onExpired();
  };
  const timer = new TimerEntry(guarded(owner, onTimeout));
  socket.once("close", () => idle.disarm(timer));
  idle.arm(timer, Math.min(RECHECK_MS, Math.max(0, notAfterMs - PEER_EXPIRY_LEAD_MS - wallMs())));
}

/** For what cannot be told to end: the socket is cut. */
export function cutAtPeerExpiry(
  socket: Socket,
  notAfterMs: number,
  services: ExpiryServices,
): void {
  const owner = { onFault: () => socket.destroy() };
  atPeerExpiry(socket, notAfterMs, services, owner, () => socket.destroy());
}
