/** One gateway as its starter sees it: a proxy without an app, started and stopped. */
import { rm } from "node:fs/promises";
import type { Clock } from "../../core/clock.ts";
import type { Prng } from "../../core/prng.ts";
import { type BlockClaim, claimBlock } from "../run/block-claim.ts";
import type { ControlPlaneRef, JoinFiles } from "../run/control-plane-ref.ts";
import type { Guardian } from "../run/guardian.ts";
import type { ProxySpec } from "../run/instance-spec.ts";
import type { ExitStatus } from "../run/process-group.ts";
import { Sidecar } from "../run/sidecar.ts";

/** Requests under way may take so long after its listeners have closed. */
const GRACE_MS = 10_000;

export interface GatewayOptions {
  readonly spec: ProxySpec;
  readonly controlPlane: ControlPlaneRef;
  /** Holds its files; removed at the end. */
  readonly folder: string;
  readonly joinFiles: JoinFiles | undefined;
  readonly guardian: Guardian;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly onLine: (line: string, kind: "log" | "access-log") => void;
  /** It died, and starts again. */
  readonly onEnded: (status: ExitStatus) => void;
}

export class GatewayProcess {
  readonly #options: GatewayOptions;
  readonly #stopping = new AbortController();
  #claim: BlockClaim | undefined;
  #proxy: Sidecar | undefined;
  #started: Promise<void> | undefined;

  constructor(options: GatewayOptions) {
    this.#options = options;
  }

  /** Resolves when it has its configuration and listens. */
  start(): Promise<void> {
    this.#started ??= this.#start();
    return this.#started;
  }

  /** Closes its listeners, lets requests under way end, and ends. Safe at any time. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#started?.catch(() => {});
    await this.#proxy?.stop(GRACE_MS);
    this.#claim?.release();
    await rm(this.#options.folder, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    this.#claim = await claimBlock(this.#options.prng);
    this.#proxy = new Sidecar({ ...this.#options, block: this.#claim.block });
    await this.#proxy.start(this.#stopping.signal);
  }
}
