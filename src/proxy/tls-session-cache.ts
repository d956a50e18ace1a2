/**
 * TLS sessions that upstream peers gave, by address, each with the chain that its peer was accepted by:
 * a resumed handshake brings no certificate, and the peer is judged again by the one it had.
 */
import {
  TLS_SESSION_BYTES_MAX,
  TLS_SESSION_ENDPOINTS_MAX,
  TLS_SESSION_LIFETIME_MS,
  TLS_SESSION_USES_MAX,
  TLS_SESSIONS_PER_ENDPOINT_MAX,
} from "../core/limits.ts";
import type { PeerChain } from "../net/peer-chain.ts";

/** How the handshake went that a session comes from. */
export interface SessionOrigin {
  readonly chain: PeerChain;
  /** Wall clock: when the peer's certificate ends, and the session with it. */
  readonly notAfterMs: number;
  /** Wall clock of the full handshake. A session that was got by resuming is no younger. */
  readonly beganAtMs: number;
}

export interface KeptSession {
  readonly ticket: Buffer;
  readonly origin: SessionOrigin;
}

interface Entry extends KeptSession {
  usesLeft: number;
}

export class TlsSessionCache {
  /** In order of last use. */
  readonly #endpoints = new Map<string, Entry[]>();

  get endpointCount(): number {
    return this.#endpoints.size;
  }

  /** The newest session for this address that is still good, to be used once. */
  take(address: string, nowMs: number): KeptSession | undefined {
    const entries = this.#endpoints.get(address);
    if (entries === undefined) return undefined;
    this.#endpoints.delete(address);
    for (let entry = entries.at(-1); entry !== undefined; entry = entries.at(-1)) {
      if (!isAlive(entry.origin, nowMs)) {
        entries.pop();
        continue;
      }
      entry.usesLeft -= 1;
      if (entry.usesLeft === 0) entries.pop();
      if (entries.length > 0) this.#endpoints.set(address, entries);
      return entry;
    }
    return undefined;
  }

  /** A session of which the peer was accepted. */
  put(address: string, ticket: Buffer, origin: SessionOrigin): void {
    if (ticket.length > TLS_SESSION_BYTES_MAX) return;
    const entries = this.#endpoints.get(address) ?? [];
    this.#endpoints.delete(address);
    entries.push({ ticket, origin, usesLeft: TLS_SESSION_USES_MAX });
    if (entries.length > TLS_SESSIONS_PER_ENDPOINT_MAX) entries.shift();
    this.#endpoints.set(address, entries);
    if (this.#endpoints.size <= TLS_SESSION_ENDPOINTS_MAX) return;
    for (const oldest of this.#endpoints.keys()) {
      this.#endpoints.delete(oldest);
      return;
    }
  }

  forget(address: string): void {
    this.#endpoints.delete(address);
  }
}

/** A clock that was set back does not make a session live longer. */
function isAlive({ notAfterMs, beganAtMs }: SessionOrigin, nowMs: number): boolean {
  const ageMs = nowMs - beganAtMs;
  return ageMs >= 0 && ageMs < TLS_SESSION_LIFETIME_MS && nowMs < notAfterMs;
}
