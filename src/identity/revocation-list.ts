/**
 * Certificate revocation lists (RFC 5280 section 5), read from their DER. A list with a critical extension that is not
 * known here is refused whole: it may not speak for all certificates of its issuer, or only change another list.
 */
import {
  booleanFrom,
  DER_TAG,
  DerReader,
  integerBytesFrom,
  malformed,
  octetsFromBitString,
  oidFrom,
  readSingleElement,
  smallIntegerFrom,
  timeFrom,
} from "./der-reader.ts";
import { CRL_BYTES_MAX, CRL_ENTRIES_MAX } from "./limits.ts";
import { isSignedBy, type SubjectPublicKey } from "./public-key.ts";

export interface RevocationList {
  readonly der: Buffer;
  /** The part that the issuer signed. */
  readonly signedDer: Buffer;
  readonly signatureAlgorithm: string;
  readonly signature: Buffer;
  readonly issuerDer: Buffer;
  readonly thisUpdateMs: number;
  /** When the next one is there at the latest: then this one says nothing any more. */
  readonly nextUpdateMs: number;
  /** As `Certificate.serialHex`. */
  readonly serials: ReadonlySet<string>;
}

const TAG_EXTENSIONS = 0xa0;

/** Reads one list. The result holds views of `der`. Throws `der-malformed`. */
export function parseRevocationList(der: Buffer): RevocationList {
  if (der.length > CRL_BYTES_MAX) throw malformed(`list of more than ${CRL_BYTES_MAX} bytes`);
  const outer = new DerReader(readSingleElement(der, DER_TAG.sequence).contents);
  const signed = outer.read(DER_TAG.sequence);
  const outerAlgorithm = outer.read(DER_TAG.sequence);
  const signature = octetsFromBitString(outer.read(DER_TAG.bitString));
  outer.end();

  const body = new DerReader(signed.contents);
  const version = body.readOptional(DER_TAG.integer);
  if (version !== undefined && smallIntegerFrom(version) !== 1) {
    throw malformed("list of a version that is not 2");
  }
  // RFC 5280 section 5.1.1.2: both statements of the algorithm must be the same.
  if (!body.read(DER_TAG.sequence).encoded.equals(outerAlgorithm.encoded)) {
    throw malformed("two different signature algorithms");
  }
  const issuerDer = body.read(DER_TAG.sequence).encoded;
  const thisUpdateMs = timeFrom(body.readAny());
  const nextUpdateMs = readNextUpdate(body);
  const serials = readEntries(body);
  const extensions = body.readOptional(TAG_EXTENSIONS);
  if (extensions !== undefined) {
    refuseCritical(readSingleElement(extensions.contents, DER_TAG.sequence).contents, "list");
  }
  body.end();
  return {
    der,
    signedDer: signed.encoded,
    signatureAlgorithm: oidFrom(
      new DerReader(outerAlgorithm.contents).read(DER_TAG.objectIdentifier),
    ),
    signature,
    issuerDer,
    thisUpdateMs,
    nextUpdateMs,
    serials,
  };
}

/** Whether the holder of `key` signed the list. */
export function isListSignedBy(list: RevocationList, key: SubjectPublicKey): boolean {
  const { signedDer: bytes, signatureAlgorithm: algorithm, signature } = list;
  return isSignedBy(key, { bytes, algorithm, signature });
}

/** Section 5.1.2.5 makes it obligatory, although the syntax does not. */
function readNextUpdate(body: DerReader): number {
  const time = body.readOptional(DER_TAG.utcTime) ?? body.readOptional(DER_TAG.generalizedTime);
  if (time === undefined) throw malformed("list without nextUpdate");
  return timeFrom(time);
}

/** Absent when nothing is revoked (section 5.1.2.6). */
function readEntries(body: DerReader): ReadonlySet<string> {
  const serials = new Set<string>();
  const entries = body.readOptional(DER_TAG.sequence);
  if (entries === undefined) return serials;
  const reader = new DerReader(entries.contents);
  while (!reader.isDone) {
    if (serials.size === CRL_ENTRIES_MAX) {
      throw malformed(`list of more than ${CRL_ENTRIES_MAX} certificates`);
    }
    const entry = reader.readConstructed(DER_TAG.sequence);
    serials.add(integerBytesFrom(entry.read(DER_TAG.integer)).toString("hex"));
    timeFrom(entry.readAny());
    const extensions = entry.readOptional(DER_TAG.sequence);
    if (extensions !== undefined) refuseCritical(extensions.contents, "entry of a list");
    entry.end();
  }
  return serials;
}

/** Sections 5.2 and 5.3: a list with a critical extension that is not processed must not be used. */
function refuseCritical(contents: Buffer, what: string): void {
  const reader = new DerReader(contents);
  while (!reader.isDone) {
    const extension = reader.readConstructed(DER_TAG.sequence);
    const oid = oidFrom(extension.read(DER_TAG.objectIdentifier));
    const critical = extension.readOptional(DER_TAG.boolean);
    extension.read(DER_TAG.octetString);
    extension.end();
    if (critical !== undefined && booleanFrom(critical)) {
      throw malformed(`${what} with the critical extension ${oid}`);
    }
  }
}
