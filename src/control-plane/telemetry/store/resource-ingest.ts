/**
 * CPU and memory of instances over time, among the narrow figures of traffic: both as sums that add up over time and over
 * instances. CPU is the time that was used, memory what was held times how long it was held.
 */
import type { Rollups } from "./rollups.ts";
import type { SeriesTable, TrafficSeries } from "./series-table.ts";
import type { Teller } from "./traffic-ingest.ts";
import { resourceKey } from "./traffic-key.ts";
import type { TrafficSteps } from "./traffic-read.ts";
import { BUCKET_COUNT, DURATION_SUM, emptySlots, FIRST_BUCKET, REQUESTS } from "./traffic-slots.ts";

/** Slots of a series of resources. CPU in microseconds; memory in KiB times milliseconds. */
const SLOTS: Readonly<Record<string, number>> = {
  tulle_app_cpu_seconds_total: REQUESTS,
  process_cpu_seconds_total: DURATION_SUM,
  tulle_app_resident_memory_bytes: FIRST_BUCKET,
  process_resident_memory_bytes: FIRST_BUCKET + 1,
};
const MICROSECONDS = 1e6;
const KIBIBYTE = 1024;
/** Sidecars repeat what did not change every minute: what was not told again for longer is over. */
const HELD_MS = 90_000;
const INSTANCES_MAX = 20_000;

interface Reading {
  value: number;
  atMs: number;
}

interface Known {
  readonly cpu: Map<string, Reading>;
  readonly memory: Map<string, Reading>;
  /** Up to when memory is counted. */
  countedMs: number;
  heardMs: number;
}

export interface ResourceIngestOptions {
  readonly series: SeriesTable;
  /** The narrow ones. */
  readonly rollups: Rollups;
}

/** A figure of one instance in one step; null where it did not tell. */
export interface ResourceStep {
  readonly appCpuCores: number | null;
  readonly appMemoryBytes: number | null;
  readonly sidecarCpuCores: number | null;
  readonly sidecarMemoryBytes: number | null;
}

export class ResourceIngest {
  readonly #options: ResourceIngestOptions;
  readonly #known = new Map<string, Known>();
  readonly #deltas = emptySlots();

  constructor(options: ResourceIngestOptions) {
    this.#options = options;
  }

  /** Anything else is passed over. */
  add(teller: Teller, { family, value }: { family: string; value: number }, nowMs: number): void {
    const slot = SLOTS[family];
    if (slot === undefined || !(value >= 0) || !Number.isFinite(value)) return;
    const known = this.#of(teller, nowMs);
    if (known === undefined) return;
    known.heardMs = nowMs;
    if (slot >= FIRST_BUCKET) {
      known.memory.set(family, { value, atMs: nowMs });
      return;
    }
    const before = known.cpu.get(family);
    known.cpu.set(family, { value, atMs: nowMs });
    if (before === undefined || nowMs - before.atMs > HELD_MS) return;
    // A process that was started anew has used all that it shows.
    const used = value < before.value ? value : value - before.value;
    this.#deltas.fill(0);
    this.#deltas[slot] = Math.round(used * MICROSECONDS);
    this.#count(teller, before.atMs, nowMs);
  }

  /** After each push: memory was held since the last one. */
  tick(teller: Teller, nowMs: number): void {
    const known = this.#known.get(keyOf(teller));
    if (known === undefined || known.memory.size === 0) return;
    const fromMs = Math.max(known.countedMs, nowMs - HELD_MS);
    known.countedMs = nowMs;
    if (nowMs <= fromMs) return;
    this.#deltas.fill(0);
    for (const [family, { value, atMs }] of known.memory) {
      if (nowMs - atMs > HELD_MS) continue;
      this.#deltas[SLOTS[family] ?? 0] = Math.round((value / KIBIBYTE) * (nowMs - fromMs));
    }
    this.#count(teller, fromMs, nowMs);
  }

  forget(beforeMs: number): void {
    for (const [key, { heardMs }] of this.#known) if (heardMs < beforeMs) this.#known.delete(key);
  }

  #of(teller: Teller, nowMs: number): Known | undefined {
    const key = keyOf(teller);
    const known = this.#known.get(key);
    if (known !== undefined || this.#known.size >= INSTANCES_MAX) return known;
    const empty = { cpu: new Map(), memory: new Map(), countedMs: nowMs, heardMs: nowMs };
    this.#known.set(key, empty);
    return empty;
  }

  #count(teller: Teller, fromMs: number, toMs: number): void {
    const { series, rollups } = this.#options;
    const one: TrafficSeries = series.of(resourceKey(teller), toMs);
    rollups.add(one.id, this.#deltas, fromMs, toMs);
  }
}

function keyOf({ namespace, instance }: Teller): string {
  return `${namespace}/${instance}`;
}

/** What was counted in a step, read as figures. */
export function resourceStep(steps: TrafficSteps, index: number, stepMs: number): ResourceStep {
  const app = (steps.buckets[index * BUCKET_COUNT] ?? 0) * KIBIBYTE;
  const sidecar = (steps.buckets[index * BUCKET_COUNT + 1] ?? 0) * KIBIBYTE;
  // Readers of traffic have made milliseconds of the second slot.
  const sidecarCpuMs = steps.durationSumMs[index] ?? 0;
  const appCpuMs = (steps.requests[index] ?? 0) / 1000;
  // Whoever tells its memory has a CPU.
  return {
    appCpuCores: app > 0 ? appCpuMs / stepMs : null,
    appMemoryBytes: app > 0 ? app / stepMs : null,
    sidecarCpuCores: sidecar > 0 ? sidecarCpuMs / stepMs : null,
    sidecarMemoryBytes: sidecar > 0 ? sidecar / stepMs : null,
  };
}
