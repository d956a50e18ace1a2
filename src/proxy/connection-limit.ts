/**
 * The bound on downstream connections of a whole proxy, as Envoy's overload manager has it
 * (`max_active_downstream_connections`): memory and descriptors are the process's, not a listener's.
 */
import {
  DESCRIPTORS_PER_CONNECTION,
  DESCRIPTORS_RESERVED,
  DOWNSTREAM_CONNECTIONS_MAX,
} from "../core/limits.ts";
import { LogPace } from "./log-pace.ts";

/** Refusals are logged at most this often: under a flood there is one for each connection. */
const LOG_INTERVAL_MS = 10_000;

export class ConnectionLimit {
  readonly max: number;
  /** Of the refusals of all listeners. */
  readonly logPace = new LogPace(LOG_INTERVAL_MS);
  #active = 0;
  #onEmpty: (() => void) | undefined;

  /** `max` is of this process; infinite for no limit. */
  constructor(max: number) {
    this.max = max;
  }

  get active(): number {
    return this.#active;
  }

  /** False when the connection is one too many and has to be closed at once. If not, `leave` follows, once. */
  tryEnter(): boolean {
    if (this.#active >= this.max) return false;
    this.#active += 1;
    return true;
  }

  leave(): void {
    this.#active -= 1;
    if (this.#active === 0) this.#onEmpty?.();
  }

  /** Resolves when no connection is left. Asked once. */
  async whenEmpty(): Promise<void> {
    if (this.#active === 0) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
  }
}

/** What one of several workers may have, so that all of them have `max` together, and each at least one. */
export function shareOfLimit(max: number, workers: number, index: number): number {
  if (max === Number.POSITIVE_INFINITY) return max;
  const share = Math.floor(max / workers) + (index < max % workers ? 1 : 0);
  return Math.max(1, share);
}

/** One of the processes of a proxy. */
export interface WorkerPlace {
  /** From 0. */
  readonly index: number;
  readonly count: number;
}

/**
 * The bound of one process: its share of what is configured for the proxy, else what its descriptors and memory
 * are good for. At least one.
 */
export function connectionsMaxOf(
  configured: number | undefined,
  openFilesMax: number,
  { index, count }: WorkerPlace,
): number {
  if (configured !== undefined) return shareOfLimit(configured, count, index);
  const byFiles = Math.floor((openFilesMax - DESCRIPTORS_RESERVED) / DESCRIPTORS_PER_CONNECTION);
  return Math.max(1, Math.min(DOWNSTREAM_CONNECTIONS_MAX, byFiles));
}
