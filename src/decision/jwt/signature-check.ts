/**
 * Whether one of an issuer's keys has signed a token. The key decides what it can be used with: its type, its curve, the
 * algorithm it names. Verification is synchronous: it takes a fraction of a millisecond, less than handing it to another
 * thread costs a proxy (bench/micro/jwt.bench.ts).
 */
import { Buffer } from "node:buffer";
import { verify } from "node:crypto";
import { JWT_KEYS_TRIED_MAX } from "../../core/limits.ts";
import type { CompactJws } from "./compact-jws.ts";
import { JWT_FAILURE, type JwtFailure } from "./failure.ts";
import type { VerificationKey } from "./json-web-key.ts";

/** Undefined when the signature is good. */
export function signatureFailure(
  jws: CompactJws,
  keys: readonly VerificationKey[],
): JwtFailure | undefined {
  if (keys.length === 0) return JWT_FAILURE.noKeys;
  const signed = Buffer.from(jws.signedText, "latin1");
  let tried = 0;
  for (let i = 0; i < keys.length && tried < JWT_KEYS_TRIED_MAX; i++) {
    const key = keys[i]!;
    if (!isMeant(key, jws)) continue;
    tried += 1;
    if (hasSigned(key, jws, signed)) return undefined;
  }
  return tried === 0 ? JWT_FAILURE.unknownKey : JWT_FAILURE.signature;
}

/** As in Envoy, where one of the two has no name every key that fits may be it. */
function isMeant({ keyId, keyType, curve, algorithm }: VerificationKey, jws: CompactJws): boolean {
  if (jws.keyId !== undefined && keyId !== undefined && jws.keyId !== keyId) return false;
  if (algorithm !== undefined && algorithm !== jws.algorithm.name) return false;
  return keyType === jws.algorithm.keyType && curve === jws.algorithm.curve;
}

function hasSigned(key: VerificationKey, jws: CompactJws, signed: Buffer): boolean {
  const { signature, algorithm } = jws;
  // RFC 8017 section 8.2.2, RFC 7518 section 3.4, RFC 8032 section 5.1.7: a signature of another length is none.
  if (signature.length !== (algorithm.signatureBytes || key.signatureBytes)) return false;
  try {
    return verify(algorithm.hash, signed, { key: key.object, ...algorithm.options }, signature);
  } catch {
    // OpenSSL throws for some of what is no signature.
    return false;
  }
}
