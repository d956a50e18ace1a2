/**
 * The algorithms that tokens may be signed with (RFC 7518 section 3.1, RFC 8037), each bound to one type of key, so that
 * a token's header cannot choose how its key is used (RFC 8725 section 3.1). `none` and those of shared secrets are not
 * here: whoever can verify an HMAC can make one.
 */
import { constants } from "node:crypto";

export type KeyType = "RSA" | "EC" | "OKP";

export interface SignatureAlgorithm {
  readonly name: string;
  readonly keyType: KeyType;
  /** The one curve of its keys; undefined for RSA. */
  readonly curve: string | undefined;
  /** As `node:crypto` names it; undefined where the algorithm brings its own. */
  readonly hash: string | undefined;
  /** Bytes of every signature; 0 for RSA, where it is the size of the key. */
  readonly signatureBytes: number;
  readonly options: SignatureOptions;
}

/** How `node:crypto` is to read a signature. */
export interface SignatureOptions {
  readonly padding?: number;
  readonly saltLength?: number;
  readonly dsaEncoding?: "ieee-p1363";
}

const PKCS1: SignatureOptions = { padding: constants.RSA_PKCS1_PADDING };
// RFC 7518 section 3.5: the salt has the size of the hash.
const PSS: SignatureOptions = {
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
};
// RFC 7518 section 3.4: R and S one behind the other.
const ECDSA: SignatureOptions = { dsaEncoding: "ieee-p1363" };

const ALGORITHMS: readonly SignatureAlgorithm[] = [
  rsa("RS256", "sha256", PKCS1),
  rsa("RS384", "sha384", PKCS1),
  rsa("RS512", "sha512", PKCS1),
  rsa("PS256", "sha256", PSS),
  rsa("PS384", "sha384", PSS),
  rsa("PS512", "sha512", PSS),
  ecdsa("ES256", "sha256", "P-256", 64),
  ecdsa("ES384", "sha384", "P-384", 96),
  ecdsa("ES512", "sha512", "P-521", 132),
  {
    name: "EdDSA",
    keyType: "OKP",
    curve: "Ed25519",
    hash: undefined,
    signatureBytes: 64,
    options: {},
  },
];

const BY_NAME: ReadonlyMap<string, SignatureAlgorithm> = new Map(
  ALGORITHMS.map((algorithm) => [algorithm.name, algorithm]),
);

/** Undefined for what is not accepted. Names are exact, case included. */
export function algorithmNamed(name: string): SignatureAlgorithm | undefined {
  return BY_NAME.get(name);
}

function rsa(name: string, hash: string, options: SignatureOptions): SignatureAlgorithm {
  return { name, keyType: "RSA", curve: undefined, hash, signatureBytes: 0, options };
}

function ecdsa(
  name: string,
  hash: string,
  curve: string,
  signatureBytes: number,
): SignatureAlgorithm {
  return { name, keyType: "EC", curve, hash, signatureBytes, options: ECDSA };
}
