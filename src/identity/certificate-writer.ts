/** Writes X.509 certificates: the parts that the certificate authority puts together, and its signature. */
import { createHash, type KeyObject, sign } from "node:crypto";
import {
  derBitString,
  derBoolean,
  derContext,
  derElement,
  derInteger,
  derNamedBits,
  derOctetString,
  derOid,
  derSequence,
  derSetOfOne,
  derTime,
  derUtf8String,
} from "./der-writer.ts";
import { OID } from "./oid.ts";

/** What the issuer signs. All parts are DER, except the times. */
export interface CertificateContents {
  /** Big-endian bytes of a positive number. */
  readonly serial: Uint8Array;
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** Milliseconds since the epoch; cut to seconds. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly publicKey: Uint8Array;
  readonly extensions: readonly Uint8Array[];
}

/** How to sign: an algorithm identifier in DER and the hash that goes with it. */
export interface SigningAlgorithm {
  readonly identifier: Uint8Array;
  readonly hash: string | null;
}

export const ECDSA_WITH_SHA256: SigningAlgorithm = {
  identifier: derSequence(derOid(OID.ecdsaWithSha256)),
  hash: "sha256",
};

const TAG_NAME_DNS = 0x82;
const TAG_NAME_URI = 0x86;
const VERSION_3 = 2;

/** The certificate in DER, signed with `key`. */
export function writeCertificate(
  contents: CertificateContents,
  key: KeyObject,
  algorithm: SigningAlgorithm = ECDSA_WITH_SHA256,
): Buffer {
  const signed = derSequence(
    derContext(0, derInteger(VERSION_3)),
    derInteger(contents.serial),
    algorithm.identifier,
    contents.issuer,
    derSequence(derTime(contents.notBeforeMs), derTime(contents.notAfterMs)),
    contents.subject,
    contents.publicKey,
    derContext(3, derSequence(...contents.extensions)),
  );
  return signDer(signed, key, algorithm);
}

/** SIGNED{} of X.509: the contents, the algorithm, the signature. */
export function signDer(contents: Buffer, key: KeyObject, algorithm: SigningAlgorithm): Buffer {
  const signature = sign(algorithm.hash, contents, key);
  return derSequence(contents, algorithm.identifier, derBitString(signature));
}

/** A distinguished name of these attributes, in order. None makes the empty name. */
export function nameDer(attributes: readonly (readonly [oid: string, value: string])[]): Buffer {
  return derSequence(
    ...attributes.map(([oid, value]) =>
      derSetOfOne(derSequence(derOid(oid), derUtf8String(value))),
    ),
  );
}

export function extensionDer(oid: string, isCritical: boolean, value: Uint8Array): Buffer {
  return derSequence(
    derOid(oid),
    ...(isCritical ? [derBoolean(true)] : []), // DEFAULT FALSE is left out in DER.
    derOctetString(value),
  );
}

export function basicConstraintsDer(isCa: boolean, pathLengthMax?: number): Buffer {
  const value = derSequence(
    ...(isCa ? [derBoolean(true)] : []),
    ...(pathLengthMax === undefined ? [] : [derInteger(pathLengthMax)]),
  );
  return extensionDer(OID.basicConstraints, true, value);
}

/** By the bit numbers of RFC 5280 section 4.2.1.3. */
export function keyUsageDer(bits: readonly number[]): Buffer {
  return extensionDer(OID.keyUsage, true, derNamedBits(bits));
}

export function extendedKeyUsageDer(purposes: readonly string[]): Buffer {
  return extensionDer(OID.extendedKeyUsage, false, derSequence(...purposes.map(derOid)));
}

export function alternativeNamesDer(
  names: { readonly uris: readonly string[]; readonly dnsNames?: readonly string[] },
  isCritical: boolean,
): Buffer {
  const value = derSequence(
    ...names.uris.map((uri) => derElement(TAG_NAME_URI, Buffer.from(uri, "latin1"))),
    ...(names.dnsNames ?? []).map((name) => derElement(TAG_NAME_DNS, Buffer.from(name, "latin1"))),
  );
  return extensionDer(OID.subjectAlternativeName, isCritical, value);
}

/** RFC 7093 section 2, method 1: the first 160 bits of SHA-256; here over the whole key structure. */
export function keyIdentifierOf(publicKey: Uint8Array): Buffer {
  return createHash("sha256").update(publicKey).digest().subarray(0, 20);
}

export function subjectKeyIdentifierDer(identifier: Uint8Array): Buffer {
  return extensionDer(OID.subjectKeyIdentifier, false, derOctetString(identifier));
}

export function authorityKeyIdentifierDer(identifier: Uint8Array): Buffer {
  return extensionDer(OID.authorityKeyIdentifier, false, derSequence(derElement(0x80, identifier)));
}
