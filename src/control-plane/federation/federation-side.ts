/** Trust beside the mesh's own roots, wired together: its keys for tokens, which follow each other, and other trust domains. */
import type { Clock, Timer } from "../../core/clock.ts";
import type { Component } from "../../core/component.ts";
import { messageOf } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { JwtAuthority } from "../../identity/jwt-authority.ts";
import type { SpiffeTrust } from "../../translate/mesh-snapshot.ts";
import type { ObjectCache } from "../object-cache.ts";
import type { SpiffeTrustSource } from "./spiffe-trust-source.ts";

/** How often it is looked whether a key is due: they are published half an hour ahead. */
const KEY_TICK_MS = 60_000;

export interface FederationSideOptions {
  readonly jwtAuthority: JwtAuthority;
  /** What sidecars are to trust is not what it was. */
  readonly onChanged: () => void;
  readonly clock: Clock;
  readonly log: Logger;
}

export class FederationSide implements Component, SpiffeTrustSource {
  readonly name = "federation";
  readonly #options: FederationSideOptions;
  readonly #log: Logger;
  #trust: SpiffeTrust | undefined;
  #timer: Timer | undefined;

  constructor(options: FederationSideOptions) {
    this.#options = options;
    this.#log = options.log.child(this.name);
    options.jwtAuthority.onChange(() => {
      this.#trust = undefined;
      options.onChanged();
    });
  }

  of(_objects: ObjectCache): SpiffeTrust {
    this.#trust ??= { jwtKeys: this.#options.jwtAuthority.publicKeys, federated: [] };
    return this.#trust;
  }

  async start(): Promise<void> {
    this.#tick();
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
  }

  #tick(): void {
    const { jwtAuthority, clock } = this.#options;
    try {
      jwtAuthority.refresh();
    } catch (error) {
      // The key that signs goes on doing so.
      this.#log.error("no new key for tokens", { reason: messageOf(error) });
    }
    this.#timer = clock.schedule(KEY_TICK_MS, () => this.#tick());
  }
}
