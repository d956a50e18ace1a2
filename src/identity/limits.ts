/** Every bound of the identity code, with the reason for its size. */

/** SPIFFE-ID section 2.3: ids up to this length must work, longer ones must not be made. */
export const SPIFFE_ID_BYTES_MAX = 2048;

/** SPIFFE-ID section 2.3, from the host limit of RFC 3986. */
export const TRUST_DOMAIN_BYTES_MAX = 255;

/** One DER certificate. Real ones are 1–4 KiB; OpenSSL stops a handshake at 100 KiB for all of them. */
export const CERTIFICATE_BYTES_MAX = 64 * 1024;

/** Certificates that a peer may send. Real chains have at most four. */
export const CHAIN_CERTIFICATES_MAX = 10;

/** Signing certificates between a leaf and a root of the bundle. */
export const PATH_INTERMEDIATES_MAX = 5;

/** Signatures checked for one peer, whatever shape its chain has: a handshake must stay cheap. */
export const SIGNATURE_CHECKS_MAX = 16;

/** Extensions in one certificate. Real ones have about ten. */
export const EXTENSIONS_MAX = 64;

/** Names in one subject alternative name extension. */
export const ALTERNATIVE_NAMES_MAX = 256;

/** NIST SP 800-131A asks for 2048; above the upper bound one check costs milliseconds. */
export const RSA_MODULUS_BITS_MIN = 2048;
export const RSA_MODULUS_BITS_MAX = 8192;

/** A certificate signing request: P-256 ones take 250 bytes, RSA 8192 ones 2 KiB. */
export const CSR_BYTES_MAX = 16 * 1024;

/** RFC 5280 section 4.1.2.2: at most 20 octets. */
export const SERIAL_BYTES_MAX = 20;

/** Join tokens not yet used or expired. Beyond it the control plane refuses to make more. */
export const JOIN_TOKENS_MAX = 10_000;

/** Identities that have a rate limit of their own at one time. */
export const RATE_LIMIT_KEYS_MAX = 10_000;

/** Revoked identities, or certificates, that sidecars are told of. 10,000 take about 1 MB on the wire. */
export const IDENTITY_POLICY_ENTRIES_MAX = 10_000;

/** Revocation lists in one trust bundle, and certificates on one of them. */
export const CRLS_MAX = 64;
export const CRL_ENTRIES_MAX = 100_000;
export const CRL_BYTES_MAX = 4 * 1024 * 1024;

/** Audiences of one JWT-SVID, and characters of each: a token travels in a header field. */
export const AUDIENCES_MAX = 16;
export const AUDIENCE_CHARACTERS_MAX = 512;
