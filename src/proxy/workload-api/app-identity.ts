/**
 * The identity of the app beside a sidecar: the same name, but a key and certificates of its own, asked for with the
 * sidecar's certificate. What the control plane says of trust is kept here, for whoever asks by the Workload API or SDS.
 */
import type { Clock } from "../../core/clock.ts";
import { hasCode, messageOf } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { Prng } from "../../core/prng.ts";
import type { SpiffeBundle } from "../../decision/spiffe/bundle-document.ts";
import type { CertificateClient } from "../../identity/certificate-client.ts";
import type { CertificateRequest, SignedCertificate } from "../../identity/certificate-source.ts";
import { type DenyList, denialOf, NOTHING_DENIED } from "../../identity/deny-list.ts";
import { IdentityAgent, type IdentityStatus } from "../../identity/identity-agent.ts";
import { type SpiffeId, trustDomainOf } from "../../identity/spiffe-id.ts";
import { parseTrustBundlePem, trustBundleFromDer } from "../../identity/trust-bundle.ts";
import type { Bundles, WorkloadState } from "./workload-state.ts";

export interface AppIdentityOptions {
  readonly spiffeId: SpiffeId;
  readonly client: Pick<CertificateClient, "sign">;
  /** The sidecar's own: what it shows and trusts. */
  readonly sidecar: Pick<IdentityAgent, "channelIdentity" | "whenReady">;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
}

export class AppIdentity {
  readonly #options: AppIdentityOptions;
  readonly #agent: IdentityAgent;
  readonly #listeners = new Set<() => void>();
  #bundles: Bundles = new Map();
  #denied: DenyList = NOTHING_DENIED;
  /** Why the control plane gave no certificate when it was asked last; undefined when it did, or did not answer. */
  #refusal: string | undefined;
  #standing: string | undefined;

  constructor(options: AppIdentityOptions) {
    this.#options = options;
    const { spiffeId, clock, prng, log } = options;
    this.#agent = new IdentityAgent({
      spiffeId,
      source: { obtain: (request) => this.#obtain(request) },
      ...{ clock, prng, logger: log },
    });
  }

  async start(): Promise<void> {
    this.#agent.onUpdate(() => this.#changed());
    await this.#options.sidecar.whenReady();
    await this.#agent.start();
  }

  async stop(): Promise<void> {
    this.#listeners.clear();
    await this.#agent.stop();
  }

  get status(): IdentityStatus {
    return this.#agent.status;
  }

  /** Calls `listener` when what apps are told may have changed. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Roots of the own trust domain, as SDS brings them. */
  setTrustBundle(pem: string): void {
    this.#agent.setTrustBundle(pem);
  }

  /** As `IdentityAgent.setIssuers`. */
  setIssuers(rootIds: readonly string[], withinMs: number): void {
    this.#agent.setIssuers(rootIds, withinMs);
  }

  /** Roots and keys of all trust domains. */
  setBundles(bundles: Bundles): void {
    this.#bundles = bundles;
    this.#changed();
  }

  setDenied(denied: DenyList): void {
    this.#denied = denied;
    this.#changed();
  }

  get state(): WorkloadState {
    const { current, status } = this.#agent;
    const { spiffeId } = status;
    const denial = denialOf(this.#denied, { spiffeId, serialHex: status.serialHex ?? "" });
    if (denial !== undefined) return { kind: "denied", reason: denial };
    if (this.#standing !== undefined) return { kind: "denied", reason: this.#standing };
    if (current === undefined || status.state !== "valid") {
      if (this.#refusal !== undefined) return { kind: "denied", reason: this.#refusal };
      const what = status.state === "expired" ? "has expired" : "is not there yet";
      const why = status.lastError === undefined ? "" : `: ${status.lastError}`;
      return { kind: "unavailable", reason: `the certificate ${what}${why}` };
    }
    const trustDomain = trustDomainOf(spiffeId);
    const roots = parseTrustBundlePem(trustDomain, current.trustBundlePem);
    const own: SpiffeBundle = {
      ...(this.#bundles.get(trustDomain) ?? NO_KEYS),
      // Roots that came with the certificate count until others come, which then are the agent's as well.
      x509: roots,
    };
    const bundles = new Map([...this.#bundles, [trustDomain, own]]);
    return { kind: "ready", spiffeId, trustDomain, svid: current, bundles };
  }

  /** Why the control plane has nothing to do with this workload any more; undefined when it has. */
  setRefusal(reason: string | undefined): void {
    if (this.#standing === reason) return;
    this.#standing = reason;
    this.#changed();
  }

  async #obtain({ csrDer }: CertificateRequest): Promise<SignedCertificate> {
    const { client, sidecar, spiffeId } = this.#options;
    try {
      const answer = await client.sign({ csrDer, identity: sidecar.channelIdentity });
      this.#refusal = undefined;
      return {
        chainDer: answer.certificateChain.map((der) => Buffer.from(der)),
        bundle: trustBundleFromDer(trustDomainOf(spiffeId), answer.trustBundle),
      };
    } catch (error) {
      const isRefused =
        hasCode(error, "certificate-request-failed") &&
        "isRefused" in error.detail &&
        error.detail.isRefused === true;
      this.#refusal = isRefused ? messageOf(error) : undefined;
      throw error;
    }
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

const NO_KEYS: Omit<SpiffeBundle, "x509"> = {
  ...{ kind: "bundle", jwtKeys: [], problems: [] },
  ...{ sequence: undefined, refreshHintS: undefined },
};
