/**
 * The certificate authority on disk: a key file that only its owner may read, sealed if a passphrase is
 * given, and a file of roots. The authority's own root is the one that belongs to the key; the others are
 * trusted too. Made at first use; found again at every later one.
 */
import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import type { Clock } from "../core/clock.ts";
import type { Certificate } from "./certificate.ts";
import {
  CertificateAuthority,
  createRootCertificate,
  generateAuthorityKey,
} from "./certificate-authority.ts";
import { identityError } from "./errors.ts";
import { isSealedKey, sealKey, unsealKey } from "./key-seal.ts";
import { formatCertificatesPem } from "./pem.ts";
import { trustDomainId } from "./spiffe-id.ts";
import { createFile, readKeyFile, readOptionalFile, stateInvalid } from "./state-files.ts";
import { parseTrustBundlePem, type TrustBundle } from "./trust-bundle.ts";

export interface AuthorityFilesOptions {
  readonly trustDomain: string;
  readonly keyPath: string;
  readonly certificatePath: string;
  /** Seals a new key, and opens a sealed one. */
  readonly passphrase?: string | undefined;
  readonly clock: Clock;
  /** Of a root that is made, in milliseconds. Default: ten years. */
  readonly rootLifetimeMs?: number | undefined;
  /** log2 of the cost of sealing; for tests. */
  readonly sealCostLog2?: number;
}

export interface OpenedAuthority {
  readonly authority: CertificateAuthority;
  /** Every root of the trust domain, the authority's own among them. */
  readonly bundle: TrustBundle;
  /** Whether the key was made just now. */
  readonly isNew: boolean;
}

/**
 * Opens the authority, or makes one when neither file is there. Throws `ca-key-permissions`,
 * `ca-key-sealed` or `ca-state-invalid`; the message says what to do.
 */
export function openCertificateAuthority(options: AuthorityFilesOptions): OpenedAuthority {
  const { trustDomain, keyPath, certificatePath, clock } = options;
  let keyText = readKeyFile(keyPath);
  const isNew = keyText === undefined;
  if (keyText === undefined) {
    if (readOptionalFile(certificatePath) !== undefined) {
      throw stateInvalid(
        keyPath,
        `${certificatePath} is there but its key ${keyPath} is not: restore the key from a backup, or remove the certificate to start with a new authority`,
      );
    }
    createFile(keyPath, newKeyText(options), 0o600);
    keyText = readKeyFile(keyPath);
  }
  const key = openKeyText(keyText ?? "", options);
  let certificateText = readOptionalFile(certificatePath);
  if (certificateText === undefined) {
    // First use, or a crash between the two files: the key has signed nothing yet.
    createFile(certificatePath, formatCertificatesPem([newRoot(key, options).der]), 0o644);
    certificateText = readOptionalFile(certificatePath) ?? "";
  }
  const bundle = readRoots(certificateText, options);
  const certificate = rootOfKey(bundle, key);
  if (certificate === undefined) {
    throw stateInvalid(
      certificatePath,
      `no certificate of ${certificatePath} belongs to the key ${keyPath}`,
    );
  }
  const ownId = certificate.extensions.alternativeNames?.uris[0];
  if (ownId !== undefined && ownId !== trustDomainId(trustDomain)) {
    throw stateInvalid(
      certificatePath,
      `${certificatePath} is the authority of ${ownId}, not of ${trustDomainId(trustDomain)}: keep the trust domain, or use another folder`,
    );
  }
  const authority = new CertificateAuthority({ trustDomain, key, certificate, clock });
  return { authority, bundle, isNew };
}

/** A new private key as it lies on disk: sealed when there is a passphrase. */
export function newKeyText(options: AuthorityFilesOptions): string {
  const pem = generateAuthorityKey().export({ format: "pem", type: "pkcs8" }).toString();
  const { passphrase, sealCostLog2 } = options;
  return passphrase === undefined ? pem : sealKey(pem, passphrase, sealCostLog2);
}

/** A root for `key`, valid from now on. */
export function newRoot(key: KeyObject, options: AuthorityFilesOptions): Certificate {
  const { trustDomain, clock, rootLifetimeMs: lifetimeMs } = options;
  return createRootCertificate({
    ...{ trustDomain, key, clock },
    ...(lifetimeMs === undefined ? {} : { lifetimeMs }),
  });
}

/** The root of `bundle` that has the public half of `key`. */
export function rootOfKey(bundle: TrustBundle, key: KeyObject): Certificate | undefined {
  const publicKeyDer = createPublicKey(key).export({ format: "der", type: "spki" });
  return bundle.roots.find((root) => root.publicKey.der.equals(publicKeyDer));
}

/** Throws `ca-key-sealed` or `ca-state-invalid`. `keyPath` of the options stands in messages. */
export function openKeyText(text: string, options: AuthorityFilesOptions): KeyObject {
  const { keyPath, passphrase } = options;
  let pem: string | undefined = text;
  if (isSealedKey(text)) {
    if (passphrase === undefined) throw sealed(keyPath, "give its passphrase to open it");
    pem = unsealKey(text, passphrase);
    if (pem === undefined) throw sealed(keyPath, "the passphrase is wrong or the file was altered");
  } else if (passphrase !== undefined) {
    throw stateInvalid(
      keyPath,
      `${keyPath} is not sealed although a passphrase was given: start without the passphrase, or remove the files of the authority to start with a new one`,
    );
  }
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw stateInvalid(keyPath, `${keyPath} holds no private key`, error);
  }
}

function readRoots(pem: string, options: AuthorityFilesOptions): TrustBundle {
  try {
    return parseTrustBundlePem(options.trustDomain, pem);
  } catch (error) {
    const path = options.certificatePath;
    throw stateInvalid(path, `${path} cannot be used: ${String(error)}`, error);
  }
}

function sealed(path: string, whatToDo: string): Error {
  return identityError({ code: "ca-key-sealed", path }, `${path} is sealed: ${whatToDo}`);
}
