/**
 * Figures over time, in three widths: steps of 5 s for the last 20 minutes, of a minute and of ten minutes for as long as
 * anything is kept. The newest steps are open: what proxies tell belongs to the seconds since they told last. Pure: what is
 * older than memory is asked for.
 */
import { addSlots, type Cells, ChunkEncoder, decodeChunk, foldChunks } from "./chunk-codec.ts";
import { SLOT_COUNT, type Slots } from "./traffic-slots.ts";

export const FINE_STEP_MS = 5_000;
/** Each a multiple of the one before. */
export const TIER_STEPS_MS = [FINE_STEP_MS, 60_000, 600_000] as const;
/** How long fine steps are kept; a view of 15 minutes and what comes late. */
export const FINE_KEPT_MS = 20 * 60_000;
/** Windows up to these are answered from the tier. */
const TIER_WINDOWS_MS = [FINE_KEPT_MS - 60_000, 4 * 3_600_000, Number.POSITIVE_INFINITY] as const;
/** The step under way and those before it, to which a push may still add. */
const OPEN_STEPS = 3;

export type Tier = 0 | 1 | 2;
const WIDEST: Tier = 2;

export interface Chunk {
  readonly tier: Tier;
  /** Milliseconds since 1970, a multiple of the tier's step. */
  readonly startMs: number;
  readonly bytes: Uint8Array;
}

/** Chunks of a tier that begin in [fromMs, toMs), in order. */
export type LoadChunks = (tier: Tier, fromMs: number, toMs: number) => Iterable<Chunk>;

export class Rollups {
  readonly #load: LoadChunks;
  readonly #encoder = new ChunkEncoder();
  /** By start. */
  readonly #open = new Map<number, Map<number, Slots>>();
  /** Their starts, in order. */
  #steps: readonly number[] = [];
  #newestMs = 0;
  readonly #dirty = new Set<number>();
  readonly #fine = new Map<number, Uint8Array>();
  /** What was folded lately, by tier and start: asked for before it is on disk. */
  readonly #folded: readonly [Map<number, Uint8Array>, Map<number, Uint8Array>] = [
    new Map(),
    new Map(),
  ];
  /** Up to where each tier is folded. */
  readonly #foldedUntil: [number, number];

  /** `nowMs`: where counting begins. Fine chunks of the past are given by `restore`. */
  constructor(load: LoadChunks, nowMs: number) {
    this.#load = load;
    this.#openSteps(nowMs);
    const [oldestMs = nowMs] = this.#steps;
    this.#foldedUntil = [floorTo(oldestMs, TIER_STEPS_MS[1]), floorTo(oldestMs, TIER_STEPS_MS[2])];
  }

  /** Takes up what is on disk. `foldedUntil`: the ends of the last chunks of the wider tiers there. */
  restore(fine: Iterable<Chunk>, foldedUntil: readonly [number, number]): void {
    let firstMs = Number.POSITIVE_INFINITY;
    for (const { startMs, bytes } of fine) {
      firstMs = Math.min(firstMs, startMs);
      const open = this.#open.get(startMs);
      if (open === undefined) this.#fine.set(startMs, bytes);
      else decodeChunk(bytes, (id, slots) => addSlots(open, id, slots));
    }
    for (const index of [0, 1] as const) {
      const stepMs = TIER_STEPS_MS[index === 0 ? 1 : 2];
      const from = Math.max(foldedUntil[index], floorTo(firstMs, stepMs));
      if (from < this.#foldedUntil[index]) this.#foldedUntil[index] = from;
    }
  }

  /**
   * Adds what happened to a series between two moments. It is spread over the open steps that they touch, so that a push
   * every 5 s makes no waves; the sum is exact. Values are whole.
   */
  add(id: number, deltas: Slots, fromMs: number, toMs: number): void {
    if (toMs >= this.#newestMs + FINE_STEP_MS) this.#openSteps(toMs);
    const steps = this.#steps;
    const oldestMs = steps[0] ?? 0;
    const endMs = Math.max(toMs, oldestMs + 1);
    const beginMs = Math.min(Math.max(fromMs, oldestMs), endMs - 1);
    let given = 0;
    for (const [index, startMs] of steps.entries()) {
      const isLast = index === steps.length - 1 || startMs + FINE_STEP_MS >= endMs;
      const share = isLast ? 1 : (startMs + FINE_STEP_MS - beginMs) / (endMs - beginMs);
      if (share <= 0) continue;
      this.#addShare(startMs, { id, deltas, from: given, to: share });
      given = share;
      if (isLast) return;
    }
  }

  #addShare(
    startMs: number,
    one: {
      readonly id: number;
      readonly deltas: Slots;
      readonly from: number;
      readonly to: number;
    },
  ): void {
    const cells = this.#open.get(startMs);
    if (cells === undefined) return;
    let slots = cells.get(one.id);
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const delta = one.deltas[slot] ?? 0;
      if (delta === 0) continue;
      const part = Math.round(delta * one.to) - Math.round(delta * one.from);
      if (part === 0) continue;
      if (slots === undefined) {
        slots = new Float64Array(SLOT_COUNT);
        cells.set(one.id, slots);
      }
      slots[slot] = (slots[slot] ?? 0) + part;
      this.#dirty.add(startMs);
    }
  }

  /** Moves on to `nowMs`, and gives what has changed since the last call, to be written down. */
  flush(nowMs: number): readonly Chunk[] {
    const changed: Chunk[] = [];
    for (const startMs of this.#dirty) {
      const cells = this.#open.get(startMs);
      const bytes = cells === undefined ? this.#fine.get(startMs) : this.#encoder.encode(cells);
      if (bytes !== undefined) changed.push({ tier: 0, startMs, bytes });
    }
    this.#dirty.clear();
    this.#openSteps(nowMs);
    changed.push(...this.#fold(1), ...this.#fold(2));
    for (const startMs of this.#fine.keys()) {
      if (startMs < nowMs - FINE_KEPT_MS) this.#fine.delete(startMs);
    }
    return changed;
  }

  /**
   * Every chunk of the window once, from the widest tier that suits it. `stepMs` is the width of what is read: a window
   * begins at a multiple of it.
   */
  read(
    window: {
      readonly fromMs: number;
      readonly toMs: number;
      readonly stepMs: number;
      /** Whether it matters to which step a figure belongs: sums are read faster from what is folded. */
      readonly hasSteps?: boolean;
    },
    visit: (startMs: number, id: number, slots: Slots, mask: number) => void,
  ): void {
    const { fromMs, toMs, hasSteps = true } = window;
    const [oldestOpenMs = 0] = this.#steps;
    const tier = hasSteps ? tierOf(window, oldestOpenMs) : WIDEST;
    this.#readTier(tier, fromMs, toMs, visit);
  }

  #readTier(
    tier: Tier,
    fromMs: number,
    toMs: number,
    visit: (startMs: number, id: number, slots: Slots, mask: number) => void,
  ): void {
    if (tier === 0) {
      this.#readFine(fromMs, toMs, visit);
      return;
    }
    const stepMs = TIER_STEPS_MS[tier];
    const folded = this.#folded[tier - 1];
    const untilMs = Math.min(this.#foldedUntil[tier - 1] ?? 0, floorTo(toMs, stepMs));
    const firstMs = floorTo(fromMs + stepMs - 1, stepMs);
    if (firstMs >= untilMs) {
      this.#readTier((tier - 1) as Tier, fromMs, toMs, visit);
      return;
    }
    if (fromMs < firstMs) this.#readTier((tier - 1) as Tier, fromMs, firstMs, visit);
    for (const { startMs, bytes } of this.#load(tier, firstMs, untilMs)) {
      if (folded?.has(startMs) !== true)
        decodeChunk(bytes, (id, slots, mask) => visit(startMs, id, slots, mask));
    }
    for (const [startMs, bytes] of folded ?? []) {
      if (startMs >= firstMs && startMs < untilMs)
        decodeChunk(bytes, (id, slots, mask) => visit(startMs, id, slots, mask));
    }
    if (untilMs < toMs) this.#readTier((tier - 1) as Tier, untilMs, toMs, visit);
  }

  #readFine(
    fromMs: number,
    toMs: number,
    visit: (startMs: number, id: number, slots: Slots, mask: number) => void,
  ): void {
    for (const [startMs, bytes] of this.#fine) {
      if (startMs < fromMs || startMs >= toMs) continue;
      decodeChunk(bytes, (id, slots, mask) => visit(startMs, id, slots, mask));
    }
    for (const [startMs, cells] of this.#open) {
      if (startMs < fromMs || startMs >= toMs) continue;
      for (const [id, slots] of cells) visit(startMs, id, slots, -1);
    }
  }

  /** Closes steps that are too old, and opens those up to the present one. */
  #openSteps(nowMs: number): void {
    const newestMs = floorTo(nowMs, FINE_STEP_MS);
    const oldestMs = newestMs - (OPEN_STEPS - 1) * FINE_STEP_MS;
    for (const [startMs, cells] of this.#open) {
      if (startMs >= oldestMs) continue;
      this.#open.delete(startMs);
      if (cells.size > 0) this.#fine.set(startMs, this.#encoder.encode(cells));
    }
    const missing = Array.from(
      { length: OPEN_STEPS },
      (_, index) => oldestMs + index * FINE_STEP_MS,
    ).filter((startMs) => !this.#open.has(startMs));
    for (const startMs of missing) this.#open.set(startMs, new Map());
    this.#steps = [...this.#open.keys()].sort((a, b) => a - b);
    this.#newestMs = this.#steps.at(-1) ?? newestMs;
  }

  /** What is complete of a wider tier. */
  #fold(tier: 1 | 2): readonly Chunk[] {
    const stepMs = TIER_STEPS_MS[tier];
    const [firstOpenMs = 0] = this.#steps;
    const completeMs = tier === 1 ? firstOpenMs : this.#foldedUntil[0];
    const made: Chunk[] = [];
    let startMs = this.#foldedUntil[tier - 1] ?? 0;
    const folded = this.#folded[tier - 1];
    for (; startMs + stepMs <= completeMs; startMs += stepMs) {
      const cells = this.#sumOf(tier, startMs, startMs + stepMs);
      if (cells.size === 0) continue;
      const bytes = this.#encoder.encode(cells);
      folded?.set(startMs, bytes);
      made.push({ tier, startMs, bytes });
    }
    this.#foldedUntil[tier - 1] = startMs;
    // Those that are on disk by now, but for what the next fold reads.
    const keptMs = startMs - (tier === 1 ? TIER_STEPS_MS[2] * 2 : stepMs);
    for (const old of folded?.keys() ?? []) if (old < keptMs) folded?.delete(old);
    return made;
  }

  #sumOf(tier: 1 | 2, fromMs: number, toMs: number): Cells {
    if (tier === 1) {
      return foldChunks(
        [...this.#fine]
          .filter(([startMs]) => startMs >= fromMs && startMs < toMs)
          .map(([, bytes]) => bytes),
      );
    }
    const cells = new Map<number, Slots>();
    this.#readTier(1, fromMs, toMs, (_, id, slots) => addSlots(cells, id, slots));
    return cells;
  }
}

/** The widest tier that has the steps; a narrower one would have forgotten what is old. */
export function tierOf(
  {
    fromMs,
    toMs,
    stepMs,
  }: { readonly fromMs: number; readonly toMs: number; readonly stepMs: number },
  nowMs: number,
): Tier {
  const reachMs = Math.max(toMs - fromMs, nowMs - fromMs);
  const byReach = TIER_WINDOWS_MS.findIndex((windowMs) => reachMs <= windowMs);
  const byStep = TIER_STEPS_MS.findLastIndex((tierMs) => stepMs % tierMs === 0);
  return Math.max(0, Math.min(byReach, byStep)) as Tier;
}

/** Steps of which a window has some 60 and at most 120, as wide as what is kept of its beginning. */
const STEP_CHOICES_MS = [5, 15, 30, 60, 300, 600, 1800, 3600].map((seconds) => seconds * 1000);
const STEPS_WANTED = 60;

/** The window with its ends at steps. `toMs` is rounded up: the present step belongs to it. */
export function windowOf(
  fromMs: number,
  toMs: number,
  nowMs: number,
): { readonly fromMs: number; readonly toMs: number; readonly stepMs: number } {
  const reachMs = nowMs - fromMs;
  const leastMs = TIER_STEPS_MS[TIER_WINDOWS_MS.findIndex((windowMs) => reachMs <= windowMs)] ?? 0;
  const wantedMs = (toMs - fromMs) / STEPS_WANTED;
  const stepMs =
    STEP_CHOICES_MS.find((choice) => choice >= leastMs && choice >= wantedMs) ??
    Math.ceil(wantedMs / 3_600_000) * 3_600_000;
  return { fromMs: floorTo(fromMs, stepMs), toMs: floorTo(toMs - 1, stepMs) + stepMs, stepMs };
}

export function floorTo(value: number, step: number): number {
  return Math.floor(value / step) * step;
}
