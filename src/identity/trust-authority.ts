/**
 * The roots of a trust domain over time, on disk: the one whose key signs, one that is prepared to follow it, and
 * others that are trusted until nothing depends on them any more.
 *
 *   prepare ──► two roots trusted, the old key signs ──activate──► the new key signs ──retire──► one root trusted
 *
 * Each step is one file that takes the place of another, so that a crash leaves the state before or the one after.
 * Which root signs is nowhere written down but in the key: it is the one that the key belongs to.
 */
import { assert } from "../core/assert.ts";
import {
  type AuthorityFilesOptions,
  newKeyText,
  newRoot,
  openCertificateAuthority,
  openKeyText,
  rootOfKey,
} from "./authority-files.ts";
import type { Certificate } from "./certificate.ts";
import {
  CertificateAuthority,
  type IssuedCertificate,
  type IssueRequest,
} from "./certificate-authority.ts";
import { identityError } from "./errors.ts";
import { formatCertificatesPem } from "./pem.ts";
import { rootIdOf } from "./root-id.ts";
import { createFile, moveFile, readKeyFile, removeFile, replaceFile } from "./state-files.ts";
import type { TrustBundle } from "./trust-bundle.ts";

export interface TrustAuthorityOptions extends AuthorityFilesOptions {
  /** The key of a root that is prepared. */
  readonly nextKeyPath: string;
}

export class TrustAuthority {
  readonly trustDomain: string;
  /** Whether the authority was made by `open`. */
  readonly isNew: boolean;
  readonly #options: TrustAuthorityOptions;
  readonly #listeners = new Set<() => void>();
  #active: CertificateAuthority;
  #next: CertificateAuthority | undefined;
  #bundle: TrustBundle;

  /** As `openCertificateAuthority`. What a crash interrupted is found as it was before the step. */
  static open(options: TrustAuthorityOptions): TrustAuthority {
    return new TrustAuthority(options);
  }

  private constructor(options: TrustAuthorityOptions) {
    const opened = openCertificateAuthority(options);
    this.#options = options;
    this.trustDomain = options.trustDomain;
    this.isNew = opened.isNew;
    this.#active = opened.authority;
    this.#bundle = opened.bundle;
    this.#next = this.#openNext();
  }

  /** The root whose key signs. */
  get root(): Certificate {
    return this.#active.certificate;
  }

  /** The root that is to follow it. */
  get nextRoot(): Certificate | undefined {
    return this.#next?.certificate;
  }

  /** Every root that is trusted. */
  get bundle(): TrustBundle {
    return this.#bundle;
  }

  /** As `CertificateAuthority.issue`, by the root that signs at this moment. */
  issue(request: IssueRequest): IssuedCertificate {
    return this.#active.issue(request);
  }

  /** Calls `listener` after each change of the bundle or of the root that signs. Returns how to end that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Makes a root with a new key that is trusted from now on. The same one when there is one already. */
  prepare(): Certificate {
    if (this.#next !== undefined) return this.#next.certificate;
    const { nextKeyPath } = this.#options;
    createFile(nextKeyPath, newKeyText(this.#options), 0o600);
    const key = this.#readNextKey();
    assert(key !== undefined, "the key was written just now");
    const root = rootOfKey(this.#bundle, key) ?? newRoot(key, this.#options);
    this.#trust([...this.#bundle.roots.filter((one) => one !== root), root]);
    this.#next = this.#openNext();
    this.#changed();
    return root;
  }

  /** The prepared root signs from now on; the key of the one before it is gone for good. */
  activate(): void {
    assert(this.#next !== undefined, "a root is prepared before it is activated");
    const { keyPath, nextKeyPath } = this.#options;
    moveFile(nextKeyPath, keyPath);
    this.#active = this.#next;
    this.#next = undefined;
    this.#changed();
  }

  /** Gives a prepared root up. */
  discard(): void {
    const root = this.nextRoot;
    if (root === undefined) return;
    removeFile(this.#options.nextKeyPath);
    this.#next = undefined;
    this.#trust(this.#bundle.roots.filter((one) => one !== root));
    this.#changed();
  }

  /** The root with this id is not trusted any more. Throws `ca-root-in-use` for one that signs or is to sign. */
  retire(rootId: string): void {
    for (const [root, what] of [
      [this.root, "signs certificates"],
      [this.nextRoot, "is prepared to sign certificates"],
    ] as const) {
      if (root === undefined || rootIdOf(root) !== rootId) continue;
      throw identityError(
        { code: "ca-root-in-use" },
        `root ${rootId} ${what}: run tulle ca rotate to have another one in its place`,
      );
    }
    const kept = this.#bundle.roots.filter((root) => rootIdOf(root) !== rootId);
    if (kept.length === this.#bundle.roots.length) return;
    this.#trust(kept);
    this.#changed();
  }

  /**
   * When the root that signs has expired nobody trusts what it signed: a new one takes its place at once, and expired
   * ones are dropped. True when that was so.
   */
  replaceExpired(): boolean {
    const nowMs = this.#options.clock.nowMs();
    if (nowMs < this.root.notAfterMs) return false;
    if (this.nextRoot !== undefined && nowMs >= this.nextRoot.notAfterMs) this.discard();
    this.prepare();
    this.activate();
    this.#trust(this.#bundle.roots.filter((root) => nowMs < root.notAfterMs));
    this.#changed();
    return true;
  }

  #trust(roots: readonly Certificate[]): void {
    const { certificatePath, trustDomain } = this.#options;
    replaceFile(certificatePath, formatCertificatesPem(roots.map(({ der }) => der)), 0o644);
    this.#bundle = { trustDomain, roots };
  }

  /** A key without a root is from a crash before the root was written: `prepare` goes on with it. */
  #openNext(): CertificateAuthority | undefined {
    const key = this.#readNextKey();
    const certificate = key && rootOfKey(this.#bundle, key);
    if (key === undefined || certificate === undefined) return undefined;
    const { trustDomain, clock } = this.#options;
    return new CertificateAuthority({ trustDomain, key, certificate, clock });
  }

  #readNextKey() {
    const { nextKeyPath } = this.#options;
    const text = readKeyFile(nextKeyPath);
    if (text === undefined) return undefined;
    return openKeyText(text, { ...this.#options, keyPath: nextKeyPath });
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
