/** A subject public key as it stands in certificates and signing requests (RFC 5280 section 4.1.2.7). */
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import {
  DER_TAG,
  type DerElement,
  DerReader,
  integerBytesFrom,
  octetsFromBitString,
  oidFrom,
  readSingleElement,
} from "./der-reader.ts";
import { RSA_MODULUS_BITS_MAX, RSA_MODULUS_BITS_MIN } from "./limits.ts";
import { algorithmName, OID, signatureAlgorithmOf } from "./oid.ts";

export type PublicKeyKind =
  | { readonly kind: "ec"; readonly curve: string }
  | { readonly kind: "rsa"; readonly modulusBits: number }
  | { readonly kind: "ed25519" }
  | { readonly kind: "other"; readonly algorithm: string };

export interface SubjectPublicKey {
  /** SubjectPublicKeyInfo. */
  readonly der: Buffer;
  readonly algorithm: PublicKeyKind;
}

/** Reads a SubjectPublicKeyInfo. Throws `der-malformed`. */
export function parseSubjectPublicKey(element: DerElement): SubjectPublicKey {
  const reader = new DerReader(element.contents);
  const algorithm = reader.readConstructed(DER_TAG.sequence);
  const oid = oidFrom(algorithm.read(DER_TAG.objectIdentifier));
  const parameters = algorithm.isDone ? undefined : algorithm.readAny();
  algorithm.end();
  const key = octetsFromBitString(reader.read(DER_TAG.bitString));
  reader.end();
  return { der: element.encoded, algorithm: kindOf(oid, parameters, key) };
}

/** Why a key is too weak or of a kind not allowed, as the end of a sentence, or undefined. */
export function publicKeyProblem(key: SubjectPublicKey): string | undefined {
  const { algorithm } = key;
  switch (algorithm.kind) {
    case "ed25519":
      return undefined;
    case "ec": {
      const isAllowed = algorithm.curve === OID.curveP256 || algorithm.curve === OID.curveP384;
      return isAllowed
        ? undefined
        : `has an elliptic curve key on ${algorithmName(algorithm.curve)}, P-256 and P-384 are allowed`;
    }
    case "rsa":
      if (algorithm.modulusBits < RSA_MODULUS_BITS_MIN) {
        return `has an RSA key of ${algorithm.modulusBits} bits, at least ${RSA_MODULUS_BITS_MIN} are needed`;
      }
      return algorithm.modulusBits > RSA_MODULUS_BITS_MAX
        ? `has an RSA key of ${algorithm.modulusBits} bits, at most ${RSA_MODULUS_BITS_MAX} are allowed`
        : undefined;
    case "other":
      return `has a key of a kind that is not allowed (${algorithmName(algorithm.algorithm)})`;
  }
}

/** The key for `node:crypto`. Undefined when OpenSSL cannot use it, such as a point off its curve. */
export function keyObjectOf(key: SubjectPublicKey): KeyObject | undefined {
  try {
    return createPublicKey({ key: key.der, format: "der", type: "spki" });
  } catch {
    return undefined;
  }
}

/**
 * Whether `signature` is that of `key` over exactly these bytes. False too when the algorithm is not
 * accepted or needs another kind of key.
 */
export function isSignedBy(
  key: SubjectPublicKey,
  signed: {
    readonly bytes: Buffer;
    readonly algorithm: string;
    readonly signature: Buffer;
  },
): boolean {
  const algorithm = signatureAlgorithmOf(signed.algorithm);
  if (algorithm === undefined || algorithm.key !== key.algorithm.kind) return false;
  const keyObject = keyObjectOf(key);
  if (keyObject === undefined) return false;
  try {
    return verify(algorithm.hash, signed.bytes, keyObject, signed.signature);
  } catch {
    return false; // OpenSSL throws on some signatures that are not even well formed.
  }
}

function kindOf(oid: string, parameters: DerElement | undefined, key: Buffer): PublicKeyKind {
  if (oid === OID.ed25519) return { kind: "ed25519" };
  if (oid === OID.ecPublicKey && parameters?.tag === DER_TAG.objectIdentifier) {
    return { kind: "ec", curve: oidFrom(parameters) };
  }
  if (oid === OID.rsaEncryption) {
    // RFC 3279 section 2.3.1: RSAPublicKey is a sequence of modulus and exponent.
    const reader = new DerReader(readSingleElement(key, DER_TAG.sequence).contents);
    const modulus = integerBytesFrom(reader.read(DER_TAG.integer));
    return { kind: "rsa", modulusBits: bitLength(modulus) };
  }
  return { kind: "other", algorithm: oid };
}

function bitLength(integer: Buffer): number {
  const magnitude = integer[0] === 0 ? integer.subarray(1) : integer;
  return magnitude.length * 8 - Math.max(0, Math.clz32(magnitude[0] ?? 0) - 24);
}
