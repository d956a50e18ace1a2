/**
 * The authority of a mesh whose certificates somebody else signs. It holds every issuer to the same rules: a bounded
 * time for each request and a bounded number of them, back-off with jitter while it fails, and the checks of
 * `issued-check.ts` before anybody gets what came back.
 */
import { Backoff } from "../../core/backoff.ts";
import type { Clock, Timer } from "../../core/clock.ts";
import type { Component } from "../../core/component.ts";
import { MeshError, messageOf } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { Prng } from "../../core/prng.ts";
import type { Certificate } from "../certificate.ts";
import type { IssuedCertificate, IssueRequest } from "../certificate-authority.ts";
import { identityError } from "../errors.ts";
import { formatCertificatesPem } from "../pem.ts";
import { rootIdOf } from "../root-id.ts";
import { readOptionalFile, removeFile, replaceFile } from "../state-files.ts";
import { parseTrustBundlePem, type TrustBundle } from "../trust-bundle.ts";
import { type CertificateIssuer, issuerFailed } from "./certificate-issuer.ts";
import { checkIssued } from "./issued-check.ts";
import type { ExternalIssuerState } from "./issuer-state.ts";
import type { MeshAuthority } from "./mesh-authority.ts";

/** A sidecar waits ten seconds for its certificate. */
const SIGN_TIMEOUT_MS = 8_000;
const OPEN_TIMEOUT_MS = 15_000;
/** At the 50 certificates a second that are signed at most, an answer may take more than a second. */
const REQUESTS_MAX = 64;
const BACKOFF = { baseMs: 500, maxMs: 30_000 };

export interface ExternalAuthorityOptions {
  readonly trustDomain: string;
  readonly issuer: CertificateIssuer;
  /** Roots that the issuer had when it was asked last: a start must not depend on it. */
  readonly rootsPath: string;
  /** Roots of the authority that the mesh had of its own: they stay trusted until they are retired. */
  readonly ownRootsPath: string;
  /** Keys of that authority: useless once its roots are retired. */
  readonly ownKeyPaths: readonly string[];
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
}

export class ExternalAuthority implements MeshAuthority, Component {
  readonly name = "certificate issuer";
  readonly trustDomain: string;
  readonly nextRoot = undefined;
  readonly #options: ExternalAuthorityOptions;
  readonly #listeners = new Set<() => void>();
  readonly #backoff: Backoff;
  #rootsPath: string;
  #ownRoots: readonly Certificate[] = [];
  /** Of the issuer, the one in force first. */
  #roots: readonly Certificate[] = [];
  #bundle: TrustBundle;
  #inFlight = 0;
  #resumeAtMs = 0;
  #signedCount = 0;
  #failureCount = 0;
  #consecutiveFailures = 0;
  #lastError: { readonly message: string; readonly atMs: number } | undefined;
  #finding: string | undefined;

  /** Rejects with `issuer-failed` when the issuer cannot be reached and its roots are not known from before. */
  static async open(options: ExternalAuthorityOptions): Promise<ExternalAuthority> {
    const authority = new ExternalAuthority(options);
    await authority.#open();
    return authority;
  }

  private constructor(options: ExternalAuthorityOptions) {
    this.#options = options;
    this.#rootsPath = options.rootsPath;
    this.trustDomain = options.trustDomain;
    this.#bundle = { trustDomain: options.trustDomain, roots: [] };
    this.#backoff = new Backoff({ ...BACKOFF, prng: options.prng });
  }

  get root(): Certificate {
    const [root] = this.#roots;
    if (root === undefined) throw issuerFailed("the issuer has no root", true);
    return root;
  }

  get bundle(): TrustBundle {
    return this.#bundle;
  }

  get formerRoots(): readonly Certificate[] {
    const ids = new Set(this.#roots.map(rootIdOf));
    return this.#ownRoots.filter((root) => !ids.has(rootIdOf(root)));
  }

  get external(): ExternalIssuerState {
    const { issuer, clock } = this.#options;
    const waitMs = this.#resumeAtMs - clock.monotonicMs();
    return {
      kind: issuer.kind,
      place: issuer.place,
      notAfterMs: issuer.notAfterMs,
      signedCount: this.#signedCount,
      failureCount: this.#failureCount,
      consecutiveFailures: this.#consecutiveFailures,
      lastError: issuer.finding ?? this.#lastError?.message,
      lastErrorAtMs: this.#lastError?.atMs,
      outage:
        waitMs > 0
          ? `the issuer ${issuer.kind} fails (${this.#lastError?.message}); it is asked again in ${Math.ceil(waitMs / 1000)} s`
          : undefined,
    };
  }

  /** Its roots are remembered there from now on. */
  keepRootsAt(path: string): void {
    replaceFile(path, formatCertificatesPem(this.#roots.map(({ der }) => der)), 0o644);
    if (path !== this.#rootsPath) removeFile(this.#rootsPath);
    this.#rootsPath = path;
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    this.#options.issuer.close();
    this.#listeners.clear();
  }

  /** Rejects with `issuer-failed` or `ca-not-valid`. */
  async issue(request: IssueRequest): Promise<IssuedCertificate> {
    const { outage } = this.external;
    if (outage !== undefined) throw issuerFailed(outage, true);
    const { csrDer } = request;
    if (csrDer === undefined) throw issuerFailed("an issuer is asked by a signing request", false);
    if (this.#inFlight >= REQUESTS_MAX) {
      throw issuerFailed(`${REQUESTS_MAX} requests wait for the issuer already`, true);
    }
    this.#inFlight += 1;
    try {
      const { issuer, clock } = this.#options;
      const { dnsNames = [] } = request;
      const chainDer = await within(SIGN_TIMEOUT_MS, clock, (signal) =>
        issuer.sign({ ...request, csrDer, dnsNames }, signal),
      );
      const issued = checkIssued(chainDer, request, this.#bundle, clock.nowMs());
      this.#succeeded(issued.root);
      return issued;
    } catch (error) {
      throw this.#failed(error);
    } finally {
      this.#inFlight -= 1;
    }
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  prepare(): never {
    throw this.#notOurs();
  }

  activate(): never {
    throw this.#notOurs();
  }

  discard(): void {}

  /** Roots of the issuer stay until the issuer drops them; those of the mesh's own authority go for good. */
  retire(rootId: string): void {
    if (this.#roots.some((root) => rootIdOf(root) === rootId)) {
      throw identityError(
        { code: "ca-root-in-use" },
        `root ${rootId} is one of the issuer's: take it out of the issuer's roots`,
      );
    }
    const kept = this.#ownRoots.filter((root) => rootIdOf(root) !== rootId);
    if (kept.length === this.#ownRoots.length) return;
    const { ownRootsPath, ownKeyPaths } = this.#options;
    for (const path of ownKeyPaths) removeFile(path);
    if (kept.length === 0) removeFile(ownRootsPath);
    else replaceFile(ownRootsPath, formatCertificatesPem(kept.map(({ der }) => der)), 0o644);
    this.#ownRoots = kept;
    this.#trust(this.#roots);
  }

  /** Whose root it is replaces it. */
  replaceExpired(): false {
    return false;
  }

  async #open(): Promise<void> {
    const { trustDomain, issuer, rootsPath, ownRootsPath, clock, log } = this.#options;
    this.#ownRoots = parseTrustBundlePem(trustDomain, readOptionalFile(ownRootsPath) ?? "").roots;
    try {
      await within(OPEN_TIMEOUT_MS, clock, (signal) => issuer.open(signal));
      this.#trust(issuer.roots);
    } catch (error) {
      const { roots } = parseTrustBundlePem(trustDomain, readOptionalFile(rootsPath) ?? "");
      const { kind, place, finding } = issuer;
      const why = messageOf(error);
      // One that tries again by itself knows more than that its time is over.
      const more = finding === undefined || finding === why ? "" : ` (${finding})`;
      const reason = `the issuer ${kind} at ${place} cannot be used: ${why}${more}`;
      if (roots.length === 0 || !isRetryable(error)) {
        issuer.close();
        throw issuerFailed(reason, false, error);
      }
      log.warn("the issuer cannot be reached: its roots are those of the last start", { reason });
      this.#trust(roots);
      this.#failed(error);
    }
    issuer.onChange(() => this.#issuerChanged());
  }

  #issuerChanged(): void {
    const { issuer } = this.#options;
    const { finding } = issuer;
    if (finding !== undefined && finding !== this.#finding) {
      this.#failureCount += 1;
      this.#lastError = { message: finding, atMs: this.#options.clock.nowMs() };
    } else if (finding === undefined && this.#consecutiveFailures === 0) {
      this.#lastError = undefined;
    }
    this.#finding = finding;
    this.#trust(issuer.roots.length === 0 ? this.#roots : issuer.roots);
  }

  /** Listeners hear of it when something is different: each change is pushed to the whole mesh. */
  #trust(issuerRoots: readonly Certificate[]): void {
    const before = this.#idsInForce();
    const ids = new Set(issuerRoots.map(rootIdOf));
    this.#roots = issuerRoots;
    const own = this.#ownRoots.filter((root) => !ids.has(rootIdOf(root)));
    this.#bundle = { trustDomain: this.trustDomain, roots: [...issuerRoots, ...own] };
    if (this.#idsInForce() === before) return;
    const pem = formatCertificatesPem(issuerRoots.map(({ der }) => der));
    replaceFile(this.#rootsPath, pem, 0o644);
    for (const listener of [...this.#listeners]) listener();
  }

  #idsInForce(): string {
    return this.#bundle.roots.map(rootIdOf).join();
  }

  #succeeded(root: Certificate): void {
    this.#signedCount += 1;
    this.#consecutiveFailures = 0;
    this.#resumeAtMs = 0;
    this.#lastError = undefined;
    this.#backoff.reset();
    if (rootIdOf(root) === rootIdOf(this.root)) return;
    // An issuer that is asked over a network shows by what it signs which of its roots is in force.
    if (!this.#roots.includes(root)) return;
    this.#trust([root, ...this.#roots.filter((one) => one !== root)]);
  }

  /** A refusal of one request says nothing of the next: only what may pass by itself makes the others wait. */
  #failed(error: unknown): Error {
    const { issuer, clock, log } = this.#options;
    const message = messageOf(error);
    this.#failureCount += 1;
    this.#consecutiveFailures += 1;
    this.#lastError = { message, atMs: clock.nowMs() };
    if (isRetryable(error)) this.#resumeAtMs = clock.monotonicMs() + this.#backoff.nextMs();
    log.warn("the issuer has not signed", { issuer: issuer.kind, reason: message });
    if (error instanceof MeshError) return error;
    return issuerFailed(`the issuer ${issuer.kind} has not signed: ${message}`, true, error);
  }

  #notOurs(): Error {
    return issuerFailed(`the roots are those of the issuer ${this.#options.issuer.kind}`, false);
  }
}

/** Errors without a kind are those of sockets. */
function isRetryable(error: unknown): boolean {
  if (!(error instanceof MeshError)) return true;
  const { detail } = error;
  return "isRetryable" in detail ? detail.isRetryable === true : false;
}

/** Rejects when it takes longer; `act` hears of it by the signal. */
async function within<T>(
  timeoutMs: number,
  clock: Clock,
  act: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  let timer: Timer | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = clock.schedule(timeoutMs, () => {
      reject(issuerFailed(`the issuer has not answered within ${timeoutMs / 1000} s`, true));
      controller.abort();
    });
  });
  try {
    return await Promise.race([act(controller.signal), late]);
  } finally {
    timer?.cancel();
  }
}
