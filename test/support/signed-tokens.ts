/** Tokens as an identity provider signs them, and as nobody should: with any header, any claims, any key. */
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

const HASH: Readonly<Record<string, string>> = {
  "256": "sha256",
  "384": "sha384",
  "512": "sha512",
};
const CURVE: Readonly<Record<string, string>> = { ES256: "P-256", ES384: "P-384", ES512: "P-521" };

export interface SigningKey {
  readonly algorithm: string;
  readonly keyId: string;
  readonly privateKey: KeyObject;
  /** What a key set has of it. */
  readonly jwk: Readonly<Record<string, unknown>>;
}

export function signingKey(algorithm: string, keyId: string): SigningKey {
  const { privateKey, publicKey } = pairFor(algorithm);
  const jwk = { ...publicKey.export({ format: "jwk" }), kid: keyId, alg: algorithm, use: "sig" };
  return { algorithm, keyId, privateKey, jwk };
}

export function keySetOf(...keys: readonly SigningKey[]): string {
  return JSON.stringify({ keys: keys.map(({ jwk }) => jwk) });
}

/** `claims`: an object, or the payload's text. */
export function signedToken(
  key: SigningKey,
  claims: object | string,
  header: Readonly<Record<string, unknown>> = {},
): string {
  const head = { alg: key.algorithm, kid: key.keyId, typ: "JWT", ...header };
  const payload = typeof claims === "string" ? claims : JSON.stringify(claims);
  const signed = `${encoded(JSON.stringify(head))}.${encoded(payload)}`;
  return `${signed}.${signatureOf(key, signed).toString("base64url")}`;
}

export function encoded(text: string): string {
  return Buffer.from(text, "utf8").toString("base64url");
}

function signatureOf({ algorithm, privateKey }: SigningKey, text: string): Buffer {
  const data = Buffer.from(text, "latin1");
  const hash = HASH[algorithm.slice(2)];
  switch (algorithm.slice(0, 2)) {
    case "ES":
      return sign(hash, data, { key: privateKey, dsaEncoding: "ieee-p1363" });
    case "PS":
      return sign(hash, data, { key: privateKey, padding: 6, saltLength: -1 });
    default:
      return sign(hash, data, privateKey);
  }
}

function pairFor(algorithm: string): {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
} {
  if (algorithm === "EdDSA") return generateKeyPairSync("ed25519");
  const namedCurve = CURVE[algorithm];
  if (namedCurve !== undefined) return generateKeyPairSync("ec", { namedCurve });
  return generateKeyPairSync("rsa", { modulusLength: 2048 });
}
