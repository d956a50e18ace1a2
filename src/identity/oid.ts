/** Object identifiers that certificates of the mesh use, with the algorithms that are strong enough. */

export const OID = {
  basicConstraints: "2.5.29.19",
  keyUsage: "2.5.29.15",
  extendedKeyUsage: "2.5.29.37",
  subjectAlternativeName: "2.5.29.17",
  subjectKeyIdentifier: "2.5.29.14",
  authorityKeyIdentifier: "2.5.29.35",
  nameConstraints: "2.5.29.30",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
  anyExtendedKeyUsage: "2.5.29.37.0",
  organizationName: "2.5.4.10",
  commonName: "2.5.4.3",
  extensionRequest: "1.2.840.113549.1.9.14",
  rsaEncryption: "1.2.840.113549.1.1.1",
  ecPublicKey: "1.2.840.10045.2.1",
  ed25519: "1.3.101.112",
  curveP256: "1.2.840.10045.3.1.7",
  curveP384: "1.3.132.0.34",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  sha256WithRsa: "1.2.840.113549.1.1.11",
} as const;

/** A signature algorithm that is accepted: the kind of key it needs, and the hash to verify with. */
export interface SignatureAlgorithm {
  readonly key: "rsa" | "ec" | "ed25519";
  /** Null where the algorithm brings its own. */
  readonly hash: "sha256" | "sha384" | "sha512" | null;
}

/** Everything else is refused: MD5 and SHA-1 for weakness, RSASSA-PSS for its parameters. */
const SIGNATURE_ALGORITHMS: ReadonlyMap<string, SignatureAlgorithm> = new Map([
  ["1.2.840.113549.1.1.11", { key: "rsa", hash: "sha256" }],
  ["1.2.840.113549.1.1.12", { key: "rsa", hash: "sha384" }],
  ["1.2.840.113549.1.1.13", { key: "rsa", hash: "sha512" }],
  ["1.2.840.10045.4.3.2", { key: "ec", hash: "sha256" }],
  ["1.2.840.10045.4.3.3", { key: "ec", hash: "sha384" }],
  ["1.2.840.10045.4.3.4", { key: "ec", hash: "sha512" }],
  ["1.3.101.112", { key: "ed25519", hash: null }],
]);

/** Names for log lines, of what is refused too. */
const NAMES: ReadonlyMap<string, string> = new Map([
  ["1.2.840.113549.1.1.4", "MD5 with RSA"],
  ["1.2.840.113549.1.1.5", "SHA-1 with RSA"],
  ["1.2.840.113549.1.1.10", "RSASSA-PSS"],
  ["1.2.840.10045.4.1", "ECDSA with SHA-1"],
  ["1.2.840.10045.3.1.1", "P-192"],
  ["1.3.132.0.33", "P-224"],
  ["1.3.132.0.35", "P-521"],
  ["1.3.132.0.10", "secp256k1"],
  ["1.3.101.113", "Ed448"],
]);

/** The accepted algorithm behind an object identifier. */
export function signatureAlgorithmOf(oid: string): SignatureAlgorithm | undefined {
  return SIGNATURE_ALGORITHMS.get(oid);
}

/** A name for people, or the identifier itself. */
export function algorithmName(oid: string): string {
  return NAMES.get(oid) ?? oid;
}
