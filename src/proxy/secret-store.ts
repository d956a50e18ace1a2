/**
 * Certificates and trust by name, as SDS delivers them, and the static ones by a name made for them.
 * Each change gets a new version, by which TLS contexts notice that they are out of date.
 */
import { existsSync, readFileSync } from "node:fs";
import { createSecureContext, getCACertificates } from "node:tls";
import { parseCertificate } from "../identity/certificate.ts";
import { parsePem } from "../identity/pem.ts";
import { parseTrustBundlePem, TrustBundleSet } from "../identity/trust-bundle.ts";
import type {
  CertificateSource,
  SecretReference,
  TextSource,
  ValidationSource,
} from "./config/tls-settings.ts";
import { DeniedPeers } from "./denied-peers.ts";

/** PEM. The key never goes into a log, a dump or an error. */
export interface Certificate {
  readonly chainPem: string;
  readonly keyPem: string;
}

/** When a certificate may be shown, by the wall clock. */
interface Validity {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Of a certificate that cannot be read here: whoever takes it judges. */
const ALWAYS: Validity = { notBeforeMs: 0, notAfterMs: Number.POSITIVE_INFINITY };

export interface Validation {
  /** Roots for the TLS library; "" when it has no part in the verdict, and trusts nobody. */
  readonly caPem: string;
  /** Present when the SPIFFE rules apply. */
  readonly bundles: TrustBundleSet | undefined;
}

export class SecretStore {
  /** Who is revoked, and who is connected. */
  readonly deniedPeers = new DeniedPeers();
  readonly #certificates = new Map<string, Certificate>();
  readonly #validities = new Map<string, Validity>();
  readonly #freshWaiters = new Set<() => void>();
  readonly #validations = new Map<string, Validation>();
  readonly #listeners = new Set<() => void>();
  /** Grows with each change. */
  version = 0;

  /** Throws for a chain and a key that are not readable or do not fit: what was there before stays. */
  setCertificate(name: string, certificate: Certificate): void {
    assertUsable(certificate);
    this.#certificates.set(name, certificate);
    this.#validities.set(name, validityOf(certificate));
    this.#changed();
    const waiters = [...this.#freshWaiters];
    this.#freshWaiters.clear();
    for (const wake of waiters) wake();
  }

  /**
   * Whether the certificate of this name is there but must not be shown now: it has expired, or is not valid yet. Its
   * owner is getting another one, unless the clock was set wrong for both.
   */
  isStale(name: string, nowMs: number): boolean {
    const validity = this.#validities.get(name);
    if (validity === undefined) return false;
    return nowMs > validity.notAfterMs || nowMs < validity.notBeforeMs;
  }

  /** Calls `wake` once, after the next certificate has come. Returns how to end that. */
  whenFresh(wake: () => void): () => void {
    this.#freshWaiters.add(wake);
    return () => this.#freshWaiters.delete(wake);
  }

  setValidation(name: string, validation: Validation): void {
    const before = this.#trustDomains();
    this.#validations.set(name, validation);
    const now = this.#trustDomains();
    this.#changed();
    this.deniedPeers.distrust(new Set([...before].filter((domain) => !now.has(domain))));
  }

  /** Those that somebody can be trusted in. */
  #trustDomains(): ReadonlySet<string> {
    const domains = new Set<string>();
    for (const { bundles } of this.#validations.values()) {
      for (const name of bundles?.trustDomains ?? []) {
        if ((bundles?.get(name)?.roots.length ?? 0) > 0) domains.add(name);
      }
    }
    return domains;
  }

  certificate(name: string): Certificate | undefined {
    return this.#certificates.get(name);
  }

  validation(name: string): Validation | undefined {
    return this.#validations.get(name);
  }

  get names(): readonly string[] {
    return [...new Set([...this.#certificates.keys(), ...this.#validations.keys()])];
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  #changed(): void {
    this.version += 1;
    for (const listener of this.#listeners) listener();
  }
}

function validityOf({ chainPem }: Certificate): Validity {
  try {
    const [leaf] = parsePem(chainPem, "CERTIFICATE");
    return leaf === undefined ? ALWAYS : parseCertificate(leaf);
  } catch {
    return ALWAYS;
  }
}

/** Reads what a certificate secret contains. Throws the file system's error for an unreadable file. */
export function readCertificate(source: CertificateSource): Certificate {
  return { chainPem: readText(source.chain), keyPem: readText(source.key) };
}

/** Throws for an unreadable file and for text without a certificate, which would trust nobody. */
export function readValidation(source: ValidationSource): Validation {
  if (source.trustDomains.length > 0) {
    const bundles = source.trustDomains.map(({ name, bundle }) =>
      parseTrustBundlePem(name, readTrust(bundle, `the trust bundle of ${name}`)),
    );
    return { caPem: "", bundles: new TrustBundleSet(bundles) };
  }
  const { trustedCa } = source;
  return {
    caPem: trustedCa === undefined ? "" : readTrust(trustedCa, "trusted_ca"),
    bundles: undefined,
  };
}

/** Where most Linux systems keep the roots that they trust. A control plane names it without knowing the machine. */
const SYSTEM_ROOTS_FILE = "/etc/ssl/certs/ca-certificates.crt";

function readTrust(source: TextSource, what: string): string {
  const isElsewhere =
    source.kind === "file" && source.path === SYSTEM_ROOTS_FILE && !existsSync(source.path);
  const text = isElsewhere ? systemRoots() : readText(source);
  if (parsePem(text, "CERTIFICATE").length === 0) throw new Error(`${what} has no certificate`);
  return text;
}

/** Of a system that keeps them elsewhere; the runtime's own where it keeps none, as in a bare container. */
function systemRoots(): string {
  const own = getCACertificates("system");
  return (own.length > 0 ? own : getCACertificates("bundled")).join("\n");
}

/** Throws the TLS library's error. */
export function assertUsable({ chainPem, keyPem }: Certificate): void {
  createSecureContext({ cert: chainPem, key: keyPem, ca: [] });
}

/** What a reference leads to now, or undefined while a named secret has not arrived. */
export function resolveSecret<S, T>(
  reference: SecretReference<S>,
  byName: (name: string) => T | undefined,
  read: (source: S) => T,
): T | undefined {
  return reference.kind === "named" ? byName(reference.name) : read(reference.value);
}

function readText(source: TextSource): string {
  return source.kind === "inline" ? source.text : readFileSync(source.path, "utf8");
}
