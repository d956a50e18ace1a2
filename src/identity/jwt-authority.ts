/**
 * The keys that JWT-SVIDs of a trust domain are signed with, on disk, sealed with the authority's passphrase where there is
 * one. They follow each other by themselves: a key is published long before it signs and stays published until the last
 * token that it signed has expired, so that whoever asks every few minutes never meets a token of an unknown key.
 *
 *   made ──► published ──PUBLISH_AHEAD──► signs ──SIGN_FOR──► published still ──KEEP_AFTER──► forgotten
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from "node:crypto";
import type { Clock } from "../core/clock.ts";
import { identityError } from "./errors.ts";
import { isSealedKey, sealKey, unsealKey } from "./key-seal.ts";
import type { SpiffeId } from "./spiffe-id.ts";
import { readKeyFile, replaceFile, stateInvalid } from "./state-files.ts";

/** A token lives as long as SPIRE's. */
export const JWT_SVID_LIFETIME_MS = 5 * 60_000;

/** SPIFFE Federation section 4: three to five refresh hints, which are five minutes here, and the first key at once. */
const PUBLISH_AHEAD_MS = 30 * 60_000;
const SIGN_FOR_MS = 24 * 3_600_000;
/** Beyond the last token: clocks differ. */
const KEEP_AFTER_MS = JWT_SVID_LIFETIME_MS + 60_000;
const KEY_ID_BYTES = 8;

/** A public key as bundles have it, without `use`. */
export type JwtAuthorityJwk = Readonly<Record<string, string>>;

export interface JwtAuthorityOptions {
  readonly path: string;
  readonly passphrase?: string | undefined;
  readonly clock: Clock;
  /** log2 of the cost of sealing; for tests. */
  readonly sealCostLog2?: number;
}

export interface JwtSvidRequest {
  readonly spiffeId: SpiffeId;
  /** One at least. */
  readonly audience: readonly string[];
}

export interface SignedJwtSvid {
  readonly token: string;
  readonly expiresAtMs: number;
}

interface StoredKey {
  readonly kid: string;
  /** When it begins to sign. */
  readonly fromMs: number;
  readonly pem: string;
}

interface OpenKey extends StoredKey {
  readonly object: KeyObject;
  readonly jwk: JwtAuthorityJwk;
}

export class JwtAuthority {
  readonly #options: JwtAuthorityOptions;
  readonly #listeners = new Set<() => void>();
  /** In the order in which they sign. */
  #keys: readonly OpenKey[];

  /** Makes the first key where there is none. Throws `ca-key-permissions`, `ca-key-sealed` or `ca-state-invalid`. */
  static open(options: JwtAuthorityOptions): JwtAuthority {
    return new JwtAuthority(options);
  }

  private constructor(options: JwtAuthorityOptions) {
    this.#options = options;
    this.#keys = readKeys(options);
    this.refresh();
  }

  /** The public keys that are published at this moment. */
  get publicKeys(): readonly JwtAuthorityJwk[] {
    return this.#keys.map(({ jwk }) => jwk);
  }

  /** Calls `listener` after each change of the published keys. Returns how to end that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Makes the next key and forgets old ones, when it is time. To be called every minute or so. */
  refresh(): void {
    const nowMs = this.#options.clock.nowMs();
    const kept = this.#keys.filter((_, index) => {
      const next = this.#keys[index + 1];
      return next === undefined || nowMs < next.fromMs + KEEP_AFTER_MS;
    });
    const last = kept.at(-1);
    const isDue = last === undefined || nowMs >= last.fromMs + SIGN_FOR_MS - PUBLISH_AHEAD_MS;
    if (!isDue && kept.length === this.#keys.length) return;
    const fromMs = last === undefined ? nowMs : Math.max(nowMs, last.fromMs) + PUBLISH_AHEAD_MS;
    const keys = isDue ? [...kept, newKey(fromMs)] : kept;
    writeKeys(this.#options, keys);
    this.#keys = keys;
    for (const listener of [...this.#listeners]) listener();
  }

  sign({ spiffeId, audience }: JwtSvidRequest): SignedJwtSvid {
    const nowMs = this.#options.clock.nowMs();
    const key = this.#keys.findLast(({ fromMs }) => fromMs <= nowMs) ?? this.#keys[0];
    if (key === undefined)
      throw identityError({ code: "ca-not-valid" }, "there is no key for tokens");
    const issuedAt = Math.floor(nowMs / 1000);
    const expiresAt = issuedAt + JWT_SVID_LIFETIME_MS / 1000;
    const header = { alg: "ES256", kid: key.kid, typ: "JWT" };
    const claims = { sub: spiffeId, aud: audience, exp: expiresAt, iat: issuedAt };
    const text = `${encoded(header)}.${encoded(claims)}`;
    const signature = sign("sha256", Buffer.from(text, "latin1"), {
      key: key.object,
      dsaEncoding: "ieee-p1363",
    });
    return { token: `${text}.${signature.toString("base64url")}`, expiresAtMs: expiresAt * 1000 };
  }
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value), "utf8").toString("base64url");
}

function newKey(fromMs: number): OpenKey {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
  const { x = "" } = createPublicKey(privateKey).export({ format: "jwk" });
  const kid = Buffer.from(x, "base64url")
    .toString("hex")
    .slice(0, 2 * KEY_ID_BYTES);
  return openKey({ kid, fromMs, pem });
}

function openKey(stored: StoredKey): OpenKey {
  const object = createPrivateKey(stored.pem);
  const { kty = "", crv = "", x = "", y = "" } = createPublicKey(object).export({ format: "jwk" });
  return { ...stored, object, jwk: { kty, kid: stored.kid, crv, x, y, alg: "ES256" } };
}

function readKeys({ path, passphrase }: JwtAuthorityOptions): readonly OpenKey[] {
  let text = readKeyFile(path);
  if (text === undefined) return [];
  if (isSealedKey(text)) {
    text = passphrase === undefined ? undefined : unsealKey(text, passphrase);
    if (text === undefined) {
      const reason = "give the passphrase of the certificate authority to open it";
      throw identityError({ code: "ca-key-sealed", path }, `${path} is sealed: ${reason}`);
    }
  }
  try {
    return (JSON.parse(text) as { readonly keys: readonly StoredKey[] }).keys.map(openKey);
  } catch (error) {
    const whatToDo = "remove it to start with a new key: tokens of the old one are refused then";
    throw stateInvalid(path, `${path} cannot be read: ${whatToDo}`, error);
  }
}

function writeKeys(options: JwtAuthorityOptions, keys: readonly OpenKey[]): void {
  const { path, passphrase, sealCostLog2 } = options;
  const text = JSON.stringify({ keys: keys.map(({ kid, fromMs, pem }) => ({ kid, fromMs, pem })) });
  replaceFile(
    path,
    passphrase === undefined ? text : sealKey(text, passphrase, sealCostLog2),
    0o600,
  );
}
