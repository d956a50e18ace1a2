/**
 * The certificate authority on disk: a key file that only its owner may read, sealed if a passphrase is
 * given, and a file of certificates: the authority's own first, then other roots that are trusted too.
 * Made at first use; found again at every later one.
 */
import { createPrivateKey, createPublicKey, type KeyObject, randomBytes } from "node:crypto";
import {
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import type { Clock } from "../core/clock.ts";
import {
  CertificateAuthority,
  createRootCertificate,
  generateAuthorityKey,
} from "./certificate-authority.ts";
import { identityError } from "./errors.ts";
import { isSealedKey, sealKey, unsealKey } from "./key-seal.ts";
import { formatCertificatesPem } from "./pem.ts";
import { trustDomainId } from "./spiffe-id.ts";
import { parseTrustBundlePem, type TrustBundle } from "./trust-bundle.ts";

export interface AuthorityFilesOptions {
  readonly trustDomain: string;
  readonly keyPath: string;
  readonly certificatePath: string;
  /** Seals a new key, and opens a sealed one. */
  readonly passphrase?: string | undefined;
  readonly clock: Clock;
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
    if (readOptional(certificatePath) !== undefined) {
      throw stateInvalid(
        keyPath,
        `${certificatePath} is there but its key ${keyPath} is not: restore the key from a backup, or remove the certificate to start with a new authority`,
      );
    }
    createExclusively(keyPath, newKeyText(options), 0o600);
    keyText = readKeyFile(keyPath);
  }
  const key = openKey(keyText ?? "", options);
  let certificateText = readOptional(certificatePath);
  if (certificateText === undefined) {
    // First use, or a crash between the two files: the key has signed nothing yet.
    const root = createRootCertificate({ trustDomain, key, clock });
    createExclusively(certificatePath, formatCertificatesPem([root.der]), 0o644);
    certificateText = readOptional(certificatePath) ?? "";
  }
  const bundle = readBundle(certificateText, options);
  const [certificate] = bundle.roots;
  const publicKeyDer = createPublicKey(key).export({ format: "der", type: "spki" });
  if (certificate?.publicKey.der.equals(publicKeyDer) !== true) {
    throw stateInvalid(
      certificatePath,
      `the first certificate of ${certificatePath} does not belong to the key ${keyPath}`,
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

function newKeyText(options: AuthorityFilesOptions): string {
  const pem = generateAuthorityKey().export({ format: "pem", type: "pkcs8" }).toString();
  const { passphrase, sealCostLog2 } = options;
  return passphrase === undefined ? pem : sealKey(pem, passphrase, sealCostLog2);
}

function openKey(text: string, options: AuthorityFilesOptions): KeyObject {
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

function readBundle(pem: string, options: AuthorityFilesOptions): TrustBundle {
  try {
    return parseTrustBundlePem(options.trustDomain, pem);
  } catch (error) {
    const path = options.certificatePath;
    throw stateInvalid(path, `${path} cannot be used: ${String(error)}`, error);
  }
}

/** The file, once it is certain that only its owner can read it. Undefined when there is none. */
function readKeyFile(path: string): string | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw stateInvalid(path, `${path} cannot be read: ${String(error)}`, error);
  }
  try {
    const mode = fstatSync(descriptor).mode & 0o777;
    if ((mode & 0o077) !== 0) {
      throw identityError(
        { code: "ca-key-permissions", path, mode },
        `${path} may be read by others (mode ${mode.toString(8).padStart(4, "0")}): run "chmod 600 ${path}", and make a new authority if somebody could have read it`,
      );
    }
    return readFileSync(descriptor, "utf8");
  } finally {
    closeSync(descriptor);
  }
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw stateInvalid(path, `${path} cannot be read: ${String(error)}`, error);
  }
}

/**
 * Durable when it returns, and never seen half written. When somebody else made the file meanwhile,
 * theirs stays.
 */
function createExclusively(path: string, text: string, mode: number): void {
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  const descriptor = openSync(temporary, "wx", mode);
  try {
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  try {
    linkSync(temporary, path);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
  } finally {
    unlinkSync(temporary);
  }
  const directory = openSync(dirname(path), "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

function sealed(path: string, whatToDo: string): Error {
  return identityError({ code: "ca-key-sealed", path }, `${path} is sealed: ${whatToDo}`);
}

function stateInvalid(path: string, message: string, cause?: unknown): Error {
  return identityError({ code: "ca-state-invalid", path }, message, cause);
}
