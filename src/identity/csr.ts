/**
 * Certificate signing requests (PKCS #10, RFC 2986). A workload writes one for its own key; the control
 * plane takes the public key out of it, once the signature proves that the sender holds the private one.
 */
import type { KeyObject } from "node:crypto";
import { messageOf } from "../core/errors.ts";
import { type CertificateExtensions, readExtensions } from "./certificate.ts";
import { alternativeNamesDer, ECDSA_WITH_SHA256, signDer } from "./certificate-writer.ts";
import {
  DER_TAG,
  DerReader,
  octetsFromBitString,
  oidFrom,
  readSingleElement,
} from "./der-reader.ts";
import { derContext, derInteger, derOid, derSequence, derSetOfOne } from "./der-writer.ts";
import { identityError } from "./errors.ts";
import { CSR_BYTES_MAX } from "./limits.ts";
import { OID } from "./oid.ts";
import {
  isSignedBy,
  keyObjectOf,
  parseSubjectPublicKey,
  publicKeyProblem,
  type SubjectPublicKey,
} from "./public-key.ts";
import type { SpiffeId } from "./spiffe-id.ts";

const TAG_ATTRIBUTES = 0xa0;

/**
 * A request for an elliptic curve key on P-256. Its one name is the identity, for issuers that sign what a request says;
 * the mesh's own authority decides by who is asking, and needs no name.
 */
export function createCsr(
  keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject },
  spiffeId?: SpiffeId,
): Buffer {
  const publicKeyDer = keys.publicKey.export({ format: "der", type: "spki" });
  return signDer(infoDer(publicKeyDer, spiffeId), keys.privateKey, ECDSA_WITH_SHA256);
}

/**
 * Whether a request says exactly what `createCsr` writes: this identity, no subject, nothing else. Only such a one may
 * go to an issuer that signs what it reads: any other name would be one that the caller chose.
 */
export function asksForNothingBut(csrDer: Buffer, spiffeId: SpiffeId): boolean {
  const { infoDer: info, publicKey } = parseCsr(csrDer);
  return info.equals(infoDer(publicKey.der, spiffeId));
}

/** RFC 2986 section 4.1. Without a subject the name is critical (RFC 5280 section 4.2.1.6). */
function infoDer(publicKeyDer: Buffer, spiffeId: SpiffeId | undefined): Buffer {
  if (spiffeId === undefined) {
    return derSequence(derInteger(0), derSequence(), publicKeyDer, derContext(0));
  }
  const extensions = derSequence(alternativeNamesDer({ uris: [spiffeId] }, true));
  const attribute = derSequence(derOid(OID.extensionRequest), derSetOfOne(extensions));
  return derSequence(derInteger(0), derSequence(), publicKeyDer, derContext(0, attribute));
}

/** The public key of a request that is well formed, signed by it, and strong. Throws `csr-refused`. */
export function publicKeyFromCsr(der: Buffer): SubjectPublicKey {
  if (der.length > CSR_BYTES_MAX) throw refused(`it is larger than ${CSR_BYTES_MAX} bytes`);
  let csr: Csr;
  try {
    csr = parseCsr(der);
  } catch (error) {
    throw refused(messageOf(error), error);
  }
  const { publicKey, extensions } = csr;
  const weakness = publicKeyProblem(publicKey);
  if (weakness !== undefined) throw refused(`it ${weakness}`);
  const isPossessed = isSignedBy(publicKey, {
    bytes: csr.infoDer,
    algorithm: csr.signatureAlgorithm,
    signature: csr.signature,
  });
  if (!isPossessed) throw refused("its signature was not made with the key that it holds");
  // Nothing asked for is ever granted. These two only show that the sender is up to no good.
  if (
    extensions?.basicConstraints?.isCa === true ||
    extensions?.keyUsage?.hasKeyCertSign === true
  ) {
    throw refused("it asks for a signing certificate");
  }
  if ((extensions?.alternativeNames?.uris.length ?? 0) > 1) {
    throw refused("it asks for more than one URI SAN");
  }
  return canonicalKey(publicKey);
}

interface Csr {
  readonly infoDer: Buffer;
  readonly publicKey: SubjectPublicKey;
  readonly extensions: CertificateExtensions | undefined;
  readonly signatureAlgorithm: string;
  readonly signature: Buffer;
}

function parseCsr(der: Buffer): Csr {
  const outer = new DerReader(readSingleElement(der, DER_TAG.sequence).contents);
  const info = outer.read(DER_TAG.sequence);
  const algorithm = outer.readConstructed(DER_TAG.sequence);
  const signatureAlgorithm = oidFrom(algorithm.read(DER_TAG.objectIdentifier));
  const signature = octetsFromBitString(outer.read(DER_TAG.bitString));
  outer.end();
  const body = new DerReader(info.contents);
  body.read(DER_TAG.integer); // The version says nothing: there is only one.
  body.read(DER_TAG.sequence); // The subject is not ours to read.
  const publicKey = parseSubjectPublicKey(body.read(DER_TAG.sequence));
  const attributes = body.readOptional(TAG_ATTRIBUTES);
  body.end();
  return {
    infoDer: info.encoded,
    publicKey,
    extensions: attributes === undefined ? undefined : requestedExtensions(attributes.contents),
    signatureAlgorithm,
    signature,
  };
}

/** RFC 2985 section 5.4.2. */
function requestedExtensions(attributes: Buffer): CertificateExtensions | undefined {
  const reader = new DerReader(attributes);
  let extensions: CertificateExtensions | undefined;
  while (!reader.isDone) {
    const attribute = reader.readConstructed(DER_TAG.sequence);
    const oid = oidFrom(attribute.read(DER_TAG.objectIdentifier));
    const values = attribute.readConstructed(DER_TAG.set);
    attribute.end();
    if (oid !== OID.extensionRequest) continue;
    if (extensions !== undefined) throw refused("it asks for extensions twice");
    extensions = readExtensions(values.readConstructed(DER_TAG.sequence));
    values.end();
  }
  return extensions;
}

/** The key as OpenSSL writes it, so that no odd encoding gets into a certificate. */
function canonicalKey(key: SubjectPublicKey): SubjectPublicKey {
  const keyObject = keyObjectOf(key);
  if (keyObject === undefined) throw refused("its key cannot be used");
  const der = keyObject.export({ format: "der", type: "spki" });
  return parseSubjectPublicKey(readSingleElement(der, DER_TAG.sequence));
}

function refused(reason: string, cause?: unknown): Error {
  return identityError(
    { code: "csr-refused" },
    `certificate signing request refused: ${reason}`,
    cause,
  );
}
