/** Counts limits in this process: for meshes with one control plane. A restart begins anew with every limit unused. */
import { RATE_LIMIT_COUNTERS_MAX } from "../../core/limits.ts";
import type { CountedLimit, LimitCounter, LimitStanding } from "./counted-limit.ts";

export class MemoryCounter implements LimitCounter {
  readonly #nowUs: () => number;
  /** By key, when all that was let through is paid for. Who was asked about longest ago stands first. */
  readonly #paidAtUs = new Map<string, number>();

  constructor(nowUs: () => number) {
    this.#nowUs = nowUs;
  }

  take<L extends CountedLimit>(
    limits: readonly L[],
    hits: number,
  ): Promise<readonly LimitStanding<L>[]> {
    const nowUs = this.#nowUs();
    const standings = limits.map((limit) => {
      const { key, intervalUs, burst } = limit;
      const aheadUs = Math.max(0, (this.#paidAtUs.get(key) ?? 0) - nowUs);
      // Times are kept as floating numbers of microseconds: one of them is nothing.
      const isWithin = aheadUs + hits * intervalUs <= burst * intervalUs + 1;
      return { limit, isWithin, aheadUs };
    });
    if (!standings.every(({ isWithin }) => isWithin)) return Promise.resolve(standings);
    const taken = standings.map(({ limit, isWithin, aheadUs }) => {
      const after = aheadUs + hits * limit.intervalUs;
      this.#remember(limit.key, nowUs + after);
      return { limit, isWithin, aheadUs: after };
    });
    return Promise.resolve(taken);
  }

  #remember(key: string, paidAtUs: number): void {
    this.#paidAtUs.delete(key);
    this.#paidAtUs.set(key, paidAtUs);
    if (this.#paidAtUs.size <= RATE_LIMIT_COUNTERS_MAX) return;
    for (const oldest of this.#paidAtUs.keys()) {
      this.#paidAtUs.delete(oldest);
      return;
    }
  }
}
