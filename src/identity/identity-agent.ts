/**
 * Keeps one workload in possession of a valid SVID: makes its keys, gets certificates from a source,
 * renews them at half of their life, and tells listeners, which swap their TLS contexts. The private
 * key never leaves the process. What was good stays in use until something better is there.
 *
 *   no SVID ──obtain──► SVID ──45–55 % of life──► obtain ──► next SVID
 *      ▲  failure: again after 1 s … 60 s, full jitter  │
 *      │  (… 15 s while there is no valid one)          │
 *      └────────────────────────────────────────────────┘
 */
import { generateKeyPair } from "node:crypto";
import { promisify } from "node:util";
import { assert } from "../core/assert.ts";
import { Backoff } from "../core/backoff.ts";
import type { Clock, Timer } from "../core/clock.ts";
import type { Component } from "../core/component.ts";
import { MeshError, messageOf } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Prng } from "../core/prng.ts";
import { parseCertificate } from "./certificate.ts";
import type { CertificateSource, SignedCertificate } from "./certificate-source.ts";
import { createCsr } from "./csr.ts";
import type { ChannelIdentity } from "./grpc-credentials.ts";
import { expectPeer, verifyPeer } from "./peer-verifier.ts";
import { formatCertificatesPem } from "./pem.ts";
import { rootIdOf } from "./root-id.ts";
import { type SpiffeId, trustDomainOf } from "./spiffe-id.ts";
import type { IdentityUpdate, Svid } from "./svid.ts";
import {
  formatTrustBundlePem,
  parseTrustBundlePem,
  type TrustBundle,
  TrustBundleSet,
} from "./trust-bundle.ts";

/** Part of a certificate's life after which it is renewed: uniform, so that a fleet spreads out. */
const RENEW_AT_MIN = 0.45;
const RENEW_AT_MAX = 0.55;

const RETRY_BASE_MS = 1_000;
const RETRY_MAX_MS = 60_000;
/** Without a certificate that is valid: the workload is cut off until there is one. */
const CUT_OFF_RETRY_MAX_MS = 15_000;

/**
 * The wall clock is read this often at least. A timer set for half a day would not run while the
 * machine sleeps, and would wake up to an expired certificate: then handshakes wait for the next one.
 */
const TICK_MS = 1_000;

export interface IdentityAgentOptions {
  /** What the certificates must say. */
  readonly spiffeId: SpiffeId;
  readonly source: CertificateSource;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly logger: Logger;
}

/** For metrics and the admin port. */
export interface IdentityStatus {
  readonly state: "joining" | "valid" | "expired";
  readonly spiffeId: SpiffeId;
  /** Milliseconds since the epoch. */
  readonly notBeforeMs: number | undefined;
  readonly notAfterMs: number | undefined;
  readonly renewAtMs: number | undefined;
  /** Id of the root that it is under. */
  readonly rootId: string | undefined;
  /** Serial number of the certificate in use. */
  readonly serialHex: string | undefined;
  /** Every root that is trusted, with its end. */
  readonly roots: readonly { readonly id: string; readonly notAfterMs: number }[];
  /** Certificates obtained so far. */
  readonly obtainedCount: number;
  /** Failures since the last success. */
  readonly failureCount: number;
  readonly lastError: string | undefined;
}

type Listener = (update: IdentityUpdate) => void;

/** A certificate that peers would accept. */
type Checked = Omit<Held, "renewAtMs">;

interface Held {
  readonly svid: Svid;
  readonly renewAtMs: number;
  readonly rootId: string;
  readonly serialHex: string;
}

/** Which roots certificates are to be issued under. */
interface WantedIssuers {
  readonly rootIds: readonly string[];
  readonly withinMs: number;
}

export class IdentityAgent implements Component {
  readonly name = "identity-agent";
  readonly #options: IdentityAgentOptions;
  readonly #logger: Logger;
  readonly #backoff: Backoff;
  readonly #listeners = new Set<Listener>();
  #held: Held | undefined;
  #wanted: WantedIssuers = { rootIds: [], withinMs: 0 };
  #bundle: TrustBundle;
  #timer: Timer | undefined;
  #isRunning = false;
  #isObtaining = false;
  #obtainedCount = 0;
  #failureCount = 0;
  #lastError: string | undefined;

  constructor(options: IdentityAgentOptions) {
    this.#options = options;
    this.#logger = options.logger.child(this.name);
    this.#bundle = { trustDomain: trustDomainOf(options.spiffeId), roots: [] };
    this.#backoff = new Backoff({
      baseMs: RETRY_BASE_MS,
      maxMs: RETRY_MAX_MS,
      prng: options.prng,
    });
  }

  /** Starts to obtain; `whenReady` tells when there is a first SVID. */
  async start(): Promise<void> {
    assert(!this.#isRunning, "an agent is started once");
    this.#isRunning = true;
    this.#tick();
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#timer?.cancel();
    this.#listeners.clear();
  }

  /** The last good SVID, even when it has expired: then peers refuse it. */
  get current(): IdentityUpdate | undefined {
    if (this.#held === undefined) return undefined;
    return { ...this.#held.svid, trustBundlePem: formatTrustBundlePem(this.#bundle) };
  }

  /** For `createMeshChannelCredentials`: channels use what is current when they connect. */
  get channelIdentity(): ChannelIdentity {
    return { svid: this.#held?.svid, bundles: new TrustBundleSet([this.#bundle]) };
  }

  /** Resolves with the current SVID, or the first one when there is one. */
  whenReady(): Promise<IdentityUpdate> {
    const { current } = this;
    if (current !== undefined) return Promise.resolve(current);
    return new Promise((resolve) => {
      const unsubscribe = this.onUpdate((update) => {
        unsubscribe();
        resolve(update);
      });
    });
  }

  /** Calls `listener` after every change of SVID or bundle. Returns how to end that. */
  onUpdate(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes over roots that came by another way, such as SDS. Throws `trust-bundle-invalid`. */
  setTrustBundle(pem: string): void {
    const bundle = parseTrustBundlePem(this.#bundle.trustDomain, pem);
    const isSame = formatTrustBundlePem(bundle) === formatTrustBundlePem(this.#bundle);
    this.#bundle = bundle;
    if (!isSame) this.#notify();
  }

  /**
   * Certificates under other roots than these are renewed at a random moment within `withinMs`, so that a fleet does
   * not come all at once. An empty list wants nothing.
   */
  setIssuers(rootIds: readonly string[], withinMs: number): void {
    const isSame = rootIds.join() === this.#wanted.rootIds.join();
    this.#wanted = { rootIds, withinMs };
    if (isSame || this.#held === undefined || this.#isUnderWantedRoot(this.#held.rootId)) return;
    const { clock, prng } = this.#options;
    const dueMs = clock.nowMs() + withinMs * prng.next();
    this.#held = { ...this.#held, renewAtMs: Math.min(this.#held.renewAtMs, dueMs) };
    this.#logger.info("certificate is under a root that is being replaced", {
      root: this.#held.rootId,
      renewAt: new Date(this.#held.renewAtMs).toISOString(),
    });
    if (this.#isObtaining) return;
    this.#timer?.cancel();
    this.#tick();
  }

  get status(): IdentityStatus {
    const held = this.#held;
    const isExpired = held !== undefined && this.#options.clock.nowMs() > held.svid.notAfterMs;
    return {
      state: held === undefined ? "joining" : isExpired ? "expired" : "valid",
      spiffeId: this.#options.spiffeId,
      notBeforeMs: held?.svid.notBeforeMs,
      notAfterMs: held?.svid.notAfterMs,
      renewAtMs: held?.renewAtMs,
      rootId: held?.rootId,
      serialHex: held?.serialHex,
      roots: this.#bundle.roots.map((root) => ({
        id: rootIdOf(root),
        notAfterMs: root.notAfterMs,
      })),
      obtainedCount: this.#obtainedCount,
      failureCount: this.#failureCount,
      lastError: this.#lastError,
    };
  }

  #tick(): void {
    if (!this.#isRunning) return;
    const remainingMs = this.#remainingMs();
    if (remainingMs <= 0) void this.#obtain();
    else this.#scheduleTick(Math.min(TICK_MS, remainingMs));
  }

  /** Until renewal is due. A wall clock that was set back before the certificate begins makes it due too. */
  #remainingMs(): number {
    const nowMs = this.#options.clock.nowMs();
    if (this.#held === undefined || nowMs < this.#held.svid.notBeforeMs) return 0;
    return this.#held.renewAtMs - nowMs;
  }

  #scheduleTick(delayMs: number): void {
    if (!this.#isRunning) return;
    this.#timer = this.#options.clock.schedule(delayMs, () => this.#tick());
  }

  /** Never rejects. */
  async #obtain(): Promise<void> {
    assert(!this.#isObtaining, "one certificate is obtained at a time");
    this.#isObtaining = true;
    let delayMs = 0;
    try {
      await this.#obtainOnce();
      this.#backoff.reset();
    } catch (error) {
      delayMs = this.#backoff.nextMs();
      if (this.status.state !== "valid") delayMs = Math.min(delayMs, CUT_OFF_RETRY_MAX_MS);
      this.#noteFailure(error, delayMs);
    } finally {
      this.#isObtaining = false;
    }
    this.#scheduleTick(delayMs);
  }

  async #obtainOnce(): Promise<void> {
    const { source, spiffeId } = this.#options;
    const keys = await promisify(generateKeyPair)("ec", { namedCurve: "P-256" });
    const held = this.#held;
    const signed = await source.obtain({
      csrDer: createCsr(keys, spiffeId),
      current: held === undefined ? undefined : { svid: held.svid, bundle: this.#bundle },
    });
    if (!this.#isRunning) return;
    const privateKeyPem = keys.privateKey.export({ format: "pem", type: "pkcs8" }).toString();
    const publicKeyDer = keys.publicKey.export({ format: "der", type: "spki" });
    this.#install(this.#check(signed, publicKeyDer, privateKeyPem), signed.bundle);
  }

  #isUnderWantedRoot(rootId: string): boolean {
    const { rootIds } = this.#wanted;
    return rootIds.length === 0 || rootIds.includes(rootId);
  }

  /** A source may be wrong; an SVID that peers would refuse must not replace one that works. */
  #check(signed: SignedCertificate, publicKeyDer: Buffer, privateKeyPem: string): Checked {
    const { spiffeId, clock } = this.#options;
    const verdict = expectPeer(
      verifyPeer(signed.chainDer, new TrustBundleSet([signed.bundle]), clock.nowMs()),
      [spiffeId],
    );
    if (!verdict.ok) {
      throw new MeshError({ code: verdict.code }, `unusable certificate: ${verdict.reason}`);
    }
    const [leafDer] = signed.chainDer;
    assert(leafDer !== undefined, "a verified chain has a leaf");
    const leaf = parseCertificate(leafDer);
    if (!leaf.publicKey.der.equals(publicKeyDer)) {
      throw new MeshError({ code: "wrong-key" }, "unusable certificate: it is for another key");
    }
    const svid = {
      spiffeId,
      certificateChainPem: formatCertificatesPem(signed.chainDer),
      privateKeyPem,
      notBeforeMs: leaf.notBeforeMs,
      notAfterMs: verdict.notAfterMs,
    };
    return { svid, rootId: rootIdOf(verdict.root), serialHex: leaf.serialHex };
  }

  #install({ svid, rootId, serialHex }: Checked, bundle: TrustBundle): void {
    const { clock, prng } = this.#options;
    const nowMs = clock.nowMs();
    const part = RENEW_AT_MIN + (RENEW_AT_MAX - RENEW_AT_MIN) * prng.next();
    let renewAtMs = nowMs + (svid.notAfterMs - nowMs) * part;
    if (!this.#isUnderWantedRoot(rootId)) {
      // The authority has not changed over yet: asking again at once would only press it.
      const againMs = nowMs + Math.max(RETRY_BASE_MS, this.#wanted.withinMs) * (1 + prng.next());
      renewAtMs = Math.min(renewAtMs, againMs);
    }
    this.#held = { svid, renewAtMs, rootId, serialHex };
    this.#bundle = bundle;
    this.#obtainedCount += 1;
    this.#failureCount = 0;
    this.#lastError = undefined;
    this.#logger.info("certificate obtained", {
      spiffeId: svid.spiffeId,
      notAfter: new Date(svid.notAfterMs).toISOString(),
      renewAt: new Date(renewAtMs).toISOString(),
    });
    this.#notify();
  }

  #notify(): void {
    const update = this.current;
    if (update === undefined) return;
    for (const listener of [...this.#listeners]) {
      try {
        listener(update);
      } catch (error) {
        this.#logger.error("a listener failed to take over the certificate", { error });
      }
    }
  }

  #noteFailure(error: unknown, delayMs: number): void {
    this.#failureCount += 1;
    this.#lastError = messageOf(error);
    this.#logger.warn("certificate not obtained", {
      error: this.#lastError,
      state: this.status.state,
      failures: this.#failureCount,
      retryInMs: Math.round(delayMs),
    });
  }
}
