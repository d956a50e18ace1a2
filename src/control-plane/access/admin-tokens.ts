/**
 * Tokens of the admin API: `tulle_<id>_<secret>`, each with a role and an end. Only a hash of the secret is kept, in a
 * file that its owner alone may read; what is made or revoked is durable before the answer.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import type { Clock } from "../../core/clock.ts";
import { readKeyFile, replaceFile } from "../../identity/state-files.ts";
import type { AdminRole } from "../access-types.ts";
import { controlPlaneError } from "../errors.ts";
import { ADMIN_ROLES } from "./roles.ts";

/** Tokens at one time, expired ones included: enough for every pipeline, little to read at a start. */
export const ADMIN_TOKENS_MAX = 1000;
export const TOKEN_LIFETIME_MS_DEFAULT = 8 * 3_600_000;
/** How long an expired token is still listed, so that its user finds out why it is refused. */
const EXPIRED_KEPT_MS = 30 * 24 * 3_600_000;

const ID_BYTES = 9;
const SECRET_BYTES = 32;
const TOKEN = /^tulle_(?<id>[A-Za-z0-9-]{12})_(?<secret>[A-Za-z0-9_-]{43})$/;

export interface AdminToken {
  readonly id: string;
  readonly name: string;
  readonly role: AdminRole;
  /** SHA-256 in hexadecimal. The secret has 256 random bits: it needs no slow hash. */
  readonly secretHash: string;
  readonly createdAtMs: number;
  readonly createdBy: string;
  readonly expiresAtMs: number;
}

/** Why a token is not good, in words that say nothing to who guesses. */
export type TokenVerdict =
  | { readonly ok: true; readonly token: AdminToken }
  | { readonly ok: false; readonly reason: string };

const fileSchema = z.array(
  z.strictObject({
    id: z.string(),
    name: z.string(),
    role: z.enum(ADMIN_ROLES),
    secretHash: z.string().regex(/^[0-9a-f]{64}$/),
    createdAtMs: z.number(),
    createdBy: z.string(),
    expiresAtMs: z.number(),
  }),
);

export class AdminTokens {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #byId = new Map<string, AdminToken>();
  readonly #lastUsedMs = new Map<string, number>();

  /** Throws when the file can be read by others, or by nobody: a broken list must not pass for an empty one. */
  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
    const text = readKeyFile(path);
    if (text === undefined) return;
    for (const token of parseFile(path, text)) this.#byId.set(token.id, token);
  }

  /** Throws `admin-token-refused` for a name that is taken, or too many. The token is not seen again. */
  create(request: {
    readonly name: string;
    readonly role: AdminRole;
    readonly lifetimeMs: number;
    readonly createdBy: string;
  }): { readonly token: string; readonly record: AdminToken } {
    this.#forgetOld();
    if (this.find(request.name) !== undefined) {
      throw refused(`there is a token "${request.name}" already: revoke it first`);
    }
    if (this.#byId.size >= ADMIN_TOKENS_MAX) {
      throw refused(`there are ${ADMIN_TOKENS_MAX} tokens already: revoke some first`);
    }
    const id = randomBytes(ID_BYTES).toString("base64url").replaceAll("_", "-");
    const secret = randomBytes(SECRET_BYTES).toString("base64url");
    const nowMs = this.#clock.nowMs();
    const record: AdminToken = {
      id,
      name: request.name,
      role: request.role,
      secretHash: hashOf(secret).toString("hex"),
      createdAtMs: nowMs,
      createdBy: request.createdBy,
      expiresAtMs: nowMs + request.lifetimeMs,
    };
    this.#byId.set(id, record);
    this.#write();
    return { token: `tulle_${id}_${secret}`, record };
  }

  /** Whether there was one. */
  revoke(name: string): boolean {
    const token = this.find(name);
    if (token === undefined) return false;
    this.#byId.delete(token.id);
    this.#lastUsedMs.delete(token.id);
    this.#write();
    return true;
  }

  find(name: string): AdminToken | undefined {
    return [...this.#byId.values()].find((token) => token.name === name);
  }

  /** By name. */
  list(): readonly (AdminToken & { readonly lastUsedMs: number | undefined })[] {
    return [...this.#byId.values()]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((token) => ({ ...token, lastUsedMs: this.#lastUsedMs.get(token.id) }));
  }

  /** Whether a text has the form of a token. */
  static isToken(text: string): boolean {
    return TOKEN.test(text);
  }

  verify(text: string): TokenVerdict {
    const { id = "", secret = "" } = TOKEN.exec(text)?.groups ?? {};
    const token = this.#byId.get(id);
    // The id is no secret, so looking it up may take what time it takes.
    const isRight =
      token !== undefined && timingSafeEqual(Buffer.from(token.secretHash, "hex"), hashOf(secret));
    if (token === undefined || !isRight) return { ok: false, reason: "the token is not known" };
    const nowMs = this.#clock.nowMs();
    if (nowMs >= token.expiresAtMs) {
      const since = new Date(token.expiresAtMs).toISOString();
      return { ok: false, reason: `the token "${token.name}" expired at ${since}` };
    }
    this.#lastUsedMs.set(id, nowMs);
    return { ok: true, token };
  }

  #forgetOld(): void {
    const before = this.#clock.nowMs() - EXPIRED_KEPT_MS;
    for (const [id, token] of this.#byId) if (token.expiresAtMs < before) this.#byId.delete(id);
  }

  #write(): void {
    replaceFile(this.#path, `${JSON.stringify([...this.#byId.values()], null, 1)}\n`, 0o600);
  }
}

function parseFile(path: string, text: string): readonly AdminToken[] {
  try {
    return fileSchema.parse(JSON.parse(text));
  } catch (error) {
    throw controlPlaneError(
      { code: "state-directory-unusable", path },
      `${path} does not hold a list of tokens: put back a copy, or remove it, which revokes all of them`,
      error,
    );
  }
}

function hashOf(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}

function refused(message: string): Error {
  return controlPlaneError({ code: "admin-token-refused" }, message);
}
