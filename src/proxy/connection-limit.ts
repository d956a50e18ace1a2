/**
 * The bound on downstream connections of a whole proxy, as Envoy's overload manager has it
 * (`max_active_downstream_connections`): memory and descriptors are the process's, not a listener's.
 */

export class ConnectionLimit {
  readonly #max: number;
  #active = 0;

  /** `max` is of this process; infinite for no limit. */
  constructor(max: number) {
    this.#max = max;
  }

  get active(): number {
    return this.#active;
  }

  /** False when the connection is one too many and has to be closed at once. If not, `leave` follows, once. */
  tryEnter(): boolean {
    if (this.#active >= this.#max) return false;
    this.#active += 1;
    return true;
  }

  leave(): void {
    this.#active -= 1;
  }
}

/** What one of several workers may have, so that all of them have `max` together, and each at least one. */
export function shareOfLimit(max: number, workers: number, index: number): number {
  if (max === Number.POSITIVE_INFINITY) return max;
  const share = Math.floor(max / workers) + (index < max % workers ? 1 : 0);
  return Math.max(1, share);
}
