/**
 * Join tokens: each lets one workload get its first certificate, once, within a short time. A token is
 * `<id>.<secret>`; only the hash of the secret is kept.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Clock } from "../core/clock.ts";
import { identityError } from "./errors.ts";
import { JOIN_TOKENS_MAX } from "./limits.ts";
import { type SpiffeId, type WorkloadIdentity, workloadSpiffeId } from "./spiffe-id.ts";

export const JOIN_TOKEN_LIFETIME_MS_DEFAULT = 600_000;

const ID_BYTES = 12;
const SECRET_BYTES = 32;

/** What is kept of a token. */
export interface JoinTokenRecord {
  readonly secretHash: Buffer;
  readonly identity: WorkloadIdentity;
  readonly expiresAtMs: number;
}

/** Where tokens are kept. All of it happens at once: no call may see another half done. */
export interface JoinTokenStore {
  readonly size: number;
  put(id: string, record: JoinTokenRecord): void;
  get(id: string): JoinTokenRecord | undefined;
  /** Whether the token was there: true for one caller only. */
  remove(id: string): boolean;
  removeExpired(nowMs: number): void;
}

export interface JoinTokenGrant {
  readonly token: string;
  readonly spiffeId: SpiffeId;
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

export class JoinTokens {
  readonly #store: JoinTokenStore;
  readonly #clock: Clock;
  readonly #lifetimeMs: number;

  constructor(deps: {
    readonly clock: Clock;
    readonly store?: JoinTokenStore;
    readonly lifetimeMs?: number;
  }) {
    this.#clock = deps.clock;
    this.#store = deps.store ?? new MemoryJoinTokenStore();
    this.#lifetimeMs = deps.lifetimeMs ?? JOIN_TOKEN_LIFETIME_MS_DEFAULT;
  }

  /** A new token. Throws `spiffe-id-invalid`, or `join-tokens-exhausted` when too many are unused. */
  create(identity: WorkloadIdentity): JoinTokenGrant {
    const spiffeId = workloadSpiffeId(identity);
    if (this.#store.size >= JOIN_TOKENS_MAX) this.#store.removeExpired(this.#clock.nowMs());
    if (this.#store.size >= JOIN_TOKENS_MAX) {
      throw identityError(
        { code: "join-tokens-exhausted" },
        `${JOIN_TOKENS_MAX} join tokens are waiting to be used, no more can be made`,
      );
    }
    const id = randomBytes(ID_BYTES).toString("base64url");
    const secret = randomBytes(SECRET_BYTES).toString("base64url");
    const expiresAtMs = this.#clock.nowMs() + this.#lifetimeMs;
    this.#store.put(id, { secretHash: hashOf(secret), identity, expiresAtMs });
    return { token: `${id}.${secret}`, spiffeId, expiresAtMs };
  }

  /** Whether it waits to be used, expired or not. Uses nothing up. */
  isKnown(token: string): boolean {
    const dot = token.indexOf(".");
    const record = this.#store.get(token.slice(0, Math.max(0, dot)));
    return record !== undefined && timingSafeEqual(record.secretHash, hashOf(token.slice(dot + 1)));
  }

  /** Uses a token up: who holds it may have a certificate for this identity. Throws `join-token-refused`. */
  redeem(token: string): WorkloadIdentity {
    const dot = token.indexOf(".");
    const id = token.slice(0, Math.max(0, dot));
    const record = this.#store.get(id);
    // The id is no secret, so looking it up may take what time it takes. A wrong secret uses nothing up.
    if (record === undefined || !timingSafeEqual(record.secretHash, hashOf(token.slice(dot + 1)))) {
      throw refused("unknown", "the join token is unknown or was used already");
    }
    if (!this.#store.remove(id)) {
      throw refused("unknown", "the join token is unknown or was used already");
    }
    if (this.#clock.nowMs() >= record.expiresAtMs) {
      throw refused("expired", "the join token has expired");
    }
    return record.identity;
  }
}

/** Tokens in memory: a restart of the control plane forgets them, and sidecars ask for new ones. */
export class MemoryJoinTokenStore implements JoinTokenStore {
  readonly #records = new Map<string, JoinTokenRecord>();

  get size(): number {
    return this.#records.size;
  }

  put(id: string, record: JoinTokenRecord): void {
    this.#records.set(id, record);
  }

  get(id: string): JoinTokenRecord | undefined {
    return this.#records.get(id);
  }

  remove(id: string): boolean {
    return this.#records.delete(id);
  }

  removeExpired(nowMs: number): void {
    for (const [id, record] of this.#records) {
      if (nowMs >= record.expiresAtMs) this.#records.delete(id);
    }
  }
}

function hashOf(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}

function refused(reason: "unknown" | "expired", message: string): Error {
  return identityError({ code: "join-token-refused", reason }, message);
}
