/**
 * Whether the app beside this sidecar accepts connections: a TCP connect to each of its ports, often
 * while it starts, now and then once it runs. Changes are told at once.
 */
import net from "node:net";
import type { Clock, Timer } from "../core/clock.ts";

const STARTING_INTERVAL_MS = 50;
const HEALTHY_INTERVAL_MS = 500;
const PROBE_TIMEOUT_MS = 1_000;
/** A single connect that took too long may be a full accept queue. A refused one is certain: nobody listens. */
const FAILURES_UNTIL_UNHEALTHY = 2;

export interface AppHealthOptions {
  readonly clock: Clock;
  readonly port: number;
  readonly onChange: (isHealthy: boolean) => void;
}

export class AppHealth {
  readonly #options: AppHealthOptions;
  #timer: Timer | undefined;
  #isStopped = false;
  #failures = 0;
  isHealthy = false;

  constructor(options: AppHealthOptions) {
    this.#options = options;
  }

  start(): void {
    this.#probe();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #probe(): void {
    const socket = net.connect({ host: "127.0.0.1", port: this.#options.port });
    const timeout = this.#options.clock.schedule(PROBE_TIMEOUT_MS, () => {
      socket.destroy(new Error("timed out"));
    });
    socket.once("connect", () => {
      socket.destroy();
      timeout.cancel();
      this.#onResult(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      timeout.cancel();
      this.#onResult(false, error.code === "ECONNREFUSED");
    });
  }

  #onResult(isOpen: boolean, isRefused = false): void {
    if (this.#isStopped) return;
    this.#failures = isOpen ? 0 : this.#failures + 1;
    const isDoubtful = !isRefused && this.#failures < FAILURES_UNTIL_UNHEALTHY;
    const isHealthy = isOpen || (this.isHealthy && isDoubtful);
    if (isHealthy !== this.isHealthy) {
      this.isHealthy = isHealthy;
      this.#options.onChange(isHealthy);
    }
    const intervalMs = isHealthy && isOpen ? HEALTHY_INTERVAL_MS : STARTING_INTERVAL_MS;
    this.#timer = this.#options.clock.schedule(intervalMs, () => this.#probe());
  }
}
