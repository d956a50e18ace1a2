/**
 * Joins with a certificate of another authority, such as a machine's: makes a signed assertion (RFC 7523 section 3) from
 * files that whoever renews the certificate keeps fresh. The key never leaves the process.
 */
import { createPrivateKey, type KeyObject, randomUUID, sign } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Clock } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import { identityError } from "./errors.ts";
import { parsePem } from "./pem.ts";
import type { JoinCredentials, TokenSource } from "./token-source.ts";

/** It is used at once. */
const LIFETIME_S = 60;

export interface CertificateTokenSourceOptions {
  /** PEM, the own certificate first. */
  readonly certificatePath: string;
  readonly keyPath: string;
  readonly trustBundlePath: string;
  /** The control plane's SPIFFE id. */
  readonly audience: string;
  readonly clock: Clock;
}

export class CertificateTokenSource implements TokenSource {
  readonly #options: CertificateTokenSourceOptions;

  constructor(options: CertificateTokenSourceOptions) {
    this.#options = options;
  }

  async getCredentials(): Promise<JoinCredentials> {
    const { certificatePath, keyPath, trustBundlePath, audience, clock } = this.#options;
    try {
      const [chainPem, keyPem, trustBundlePem] = await Promise.all(
        [certificatePath, keyPath, trustBundlePath].map((path) => readFile(path, "utf8")),
      );
      const key = createPrivateKey(keyPem ?? "");
      const issuedAt = Math.floor(clock.nowMs() / 1000);
      const chain = parsePem(chainPem ?? "", "CERTIFICATE").map((der) => der.toString("base64"));
      const claims = {
        aud: audience,
        iat: issuedAt,
        exp: issuedAt + LIFETIME_S,
        jti: randomUUID(),
      };
      return { token: assertion(key, chain, claims), trustBundlePem: trustBundlePem ?? "" };
    } catch (error) {
      const reason = `no assertion by ${certificatePath}: ${messageOf(error)}`;
      throw identityError({ code: "certificate-request-failed", isRefused: false }, reason, error);
    }
  }
}

function assertion(key: KeyObject, chain: readonly string[], claims: object): string {
  const { alg, hash } = algorithmOf(key);
  const text = `${encoded({ alg, x5c: chain })}.${encoded(claims)}`;
  const signature = sign(hash, Buffer.from(text, "latin1"), { key, dsaEncoding: "ieee-p1363" });
  return `${text}.${signature.toString("base64url")}`;
}

/** RFC 7518 section 3.1, RFC 8037: what belongs to the key. */
function algorithmOf(key: KeyObject): { readonly alg: string; readonly hash: string | undefined } {
  switch (key.asymmetricKeyType) {
    case "rsa":
      return { alg: "RS256", hash: "sha256" };
    case "ed25519":
      return { alg: "EdDSA", hash: undefined };
    default:
      return key.asymmetricKeyDetails?.namedCurve === "secp384r1"
        ? { alg: "ES384", hash: "sha384" }
        : { alg: "ES256", hash: "sha256" };
  }
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value), "utf8").toString("base64url");
}
