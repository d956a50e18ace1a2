/**
 * A signing certificate and its key, from outside the mesh. It is judged by what it signs: a certificate that peers
 * would refuse is seen here, before anybody holds one.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";
import type { Clock } from "../../core/clock.ts";
import { messageOf } from "../../core/errors.ts";
import { type Certificate, parseCertificate } from "../certificate.ts";
import { CertificateAuthority, type IssueRequest } from "../certificate-authority.ts";
import { ECDSA_WITH_SHA256, type SigningAlgorithm } from "../certificate-writer.ts";
import { DER_TAG, readSingleElement } from "../der-reader.ts";
import { derElement, derOid, derSequence } from "../der-writer.ts";
import { OID } from "../oid.ts";
import { parsePem } from "../pem.ts";
import { parseSubjectPublicKey } from "../public-key.ts";
import { workloadSpiffeId } from "../spiffe-id.ts";
import { parseTrustBundlePem, type TrustBundle } from "../trust-bundle.ts";
import { issuerFailed } from "./certificate-issuer.ts";
import { type CheckedCertificate, checkIssued } from "./issued-check.ts";

/** A probe needs to live no longer than its check. */
const PROBE_LIFETIME_MS = 60_000;

export interface SigningPairText {
  readonly trustDomain: string;
  /** The signing certificate, then those between it and a root. */
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly rootsPem: string;
}

export class SigningPair {
  readonly bundle: TrustBundle;
  /** Where paths of its certificates end. */
  readonly root: Certificate;
  /** When the first certificate of the path below its leaves expires. */
  readonly notAfterMs: number;
  readonly #authority: CertificateAuthority;
  readonly #above: readonly Buffer[];
  readonly #clock: Clock;

  /** Throws `issuer-failed`: the message says which rule the pair breaks. Holds nothing of the key. */
  constructor(text: SigningPairText, clock: Clock) {
    this.#clock = clock;
    const { trustDomain } = text;
    this.bundle = refusing("the roots", () => parseTrustBundlePem(trustDomain, text.rootsPem));
    if (this.bundle.roots.length === 0) throw refused("the roots file holds no certificate");
    const chain = refusing("the certificate", () => parsePem(text.certificatePem, "CERTIFICATE"));
    const [der, ...above] = chain;
    if (der === undefined) throw refused("the certificate file holds no certificate");
    const certificate = refusing("the certificate", () => parseCertificate(der));
    const key = openKey(text.keyPem);
    checkCertificate(certificate, key, clock.nowMs());
    const algorithm = algorithmOf(key);
    this.#authority = new CertificateAuthority({ trustDomain, key, certificate, clock, algorithm });
    const isRoot = this.bundle.roots.some((root) => root.der.equals(der));
    this.#above = isRoot ? [] : [der, ...above];
    // As far away as can be: the probe shows where the path ends and when.
    const probe = this.#probe();
    const ends = [certificate, ...above.map(parseCertificate), probe.root];
    this.root = probe.root;
    this.notAfterMs = Math.min(...ends.map((one) => one.notAfterMs));
  }

  /** Cut where anything on the path expires. Throws `ca-not-valid`. */
  issue(request: IssueRequest): readonly Buffer[] {
    const leftMs = this.notAfterMs - this.#clock.nowMs();
    const lifetimeMs = Math.min(request.lifetimeMs, leftMs);
    return [...this.#authority.issue({ ...request, lifetimeMs }).chainDer, ...this.#above];
  }

  #probe(): CheckedCertificate {
    const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const spki = publicKey.export({ format: "der", type: "spki" });
    const request = {
      publicKey: parseSubjectPublicKey(readSingleElement(spki, DER_TAG.sequence)),
      spiffeId: workloadSpiffeId({
        trustDomain: this.bundle.trustDomain,
        namespace: "tulle-system",
        serviceAccount: "probe",
      }),
    };
    const nowMs = this.#clock.nowMs();
    const signed = this.#authority.issue({ ...request, lifetimeMs: PROBE_LIFETIME_MS });
    return checkIssued([...signed.chainDer, ...this.#above], request, this.bundle, nowMs);
  }
}

function checkCertificate(certificate: Certificate, key: KeyObject, nowMs: number): void {
  if (certificate.extensions.basicConstraints?.isCa !== true) {
    throw refused("the certificate is not that of a certificate authority (CA:TRUE is missing)");
  }
  const publicKeyDer = createPublicKey(key).export({ format: "der", type: "spki" });
  if (!certificate.publicKey.der.equals(publicKeyDer)) {
    throw refused("the key does not belong to the first certificate of the certificate file");
  }
  if (nowMs >= certificate.notAfterMs) {
    throw refused(`the certificate expired at ${iso(certificate.notAfterMs)}`);
  }
  if (nowMs < certificate.notBeforeMs) {
    throw refused(`the certificate is valid from ${iso(certificate.notBeforeMs)} on`);
  }
}

/** The cause is left out: what OpenSSL says of a key is nothing for a log. */
function openKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw refused("the key file holds no private key in PEM, or one with a passphrase");
  }
}

/** By the kind of key; a curve above P-256 is signed with SHA-256, too. */
function algorithmOf(key: KeyObject): SigningAlgorithm {
  switch (key.asymmetricKeyType) {
    case "ec":
      return ECDSA_WITH_SHA256;
    case "rsa":
      // RFC 4055 section 5: the parameters are NULL.
      return {
        identifier: derSequence(derOid(OID.sha256WithRsa), derElement(0x05, Buffer.alloc(0))),
        hash: "sha256",
      };
    case "ed25519":
      return { identifier: derSequence(derOid(OID.ed25519)), hash: null };
    default:
      throw refused(
        `a key of type ${key.asymmetricKeyType} cannot sign: use ECDSA, RSA or Ed25519`,
      );
  }
}

function refusing<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw issuerFailed(`the pair is refused: ${what} cannot be used: ${messageOf(error)}`, false);
  }
}

function refused(reason: string): Error {
  return issuerFailed(`the pair is refused: ${reason}`, false);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
