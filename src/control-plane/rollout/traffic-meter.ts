/**
 * Turns counters that only rise into requests since the last look, per service. A proxy's first look is where counting
 * begins; a counter that fell belongs to a sidecar that was started again, and counts from zero.
 */
import type { SidecarSeries } from "./sidecar-series.ts";
import { addTraffic, NO_TRAFFIC, type VersionTraffic } from "./version-traffic.ts";

/** What was last read of one proxy, by label text. */
type LastCounts = ReadonlyMap<string, number>;

export class TrafficMeter {
  /** By proxy. */
  #last = new Map<string, LastCounts>();

  /** Whether nobody was read yet: what runs now is not known. */
  get isEmpty(): boolean {
    return this.#last.size === 0;
  }

  /**
   * Takes what every proxy that answered counts now, and gives what came to each service since the look before.
   * `known` are all proxies that are connected: the others are forgotten.
   */
  take(
    readings: ReadonlyMap<string, ReadonlyMap<string, SidecarSeries>>,
    known: ReadonlySet<string>,
  ): ReadonlyMap<string, VersionTraffic> {
    const totals = new Map<string, VersionTraffic>();
    const next = new Map<string, LastCounts>();
    for (const [proxy, counts] of this.#last) if (known.has(proxy)) next.set(proxy, counts);
    for (const [proxy, services] of readings) {
      const before = this.#last.get(proxy);
      const counts = new Map<string, number>();
      for (const [service, series] of services) {
        const traffic = since(series, before, counts);
        if (before === undefined) continue;
        totals.set(service, addTraffic(totals.get(service) ?? NO_TRAFFIC, traffic));
      }
      next.set(proxy, counts);
    }
    this.#last = next;
    return totals;
  }
}

/** Notes every count in `counts` on the way. */
function since(
  series: SidecarSeries,
  before: LastCounts | undefined,
  counts: Map<string, number>,
): VersionTraffic {
  const risen = (key: string, count: number): number => {
    counts.set(key, count);
    const last = before?.get(key) ?? 0;
    return count >= last ? count - last : count;
  };
  let requests = 0;
  let failures = 0;
  for (const [key, { count, isFailure }] of series.requests) {
    const more = risen(key, count);
    requests += more;
    if (isFailure) failures += more;
  }
  const durations = new Map<number, number>();
  for (const [key, { count, bound }] of series.durations) {
    durations.set(bound, (durations.get(bound) ?? 0) + risen(key, count));
  }
  return { requests, failures, durations };
}
