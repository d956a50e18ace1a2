/**
 * Certificates for tests, good ones and every kind of bad one: each part of a certificate can be
 * replaced by other DER. The product itself imports nothing from here.
 */
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import type { Clock } from "../core/clock.ts";
import { parseCertificate } from "./certificate.ts";
import {
  CertificateAuthority,
  createRootCertificate,
  generateAuthorityKey,
} from "./certificate-authority.ts";
import {
  alternativeNamesDer,
  basicConstraintsDer,
  ECDSA_WITH_SHA256,
  extendedKeyUsageDer,
  keyUsageDer,
  nameDer,
  type SigningAlgorithm,
  signDer,
} from "./certificate-writer.ts";
import { DER_TAG, readSingleElement } from "./der-reader.ts";
import { derBitString, derContext, derInteger, derSequence, derTime } from "./der-writer.ts";
import { OID } from "./oid.ts";
import { formatCertificatesPem } from "./pem.ts";
import { parseSubjectPublicKey } from "./public-key.ts";
import { requireSpiffeId } from "./spiffe-id.ts";
import type { Svid } from "./svid.ts";
import { type TrustBundle, trustBundleFromDer } from "./trust-bundle.ts";

/** Who signs, in a test. */
export interface TestIssuer {
  readonly name: Buffer;
  readonly key: KeyObject;
  readonly der: Buffer;
}

export interface TestCertificate {
  readonly der: Buffer;
  readonly key: KeyObject;
}

/** Parts to put in the place of good ones. DER, except for the times and the key. */
export interface CertificateParts {
  readonly version?: Uint8Array;
  readonly serial?: Uint8Array;
  readonly issuerName?: Uint8Array;
  readonly subject?: Uint8Array;
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
  readonly validity?: Uint8Array;
  readonly key?: KeyObject;
  readonly basicConstraints?: Uint8Array | null;
  readonly keyUsage?: Uint8Array | null;
  readonly extendedKeyUsage?: Uint8Array | null;
  readonly alternativeNames?: Uint8Array | null;
  readonly moreExtensions?: readonly Uint8Array[];
  readonly algorithm?: SigningAlgorithm;
  readonly innerAlgorithm?: Uint8Array;
}

const HOUR_MS = 3_600_000;

export const KEY_USAGE_LEAF = keyUsageDer([0]);
export const KEY_USAGE_CA = keyUsageDer([5, 6]);

export function generateTestKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

/** A self-signed root. */
export function createTestRoot(
  nowMs: number,
  commonName = "root",
  parts: CertificateParts = {},
): TestIssuer {
  const name = nameDer([[OID.commonName, commonName]]);
  const key = parts.key ?? generateTestKey();
  const der = assemble(nowMs, { name, key }, caParts({ subject: name, key, ...parts }));
  return { name, key, der };
}

/** A signing certificate under `issuer`. */
export function createTestIntermediate(
  nowMs: number,
  issuer: TestIssuer,
  commonName = "intermediate",
  parts: CertificateParts = {},
): TestIssuer {
  const name = nameDer([[OID.commonName, commonName]]);
  const key = parts.key ?? generateTestKey();
  return { name, key, der: assemble(nowMs, issuer, caParts({ subject: name, key, ...parts })) };
}

/** A leaf under `issuer` that is an SVID for `uris`, but for the parts that are replaced. */
export function createTestLeaf(
  nowMs: number,
  issuer: Pick<TestIssuer, "name" | "key">,
  uris: readonly string[],
  parts: CertificateParts = {},
): TestCertificate {
  const key = parts.key ?? generateTestKey();
  const alternativeNames = alternativeNamesDer({ uris }, true);
  return { key, der: assemble(nowMs, issuer, { alternativeNames, ...parts, key }) };
}

/** A revocation list of `issuer` in DER: valid for an hour around `nowMs`, with parts of it replaced. */
export function createTestRevocationList(
  nowMs: number,
  issuer: Pick<TestIssuer, "name" | "key">,
  serials: readonly (Uint8Array | number)[],
  parts: {
    readonly thisUpdateMs?: number;
    readonly nextUpdateMs?: number | null;
    readonly extensions?: readonly Uint8Array[];
    readonly entryExtensions?: readonly Uint8Array[];
    readonly version?: number;
  } = {},
): Buffer {
  const { thisUpdateMs = nowMs - HOUR_MS, nextUpdateMs = nowMs + HOUR_MS } = parts;
  const entries = serials.map((serial) =>
    derSequence(
      derInteger(serial),
      derTime(thisUpdateMs),
      ...(parts.entryExtensions === undefined ? [] : [derSequence(...parts.entryExtensions)]),
    ),
  );
  const contents = derSequence(
    derInteger(parts.version ?? 1),
    ECDSA_WITH_SHA256.identifier,
    issuer.name,
    derTime(thisUpdateMs),
    ...(nextUpdateMs === null ? [] : [derTime(nextUpdateMs)]),
    ...(entries.length === 0 ? [] : [derSequence(...entries)]),
    ...(parts.extensions === undefined ? [] : [derContext(0, derSequence(...parts.extensions))]),
  );
  return signDer(contents, issuer.key, ECDSA_WITH_SHA256);
}

/** The chain and key of a test certificate as an SVID. */
export function svidOf(
  certificate: TestCertificate,
  uri: string,
  chain: readonly Buffer[] = [],
): Svid {
  return {
    spiffeId: requireSpiffeId(uri),
    certificateChainPem: formatCertificatesPem([certificate.der, ...chain]),
    privateKeyPem: certificate.key.export({ format: "pem", type: "pkcs8" }).toString(),
    ...datesOf(certificate.der),
  };
}

function datesOf(der: Buffer): Pick<Svid, "notBeforeMs" | "notAfterMs"> {
  const { notBeforeMs, notAfterMs } = parseCertificate(der);
  return { notBeforeMs, notAfterMs };
}

/** A real authority in memory, with its bundle. */
export function createTestAuthority(
  trustDomain: string,
  clock: Clock,
  rootLifetimeMs?: number,
): { readonly authority: CertificateAuthority; readonly bundle: TrustBundle } {
  const key = generateAuthorityKey();
  const certificate = createRootCertificate({
    trustDomain,
    key,
    clock,
    ...(rootLifetimeMs === undefined ? {} : { lifetimeMs: rootLifetimeMs }),
  });
  return {
    authority: new CertificateAuthority({ trustDomain, key, certificate, clock }),
    bundle: trustBundleFromDer(trustDomain, [certificate.der]),
  };
}

/** An SVID that a real authority issued. */
export function issueTestSvid(
  authority: CertificateAuthority,
  spiffeId: string,
  lifetimeMs = 24 * HOUR_MS,
): Svid {
  const key = generateTestKey();
  const issued = authority.issue({
    publicKey: parseSubjectPublicKey(readSingleElement(publicDer(key), DER_TAG.sequence)),
    spiffeId: requireSpiffeId(spiffeId),
    lifetimeMs,
  });
  return {
    spiffeId: requireSpiffeId(spiffeId),
    certificateChainPem: formatCertificatesPem(issued.chainDer),
    privateKeyPem: key.export({ format: "pem", type: "pkcs8" }).toString(),
    notBeforeMs: issued.notBeforeMs,
    notAfterMs: issued.notAfterMs,
  };
}

function caParts(parts: CertificateParts): CertificateParts {
  return {
    basicConstraints: basicConstraintsDer(true),
    keyUsage: KEY_USAGE_CA,
    extendedKeyUsage: null,
    alternativeNames: null,
    notAfterMs: Number.NaN,
    ...parts,
  };
}

function assemble(
  nowMs: number,
  issuer: Pick<TestIssuer, "name" | "key">,
  parts: CertificateParts & { readonly key?: KeyObject },
): Buffer {
  const { algorithm = ECDSA_WITH_SHA256, key = issuer.key } = parts;
  const notAfterMs = Number.isNaN(parts.notAfterMs) ? nowMs + 1000 * HOUR_MS : parts.notAfterMs;
  const extensions = [
    parts.basicConstraints === undefined ? basicConstraintsDer(false) : parts.basicConstraints,
    parts.keyUsage === undefined ? KEY_USAGE_LEAF : parts.keyUsage,
    parts.extendedKeyUsage === undefined
      ? extendedKeyUsageDer([OID.serverAuth, OID.clientAuth])
      : parts.extendedKeyUsage,
    parts.alternativeNames ?? null,
    ...(parts.moreExtensions ?? []),
  ].filter((extension) => extension !== null);
  const contents = derSequence(
    parts.version ?? derContext(0, derInteger(2)),
    parts.serial ?? derInteger(Buffer.from("4badc0de", "hex")),
    parts.innerAlgorithm ?? algorithm.identifier,
    parts.issuerName ?? issuer.name,
    parts.validity ??
      derSequence(
        derTime(parts.notBeforeMs ?? nowMs - HOUR_MS),
        derTime(notAfterMs ?? nowMs + HOUR_MS),
      ),
    parts.subject ?? derSequence(),
    publicDer(key),
    ...(extensions.length === 0 ? [] : [derContext(3, derSequence(...extensions))]),
  );
  const signature = sign(algorithm.hash, contents, issuer.key);
  return derSequence(contents, algorithm.identifier, derBitString(signature));
}

function publicDer(key: KeyObject): Buffer {
  return createPublicKey(key).export({ format: "der", type: "spki" });
}
