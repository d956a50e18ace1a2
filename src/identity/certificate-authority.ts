/**
 * The built-in certificate authority: one ECDSA P-256 key with a self-signed root. It decides what
 * stands in a certificate; who may have one is decided by `certificate-service.ts`.
 */
import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import type { Clock } from "../core/clock.ts";
import { type Certificate, parseCertificate } from "./certificate.ts";
import {
  alternativeNamesDer,
  authorityKeyIdentifierDer,
  basicConstraintsDer,
  extendedKeyUsageDer,
  keyIdentifierOf,
  keyUsageDer,
  nameDer,
  type SigningAlgorithm,
  subjectKeyIdentifierDer,
  writeCertificate,
} from "./certificate-writer.ts";
import { identityError } from "./errors.ts";
import { OID } from "./oid.ts";
import { publicKeyProblem, type SubjectPublicKey } from "./public-key.ts";
import { type SpiffeId, trustDomainId } from "./spiffe-id.ts";

/** Ten years of 365 days, as the roots of other meshes live. */
export const ROOT_LIFETIME_MS = 10 * 365 * 86_400_000;

/** Clocks of peers may be this much behind ours. */
const BACKDATE_MS = 30_000;

/** RFC 5280 section 4.1.2.2 allows 20; 16 random ones never meet again. */
const SERIAL_BYTES = 16;

/** Bits of KeyUsage, RFC 5280 section 4.2.1.3. */
const BIT_DIGITAL_SIGNATURE = 0;
const BIT_KEY_CERT_SIGN = 5;
const BIT_CRL_SIGN = 6;

export interface CertificateAuthorityOptions {
  readonly trustDomain: string;
  readonly key: KeyObject;
  /** Belongs to `key`. */
  readonly certificate: Certificate;
  readonly clock: Clock;
  /** Of `key`. Default: ECDSA with SHA-256. */
  readonly algorithm?: SigningAlgorithm | undefined;
}

export interface IssueRequest {
  readonly publicKey: SubjectPublicKey;
  readonly spiffeId: SpiffeId;
  /** From now on, in milliseconds. Cut where the authority's own certificate ends. */
  readonly lifetimeMs: number;
  readonly dnsNames?: readonly string[];
  /** What the public key was asked to be signed with; for authorities outside the mesh. */
  readonly csrDer?: Buffer;
}

export interface IssuedCertificate {
  /** Leaf first, root left out. */
  readonly chainDer: readonly Buffer[];
  readonly serialHex: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Where its path ends, as far as whoever issued it says so. */
  readonly root?: Certificate | undefined;
}

export class CertificateAuthority {
  readonly trustDomain: string;
  readonly certificate: Certificate;
  readonly #key: KeyObject;
  readonly #clock: Clock;
  readonly #algorithm: SigningAlgorithm | undefined;

  constructor(options: CertificateAuthorityOptions) {
    this.trustDomain = options.trustDomain;
    this.certificate = options.certificate;
    this.#key = options.key;
    this.#clock = options.clock;
    this.#algorithm = options.algorithm;
  }

  /**
   * Issues a leaf SVID. Throws `ca-not-valid` when the authority's own certificate has expired or is
   * not valid yet: nobody could use what it would sign.
   */
  issue(request: IssueRequest): IssuedCertificate {
    const nowMs = this.#clock.nowMs();
    const issuer = this.certificate;
    if (nowMs >= issuer.notAfterMs || nowMs < issuer.notBeforeMs) {
      throw identityError(
        { code: "ca-not-valid" },
        `the certificate authority is valid from ${isoTime(issuer.notBeforeMs)} to ${isoTime(issuer.notAfterMs)} and signs nothing now`,
      );
    }
    const weakness = publicKeyProblem(request.publicKey);
    if (weakness !== undefined) {
      throw identityError(
        { code: "csr-refused" },
        `no certificate issued: the request ${weakness}`,
      );
    }
    const der = writeCertificate(
      {
        serial: createSerial(),
        issuer: issuer.subjectDer,
        subject: nameDer([]),
        notBeforeMs: Math.max(nowMs - BACKDATE_MS, issuer.notBeforeMs),
        notAfterMs: Math.min(nowMs + request.lifetimeMs, issuer.notAfterMs),
        publicKey: request.publicKey.der,
        extensions: [
          basicConstraintsDer(false),
          keyUsageDer([BIT_DIGITAL_SIGNATURE]),
          extendedKeyUsageDer([OID.serverAuth, OID.clientAuth]),
          authorityKeyIdentifierDer(keyIdentifierOf(issuer.publicKey.der)),
          subjectKeyIdentifierDer(keyIdentifierOf(request.publicKey.der)),
          // Critical because the subject is empty: RFC 5280 section 4.2.1.6.
          alternativeNamesDer({ uris: [request.spiffeId], dnsNames: request.dnsNames ?? [] }, true),
        ],
      },
      this.#key,
      this.#algorithm,
    );
    const certificate = parseCertificate(der);
    return {
      chainDer: [der],
      serialHex: certificate.serialHex,
      notBeforeMs: certificate.notBeforeMs,
      notAfterMs: certificate.notAfterMs,
    };
  }
}

/** A new key for an authority. */
export function generateAuthorityKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

/** A new self-signed root for `key`, valid from now on. */
export function createRootCertificate(options: {
  readonly trustDomain: string;
  readonly key: KeyObject;
  readonly clock: Clock;
  readonly lifetimeMs?: number;
}): Certificate {
  const nowMs = options.clock.nowMs();
  const publicKey = createPublicKey(options.key).export({ format: "der", type: "spki" });
  const keyIdentifier = keyIdentifierOf(publicKey);
  // Roots of one domain get names of their own, so that paths are found without trying signatures.
  const name = nameDer([
    [OID.organizationName, "Tulle"],
    [
      OID.commonName,
      `${options.trustDomain.slice(0, 40)} ${keyIdentifier.toString("hex").slice(0, 12)}`,
    ],
  ]);
  const der = writeCertificate(
    {
      serial: createSerial(),
      issuer: name,
      subject: name,
      notBeforeMs: nowMs - BACKDATE_MS,
      notAfterMs: nowMs + (options.lifetimeMs ?? ROOT_LIFETIME_MS),
      publicKey,
      extensions: [
        basicConstraintsDer(true),
        keyUsageDer([BIT_KEY_CERT_SIGN, BIT_CRL_SIGN]),
        subjectKeyIdentifierDer(keyIdentifier),
        alternativeNamesDer({ uris: [trustDomainId(options.trustDomain)] }, false),
      ],
    },
    options.key,
  );
  return parseCertificate(der);
}

/** Random and positive. */
function createSerial(): Buffer {
  const serial = randomBytes(SERIAL_BYTES);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
