/** The key exchanges and ciphers of TLS, by OpenSSL's names. */

const HYBRID = "X25519MLKEM768";

/** By Envoy's names, which are OpenSSL's here. */
export const TLS_GROUPS: ReadonlySet<string> = new Set([
  HYBRID,
  "X25519",
  "P-256",
  "P-384",
  "P-521",
]);

/** The hybrid first: what is recorded today stays secret when elliptic curves have fallen. */
export const DEFAULT_TLS_GROUPS: readonly string[] = ["X25519MLKEM768", "X25519", "P-256"];

/**
 * The list as OpenSSL reads it. Where the hybrid comes first a client sends a key share for the next group
 * too (the stars): a peer without the hybrid then needs no further round trip, and the share costs a
 * hundredth of a handshake. The slash ends a set of equal rank: a server asks for a share of the hybrid
 * where a client knows it but sent none.
 */
export function opensslGroupList(groups: readonly string[]): string {
  const [first = "", second, ...others] = groups;
  if (first !== HYBRID || second === undefined) return groups.join(":");
  return `*${first}/*${[second, ...others].join(":")}`;
}

/** For TLS 1.2, which also has ciphers without forward secrecy or without authenticated encryption. */
const CIPHERS_1_2 = [
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
];
/** OpenSSL's default for TLS 1.3. The runtime wants them named when others are. */
const CIPHERS_1_3 = [
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "TLS_AES_128_GCM_SHA256",
];

/** For both versions: those of a version that is not allowed do nothing. */
export const TLS_CIPHERS = [...CIPHERS_1_3, ...CIPHERS_1_2].join(":");
