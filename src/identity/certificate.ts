/**
 * X.509 certificates read from their DER (RFC 5280 section 4). What is read here and what is
 * verified are the same bytes: Node's X509Certificate would first look for PEM text anywhere
 * inside the DER and then speak of another certificate.
 */
import {
  bitsFrom,
  booleanFrom,
  DER_TAG,
  type DerElement,
  DerReader,
  integerBytesFrom,
  malformed,
  octetsFromBitString,
  oidFrom,
  readSingleElement,
  smallIntegerFrom,
  timeFrom,
} from "./der-reader.ts";
import {
  ALTERNATIVE_NAMES_MAX,
  CERTIFICATE_BYTES_MAX,
  EXTENSIONS_MAX,
  SERIAL_BYTES_MAX,
} from "./limits.ts";
import { OID } from "./oid.ts";
import { isSignedBy, parseSubjectPublicKey, type SubjectPublicKey } from "./public-key.ts";

export interface Certificate {
  readonly der: Buffer;
  /** The part that the issuer signed. */
  readonly signedDer: Buffer;
  readonly signatureAlgorithm: string;
  readonly signature: Buffer;
  readonly serialHex: string;
  readonly issuerDer: Buffer;
  readonly subjectDer: Buffer;
  readonly hasEmptySubject: boolean;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly publicKey: SubjectPublicKey;
  readonly extensions: CertificateExtensions;
}

export interface CertificateExtensions {
  readonly basicConstraints: BasicConstraints | undefined;
  readonly keyUsage: KeyUsage | undefined;
  /** Object identifiers of the purposes. */
  readonly extendedKeyUsage: ReadonlySet<string> | undefined;
  readonly alternativeNames: AlternativeNames | undefined;
  readonly hasNameConstraints: boolean;
  /** Object identifiers of critical extensions that are not read here. */
  readonly unknownCritical: readonly string[];
}

export interface BasicConstraints {
  readonly isCa: boolean;
  readonly pathLengthMax: number | undefined;
}

export interface KeyUsage {
  readonly isCritical: boolean;
  readonly hasDigitalSignature: boolean;
  readonly hasKeyCertSign: boolean;
  readonly hasCrlSign: boolean;
}

export interface AlternativeNames {
  readonly isCritical: boolean;
  /** As they stand, one character per byte, NUL and all. */
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
}

const TAG_VERSION = 0xa0;
const TAG_ISSUER_UNIQUE_ID = 0x81;
const TAG_SUBJECT_UNIQUE_ID = 0x82;
const TAG_EXTENSIONS = 0xa3;
const TAG_NAME_DNS = 0x82;
const TAG_NAME_URI = 0x86;

/** Bits of KeyUsage, RFC 5280 section 4.2.1.3. */
const BIT_DIGITAL_SIGNATURE = 0;
const BIT_KEY_CERT_SIGN = 5;
const BIT_CRL_SIGN = 6;

/** Reads one certificate. The result holds views of `der`. Throws `der-malformed`. */
export function parseCertificate(der: Buffer): Certificate {
  if (der.length > CERTIFICATE_BYTES_MAX) {
    throw malformed(`certificate of more than ${CERTIFICATE_BYTES_MAX} bytes`);
  }
  const outer = new DerReader(readSingleElement(der, DER_TAG.sequence).contents);
  const signed = outer.read(DER_TAG.sequence);
  const outerAlgorithm = outer.read(DER_TAG.sequence);
  const signature = octetsFromBitString(outer.read(DER_TAG.bitString));
  outer.end();

  const body = new DerReader(signed.contents);
  readVersion3(body);
  const serial = readSerial(body);
  // RFC 5280 section 4.1.1.2: both statements of the algorithm must be the same.
  if (!body.read(DER_TAG.sequence).encoded.equals(outerAlgorithm.encoded)) {
    throw malformed("two different signature algorithms");
  }
  const issuer = body.read(DER_TAG.sequence);
  const validity = body.readConstructed(DER_TAG.sequence);
  const notBeforeMs = timeFrom(validity.readAny());
  const notAfterMs = timeFrom(validity.readAny());
  validity.end();
  const subject = body.read(DER_TAG.sequence);
  const publicKey = parseSubjectPublicKey(body.read(DER_TAG.sequence));
  body.readOptional(TAG_ISSUER_UNIQUE_ID);
  body.readOptional(TAG_SUBJECT_UNIQUE_ID);
  const extensions = parseExtensions(body);
  body.end();
  return {
    der,
    signedDer: signed.encoded,
    signatureAlgorithm: oidFrom(
      new DerReader(outerAlgorithm.contents).read(DER_TAG.objectIdentifier),
    ),
    signature,
    serialHex: serial.toString("hex"),
    issuerDer: issuer.encoded,
    subjectDer: subject.encoded,
    hasEmptySubject: subject.contents.length === 0,
    notBeforeMs,
    notAfterMs,
    publicKey,
    extensions,
  };
}

/** Whether the holder of `issuer`'s key signed `certificate`. Names and dates are not looked at. */
export function isIssuedBy(certificate: Certificate, issuer: Certificate): boolean {
  return isSignedBy(issuer.publicKey, {
    bytes: certificate.signedDer,
    algorithm: certificate.signatureAlgorithm,
    signature: certificate.signature,
  });
}

/** Reads the extensions in `sequence`, the contents of an Extensions value. Throws `der-malformed`. */
export function readExtensions(sequence: DerReader): CertificateExtensions {
  const values = new Map<string, { readonly isCritical: boolean; readonly value: Buffer }>();
  while (!sequence.isDone) {
    const extension = sequence.readConstructed(DER_TAG.sequence);
    const oid = oidFrom(extension.read(DER_TAG.objectIdentifier));
    const critical = extension.readOptional(DER_TAG.boolean);
    const value = extension.read(DER_TAG.octetString).contents;
    extension.end();
    // RFC 5280 section 4.2: no extension twice.
    if (values.has(oid)) throw malformed(`extension ${oid} twice`);
    if (values.size === EXTENSIONS_MAX) throw malformed(`more than ${EXTENSIONS_MAX} extensions`);
    values.set(oid, { isCritical: critical !== undefined && booleanFrom(critical), value });
  }
  const read = <T>(
    oid: string,
    parse: (value: Buffer, isCritical: boolean) => T,
  ): T | undefined => {
    const extension = values.get(oid);
    if (extension === undefined) return undefined;
    values.delete(oid);
    return parse(extension.value, extension.isCritical);
  };
  return {
    basicConstraints: read(OID.basicConstraints, parseBasicConstraints),
    keyUsage: read(OID.keyUsage, parseKeyUsage),
    extendedKeyUsage: read(OID.extendedKeyUsage, parseExtendedKeyUsage),
    alternativeNames: read(OID.subjectAlternativeName, parseAlternativeNames),
    hasNameConstraints: read(OID.nameConstraints, () => true) ?? false,
    unknownCritical: [...values].filter(([, { isCritical }]) => isCritical).map(([oid]) => oid),
  };
}

function parseExtensions(body: DerReader): CertificateExtensions {
  const wrapper = body.readOptional(TAG_EXTENSIONS);
  if (wrapper === undefined) return readExtensions(new DerReader(Buffer.alloc(0)));
  const sequence = readSingleElement(wrapper.contents, DER_TAG.sequence);
  return readExtensions(new DerReader(sequence.contents));
}

/** Version 3 is the only one with extensions, and an SVID has some. */
function readVersion3(body: DerReader): void {
  const version = body.readOptional(TAG_VERSION);
  if (version === undefined) throw malformed("certificate of version 1");
  const number = smallIntegerFrom(readSingleElement(version.contents, DER_TAG.integer));
  if (number !== 2) throw malformed(`certificate of version ${number + 1}`);
}

/** RFC 5280 section 4.1.2.2: a positive number of at most 20 octets. */
function readSerial(body: DerReader): Buffer {
  const serial = integerBytesFrom(body.read(DER_TAG.integer));
  if ((serial[0] ?? 0) >= 0x80) throw malformed("negative serial number");
  if (serial.length > SERIAL_BYTES_MAX) throw malformed("serial number of more than 20 bytes");
  return serial;
}

function parseBasicConstraints(value: Buffer): BasicConstraints {
  const reader = new DerReader(readSingleElement(value, DER_TAG.sequence).contents);
  const isCa = reader.readOptional(DER_TAG.boolean);
  const pathLength = reader.readOptional(DER_TAG.integer);
  reader.end();
  return {
    isCa: isCa !== undefined && booleanFrom(isCa),
    pathLengthMax: pathLength === undefined ? undefined : smallIntegerFrom(pathLength),
  };
}

function parseKeyUsage(value: Buffer, isCritical: boolean): KeyUsage {
  const bits = bitsFrom(readSingleElement(value, DER_TAG.bitString));
  return {
    isCritical,
    hasDigitalSignature: bits.has(BIT_DIGITAL_SIGNATURE),
    hasKeyCertSign: bits.has(BIT_KEY_CERT_SIGN),
    hasCrlSign: bits.has(BIT_CRL_SIGN),
  };
}

function parseExtendedKeyUsage(value: Buffer): ReadonlySet<string> {
  const reader = new DerReader(readSingleElement(value, DER_TAG.sequence).contents);
  const purposes = new Set<string>();
  while (!reader.isDone) purposes.add(oidFrom(reader.read(DER_TAG.objectIdentifier)));
  return purposes;
}

function parseAlternativeNames(value: Buffer, isCritical: boolean): AlternativeNames {
  const reader = new DerReader(readSingleElement(value, DER_TAG.sequence).contents);
  const uris: string[] = [];
  const dnsNames: string[] = [];
  for (let count = 0; !reader.isDone; count++) {
    if (count === ALTERNATIVE_NAMES_MAX) {
      throw malformed(`more than ${ALTERNATIVE_NAMES_MAX} alternative names`);
    }
    const name = reader.readAny();
    if (name.tag === TAG_NAME_URI) uris.push(ia5TextFrom(name));
    else if (name.tag === TAG_NAME_DNS) dnsNames.push(ia5TextFrom(name));
  }
  return { isCritical, uris, dnsNames };
}

/** IA5String is seven-bit. */
function ia5TextFrom(element: DerElement): string {
  if (element.contents.some((byte) => byte > 0x7f))
    throw malformed("IA5String with eighth bit set");
  return element.contents.toString("latin1");
}
