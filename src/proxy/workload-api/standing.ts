/**
 * Whether the control plane still knows this workload. An identity that is revoked loses its stream of configuration in
 * the same moment, so its sidecar may never be told why: while the stream is down the control plane is asked, by a request
 * that changes nothing.
 */
import type { Clock, Timer } from "../../core/clock.ts";
import { hasCode, messageOf } from "../../core/errors.ts";
import type { IdentityAgent } from "../../identity/identity-agent.ts";
import type { JwtSvidClient } from "../../identity/jwt-svid-client.ts";
import type { SpiffeId } from "../../identity/spiffe-id.ts";

const TICK_MS = 1_000;
/** In a row. One may be about a certificate that is being replaced while roots change. */
const REFUSALS_LEAST = 2;

export interface StandingOptions {
  readonly spiffeId: SpiffeId;
  readonly tokens: Pick<JwtSvidClient, "sign">;
  readonly sidecar: Pick<IdentityAgent, "status">;
  readonly isConnected: () => boolean;
  readonly clock: Clock;
  /** The control plane's word: undefined for "known", else why not. */
  readonly onVerdict: (refusal: string | undefined) => void;
}

export class Standing {
  readonly #options: StandingOptions;
  #timer: Timer | undefined;
  #refusals = 0;
  #isStopped = false;

  constructor(options: StandingOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = this.#options.clock.schedule(TICK_MS, () => void this.#tick());
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  async #tick(): Promise<void> {
    const { isConnected, sidecar } = this.#options;
    // A sidecar whose certificate has expired is refused as well, and helps itself.
    const isInDoubt = !isConnected() || this.#refusals > 0;
    if (isInDoubt && sidecar.status.state === "valid") await this.#ask();
    if (!this.#isStopped) this.start();
  }

  async #ask(): Promise<void> {
    const { tokens, spiffeId, onVerdict } = this.#options;
    let refusal: string | undefined;
    try {
      // For nobody but itself: no other would take the token.
      await tokens.sign([spiffeId]);
    } catch (error) {
      const isRefused =
        hasCode(error, "certificate-request-failed") &&
        "isRefused" in error.detail &&
        error.detail.isRefused === true;
      // A control plane that is away changes nothing.
      if (!isRefused) return;
      refusal = messageOf(error);
    }
    if (this.#isStopped) return;
    this.#refusals = refusal === undefined ? 0 : this.#refusals + 1;
    if (refusal === undefined || this.#refusals >= REFUSALS_LEAST) onVerdict(refusal);
  }
}
