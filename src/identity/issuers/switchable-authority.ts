/**
 * The authority of a mesh over the time of changes: the one that signs, the one that is to take its place, and the roots
 * of those before. Roots of all of them are trusted; whose turn it is, is decided where it is known what every proxy has
 * acknowledged. What is decided is on disk before it is done.
 */
import type { Clock, Timer } from "../../core/clock.ts";
import type { Component } from "../../core/component.ts";
import type { Certificate } from "../certificate.ts";
import type { IssuedCertificate, IssueRequest } from "../certificate-authority.ts";
import { identityError } from "../errors.ts";
import { formatCertificatesPem } from "../pem.ts";
import { rootIdOf } from "../root-id.ts";
import { readOptionalFile, removeFile, replaceFile } from "../state-files.ts";
import { parseTrustBundlePem, type TrustBundle } from "../trust-bundle.ts";
import type { ExternalIssuerState } from "./issuer-state.ts";
import type { AuthorityChange, MeshAuthority } from "./mesh-authority.ts";

/** A request to the one before may be under way: it ends by itself within this time. */
const STOP_AFTER_MS = 10_000;

/** One that has something to stop is a component. */
export type SwitchedAuthority = MeshAuthority & Partial<Pick<Component, "stop">>;

export interface NextAuthority {
  readonly authority: SwitchedAuthority;
  /** Writes down that it signs from now on. */
  readonly onActivate: () => void;
}

export interface SwitchableAuthorityOptions {
  readonly current: SwitchedAuthority;
  /** Undefined when the one that signs stays. */
  readonly next: NextAuthority | undefined;
  /** Roots of those before. */
  readonly formerRootsPath: string;
  readonly clock: Clock;
}

export class SwitchableAuthority implements MeshAuthority, Component {
  readonly name = "certificate authorities";
  readonly #options: SwitchableAuthorityOptions;
  readonly #listeners = new Set<() => void>();
  #current: SwitchedAuthority;
  #next: NextAuthority | undefined;
  #former: readonly Certificate[];
  #stopping: { readonly authority: SwitchedAuthority; readonly timer: Timer } | undefined;

  /** Throws `ca-state-invalid` and `trust-bundle-invalid` for a file of roots that cannot be read. */
  constructor(options: SwitchableAuthorityOptions) {
    this.#options = options;
    const { current, next, formerRootsPath } = options;
    this.#current = current;
    this.#next = next;
    const pem = readOptionalFile(formerRootsPath) ?? "";
    this.#former = parseTrustBundlePem(current.trustDomain, pem).roots;
    current.onChange(() => this.#changed());
    next?.authority.onChange(() => this.#changed());
  }

  get trustDomain(): string {
    return this.#current.trustDomain;
  }

  get root(): Certificate {
    return this.#current.root;
  }

  get nextRoot(): Certificate | undefined {
    return this.#next === undefined ? this.#current.nextRoot : this.#next.authority.root;
  }

  get bundle(): TrustBundle {
    const { bundle } = this.#current;
    const more = [...this.#nextRoots(), ...this.#former];
    const known = new Set(bundle.roots.map(rootIdOf));
    const added = more.filter((root) => {
      const isNew = !known.has(rootIdOf(root));
      known.add(rootIdOf(root));
      return isNew;
    });
    return added.length === 0 ? bundle : { ...bundle, roots: [...bundle.roots, ...added] };
  }

  get external(): ExternalIssuerState | undefined {
    return this.#current.external;
  }

  get change(): AuthorityChange | undefined {
    if (this.#next === undefined) return undefined;
    return { from: nameOf(this.#current), to: nameOf(this.#next.authority) };
  }

  get formerRoots(): readonly Certificate[] {
    const coming = new Set(this.#nextRoots().map(rootIdOf));
    const all = [...(this.#current.formerRoots ?? []), ...this.#former];
    return all.filter((root) => !coming.has(rootIdOf(root)));
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    this.#listeners.clear();
    this.#stopping?.timer.cancel();
    const all = [this.#current, this.#next?.authority, this.#stopping?.authority];
    await Promise.all(all.map((one) => one?.stop?.(0)));
  }

  issue(request: IssueRequest): IssuedCertificate | Promise<IssuedCertificate> {
    return this.#current.issue(request);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The roots of the next one are trusted already. */
  prepare(): Certificate {
    return this.#next === undefined ? this.#current.prepare() : this.#next.authority.root;
  }

  activate(): void {
    const next = this.#next;
    if (next === undefined) {
      this.#current.activate();
      return;
    }
    const kept = new Set(next.authority.bundle.roots.map(rootIdOf));
    this.#keepFormer(this.bundle.roots.filter((root) => !kept.has(rootIdOf(root))));
    next.onActivate();
    this.#stopLater(this.#current);
    this.#current = next.authority;
    this.#next = undefined;
    this.#changed();
  }

  /** A root that the one that signs has prepared; the next authority is given up by a start without it. */
  discard(): void {
    this.#current.discard();
  }

  retire(rootId: string): void {
    if (this.#nextRoots().some((root) => rootIdOf(root) === rootId)) {
      throw identityError(
        { code: "ca-root-in-use" },
        `root ${rootId} is one of the authority that is to sign`,
      );
    }
    const kept = this.#former.filter((root) => rootIdOf(root) !== rootId);
    const isFormer = kept.length < this.#former.length;
    if (isFormer) this.#keepFormer(kept);
    if (this.#current.bundle.roots.some((root) => rootIdOf(root) === rootId)) {
      this.#current.retire(rootId);
    } else if (isFormer) {
      this.#changed();
    }
  }

  replaceExpired(): boolean {
    return this.#current.replaceExpired();
  }

  /** That it is to sign under: what it knows of those before is told by the one that signs. */
  #nextRoots(): readonly Certificate[] {
    if (this.#next === undefined) return [];
    const { bundle, formerRoots = [] } = this.#next.authority;
    const former = new Set(formerRoots.map(rootIdOf));
    return bundle.roots.filter((root) => !former.has(rootIdOf(root)));
  }

  #keepFormer(roots: readonly Certificate[]): void {
    const { formerRootsPath } = this.#options;
    if (roots.length === 0) removeFile(formerRootsPath);
    else replaceFile(formerRootsPath, formatCertificatesPem(roots.map(({ der }) => der)), 0o644);
    this.#former = roots;
  }

  #stopLater(authority: SwitchedAuthority): void {
    const timer = this.#options.clock.schedule(STOP_AFTER_MS, () => {
      this.#stopping = undefined;
      void authority.stop?.(0);
    });
    this.#stopping = { authority, timer };
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

function nameOf({ external }: MeshAuthority): string {
  return external === undefined
    ? "the built-in authority"
    : `${external.kind} at ${external.place}`;
}
