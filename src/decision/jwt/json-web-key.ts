/**
 * A public key of a JSON Web Key Set (RFC 7517), imported only when nothing speaks against it: its type and curve are
 * known, its numbers are sound, it is meant for signatures, and nothing secret stands beside it.
 */
import { Buffer } from "node:buffer";
import type { KeyObject, webcrypto } from "node:crypto";
import { createPublicKey } from "node:crypto";
import type { MetadataMap, MetadataValue } from "../dynamic-metadata.ts";
import { algorithmNamed, type KeyType } from "./algorithm.ts";
import { decodeBase64url } from "./base64url.ts";
import { modulusProblem } from "./rsa-modulus.ts";

export interface VerificationKey {
  readonly kind: "key";
  /** Undefined where the key has no name. */
  readonly keyId: string | undefined;
  readonly keyType: KeyType;
  /** Undefined for RSA. */
  readonly curve: string | undefined;
  /** The one algorithm that it is for; undefined where it says none. */
  readonly algorithm: string | undefined;
  /** Of every signature that it makes; 0 where the algorithm says so. */
  readonly signatureBytes: number;
  readonly object: KeyObject;
}

/** A sentence about a key that is not used. */
export interface KeyProblem {
  readonly kind: "problem";
  readonly message: string;
}

/** Members of private and of shared keys (RFC 7518 sections 6.2.2, 6.3.2, 6.4.1): whoever publishes one has lost it. */
const SECRET_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/** Bytes of a coordinate (RFC 7518 section 6.2.1.2: always the full size). */
const CURVE_BYTES: Readonly<Record<string, number>> = { "P-256": 32, "P-384": 48, "P-521": 66 };
const ED25519_BYTES = 32;

/** What larger exponents cost is paid for each token. */
const EXPONENT_BYTES_MAX = 4;

export function importKey(value: MetadataValue): VerificationKey | KeyProblem {
  if (!(value instanceof Map)) return problem("it is not an object");
  const jwk: MetadataMap = value;
  const keyType = jwk.get("kty");
  if (keyType === "oct") return problem("a shared secret (kty oct) verifies nothing");
  const secret = SECRET_MEMBERS.find((name) => jwk.has(name));
  if (secret !== undefined) {
    return problem(`it has the private member "${secret}": the key is no secret any more`);
  }
  const misuse = purposeProblem(jwk);
  if (misuse !== undefined) return problem(misuse);
  switch (keyType) {
    case "RSA":
      return importRsa(jwk);
    case "EC":
      return importEc(jwk);
    case "OKP":
      return importOkp(jwk);
    default:
      return problem("kty is none of RSA, EC, OKP");
  }
}

/** RFC 7517 sections 4.2 to 4.5. */
function purposeProblem(jwk: MetadataMap): string | undefined {
  const keyId = jwk.get("kid");
  if (keyId !== undefined && typeof keyId !== "string") return "kid is not a text";
  const use = jwk.get("use");
  if (use !== undefined && use !== "sig") return "use is not sig";
  const operations = jwk.get("key_ops");
  if (operations === undefined) return undefined;
  const isForVerifying = Array.isArray(operations) && operations.includes("verify");
  return isForVerifying ? undefined : "key_ops does not have verify";
}

function importRsa(jwk: MetadataMap): VerificationKey | KeyProblem {
  const misfit = algorithmProblem(jwk, "RSA", undefined);
  if (misfit !== undefined) return problem(misfit);
  const modulus = numberOf(jwk, "n");
  if (modulus === undefined) return problem("n is no number in base64url");
  const weakness = modulusProblem(modulus);
  if (weakness !== undefined) return problem(weakness);
  const exponent = numberOf(jwk, "e");
  if (exponent === undefined) return problem("e is no number in base64url");
  if (exponent.length > EXPONENT_BYTES_MAX) return problem("e is too large");
  const size = exponent.length;
  // RFC 8017 section 3.1: odd, and at least 3.
  if (size === 0 || (exponent[size - 1]! & 1) === 0 || (size === 1 && exponent[0]! < 3)) {
    return problem("e is even or too small");
  }
  const material = {
    kty: "RSA",
    n: modulus.toString("base64url"),
    e: exponent.toString("base64url"),
  };
  return keyOf(jwk, "RSA", undefined, modulus.length, material);
}

function importEc(jwk: MetadataMap): VerificationKey | KeyProblem {
  const curve = jwk.get("crv");
  const size = typeof curve === "string" ? CURVE_BYTES[curve] : undefined;
  if (typeof curve !== "string" || size === undefined || !Object.hasOwn(CURVE_BYTES, curve)) {
    return problem("crv is none of P-256, P-384, P-521");
  }
  const misfit = algorithmProblem(jwk, "EC", curve);
  if (misfit !== undefined) return problem(misfit);
  const x = coordinateOf(jwk, "x", size);
  const y = coordinateOf(jwk, "y", size);
  if (x === undefined || y === undefined) {
    return problem(`x and y are not ${size} bytes each in base64url`);
  }
  return keyOf(jwk, "EC", curve, 2 * size, { kty: "EC", crv: curve, x, y });
}

function importOkp(jwk: MetadataMap): VerificationKey | KeyProblem {
  if (jwk.get("crv") !== "Ed25519") return problem("crv is not Ed25519");
  const misfit = algorithmProblem(jwk, "OKP", "Ed25519");
  if (misfit !== undefined) return problem(misfit);
  const x = coordinateOf(jwk, "x", ED25519_BYTES);
  if (x === undefined) return problem(`x is not ${ED25519_BYTES} bytes in base64url`);
  return keyOf(jwk, "OKP", "Ed25519", 2 * ED25519_BYTES, { kty: "OKP", crv: "Ed25519", x });
}

/** RFC 7517 section 4.4: a key that names an algorithm is for no other. */
function algorithmProblem(
  jwk: MetadataMap,
  keyType: KeyType,
  curve: string | undefined,
): string | undefined {
  const name = jwk.get("alg");
  if (name === undefined) return undefined;
  const algorithm = typeof name === "string" ? algorithmNamed(name) : undefined;
  if (algorithm === undefined) return "alg is no algorithm for signatures that is accepted";
  const fits = algorithm.keyType === keyType && algorithm.curve === curve;
  return fits ? undefined : `alg ${algorithm.name} is not for such a key`;
}

function keyOf(
  jwk: MetadataMap,
  keyType: KeyType,
  curve: string | undefined,
  signatureBytes: number,
  material: webcrypto.JsonWebKey,
): VerificationKey | KeyProblem {
  const object = publicKey(material);
  if (object === undefined) return problem("it is no point of its curve, or OpenSSL refuses it");
  const [keyId, algorithm] = [textOf(jwk, "kid"), textOf(jwk, "alg")];
  return { kind: "key", keyId, keyType, curve, algorithm, signatureBytes, object };
}

function publicKey(material: webcrypto.JsonWebKey): KeyObject | undefined {
  try {
    return createPublicKey({ key: material, format: "jwk" });
  } catch {
    return undefined;
  }
}

/** Without leading zeros, which some issuers write against RFC 7518 section 2. */
function numberOf(jwk: MetadataMap, name: string): Buffer | undefined {
  const text = textOf(jwk, name);
  const bytes = text === undefined ? undefined : decodeBase64url(text);
  if (bytes === undefined) return undefined;
  const first = bytes.findIndex((byte) => byte !== 0);
  return first < 0 ? Buffer.alloc(0) : bytes.subarray(first);
}

function coordinateOf(jwk: MetadataMap, name: string, size: number): string | undefined {
  const text = textOf(jwk, name);
  return text !== undefined && decodeBase64url(text)?.length === size ? text : undefined;
}

function textOf(jwk: MetadataMap, name: string): string | undefined {
  const value = jwk.get(name);
  return typeof value === "string" ? value : undefined;
}

function problem(message: string): KeyProblem {
  return { kind: "problem", message };
}
