/** Trust beside the mesh's own roots, wired together: its keys for tokens, other trust domains, and the endpoint for them. */
import type { Clock, Timer } from "../../core/clock.ts";
import type { Component } from "../../core/component.ts";
import { messageOf } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { JwtAuthority } from "../../identity/jwt-authority.ts";
import { formatTrustBundlePem, type TrustBundle } from "../../identity/trust-bundle.ts";
import type { FederatedBundle, SpiffeTrust } from "../../translate/mesh-snapshot.ts";
import type { Finding } from "../../translate/translation.ts";
import type { ObjectCache } from "../object-cache.ts";
import { FederationKeeper } from "./federation-keeper.ts";
import { OwnBundle } from "./own-bundle.ts";
import type { SpiffeTrustSource } from "./spiffe-trust-source.ts";

/** How often it is looked whether a key is due: they are published half an hour ahead. */
const KEY_TICK_MS = 60_000;

/** Files of this side; undefined keeps nothing on disk. */
export interface FederationFiles {
  /** Bundles that were fetched last. */
  readonly bundlesPath: string;
  /** The own bundle. */
  readonly ownBundlePath: string;
}

export interface FederationSideOptions {
  readonly jwtAuthority: JwtAuthority;
  readonly trustDomain: string;
  readonly getOwnBundle: () => TrustBundle;
  readonly getAllowedAddresses: () => readonly string[];
  readonly federationFiles: FederationFiles | undefined;
  /** What sidecars are to trust is not what it was. */
  readonly onChanged: () => void;
  readonly clock: Clock;
  readonly log: Logger;
}

export class FederationSide implements Component, SpiffeTrustSource {
  readonly name = "federation";
  /** What others fetch. */
  readonly ownBundle: OwnBundle;
  readonly #options: FederationSideOptions;
  readonly #log: Logger;
  readonly #keeper: FederationKeeper;
  #trust: SpiffeTrust | undefined;
  #timer: Timer | undefined;

  constructor(options: FederationSideOptions) {
    const { jwtAuthority, trustDomain, getOwnBundle, getAllowedAddresses, clock } = options;
    this.#options = options;
    this.#log = options.log.child(this.name);
    const onChanged = (): void => this.#changed();
    this.#keeper = new FederationKeeper({
      path: options.federationFiles?.bundlesPath,
      ...{ trustDomain, getOwnBundle, getAllowedAddresses, onChanged, clock, log: this.#log },
    });
    this.ownBundle = new OwnBundle({
      path: options.federationFiles?.ownBundlePath,
      getRoots: getOwnBundle,
      getJwtKeys: () => jwtAuthority.publicKeys,
    });
    jwtAuthority.onChange(onChanged);
  }

  of(objects: ObjectCache): SpiffeTrust {
    if (this.#keeper.want(objects.list("TrustDomainFederation"))) this.#trust = undefined;
    this.#trust ??= {
      jwtKeys: this.#options.jwtAuthority.publicKeys,
      federated: this.#keeper.bundles.map(
        ({ x509, jwtKeys }): FederatedBundle => ({
          trustDomain: x509.trustDomain,
          rootsPem: formatTrustBundlePem(x509),
          rootsDer: x509.roots.map(({ der }) => der),
          jwtKeys: jwtKeys.map(({ jwk }) => jwk),
        }),
      ),
    };
    return this.#trust;
  }

  get findings(): readonly Finding[] {
    return this.#keeper.findings;
  }

  async start(): Promise<void> {
    this.#tick();
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#keeper.stop();
  }

  /** The mesh's own roots have changed. */
  rootsChanged(): void {
    this.#publish();
  }

  #changed(): void {
    this.#trust = undefined;
    this.#publish();
    this.#options.onChanged();
  }

  #publish(): void {
    try {
      this.ownBundle.document();
    } catch (error) {
      this.#log.error("the bundle cannot be written", { reason: messageOf(error) });
    }
  }

  #tick(): void {
    const { jwtAuthority, clock } = this.#options;
    try {
      jwtAuthority.refresh();
    } catch (error) {
      // The key that signs goes on doing so.
      this.#log.error("no new key for tokens", { reason: messageOf(error) });
    }
    this.#publish();
    this.#timer = clock.schedule(KEY_TICK_MS, () => this.#tick());
  }
}
