/** Rollups and what is read of them against sums that are computed naively; and what outlives a restart. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeChunk } from "./chunk-codec.ts";
import { type Chunk, floorTo, Rollups, type Tier, windowOf } from "./rollups.ts";
import { SLOT_COUNT } from "./traffic-slots.ts";

const START_MS = Date.UTC(2026, 10, 26, 8, 0, 0);

/** The file, in memory. */
class Disk {
  readonly chunks = new Map<string, Chunk>();

  write(chunks: readonly Chunk[]): void {
    for (const chunk of chunks) this.chunks.set(`${chunk.tier} ${chunk.startMs}`, chunk);
  }

  readonly load = (tier: Tier, fromMs: number, toMs: number): readonly Chunk[] =>
    [...this.chunks.values()]
      .filter((one) => one.tier === tier && one.startMs >= fromMs && one.startMs < toMs)
      .sort((a, b) => a.startMs - b.startMs);

  foldedUntil(): readonly [number, number] {
    const end = (tier: Tier, stepMs: number): number =>
      Math.max(
        0,
        ...this.load(tier, 0, Number.MAX_SAFE_INTEGER).map((one) => one.startMs + stepMs),
      );
    return [end(1, 60_000), end(2, 600_000)];
  }
}

function sums(
  rollups: Rollups,
  window: Parameters<Rollups["read"]>[0],
): ReadonlyMap<number, readonly number[]> {
  const found = new Map<number, number[]>();
  rollups.read(window, (startMs, id, slots) => {
    assert.ok(startMs >= window.fromMs && startMs < window.toMs);
    const known = found.get(id) ?? new Array<number>(SLOT_COUNT).fill(0);
    found.set(
      id,
      known.map((value, slot) => value + (slots[slot] ?? 0)),
    );
  });
  return found;
}

const additions = fc.array(
  fc.record({
    id: fc.integer({ min: 1, max: 5 }),
    slot: fc.integer({ min: 0, max: SLOT_COUNT - 1 }),
    count: fc.integer({ min: 1, max: 1_000_000_000 }),
    /** Between pushes. */
    pauseMs: fc.integer({ min: 0, max: 90_000 }),
    spreadMs: fc.integer({ min: 0, max: 12_000 }),
    isFlushed: fc.boolean(),
    isRestarted: fc.boolean(),
  }),
  { minLength: 1, maxLength: 80 },
);

test("every window that holds all time has exactly what was added, over flushes, folds and restarts", () => {
  fc.assert(
    fc.property(additions, (steps) => {
      const disk = new Disk();
      let nowMs = START_MS;
      let rollups = new Rollups(disk.load, nowMs);
      const expected = new Map<number, number[]>();
      for (const { id, slot, count, pauseMs, spreadMs, isFlushed, isRestarted } of steps) {
        nowMs += pauseMs;
        if (isFlushed || isRestarted) disk.write(rollups.flush(nowMs));
        if (isRestarted) {
          rollups = new Rollups(disk.load, nowMs);
          rollups.restore(disk.load(0, 0, Number.MAX_SAFE_INTEGER), disk.foldedUntil());
        }
        const deltas = new Float64Array(SLOT_COUNT);
        deltas[slot] = count;
        rollups.add(id, deltas, nowMs - spreadMs, nowMs);
        const known = expected.get(id) ?? new Array<number>(SLOT_COUNT).fill(0);
        known[slot] = (known[slot] ?? 0) + count;
        expected.set(id, known);
      }
      const fromMs = START_MS - 15_000;
      // A view of all time so far, and one so long that the widest steps answer.
      for (const begin of [fromMs, nowMs - 10 * 3_600_000]) {
        const window = windowOf(Math.min(begin, fromMs), nowMs + 1, nowMs);
        assert.deepEqual(
          [...sums(rollups, window)].sort(([a], [b]) => a - b),
          [...expected].sort(([a], [b]) => a - b),
        );
      }
    }),
    { numRuns: 200 },
  );
});

test("a push is spread over the time that it tells about", () => {
  const rollups = new Rollups(() => [], START_MS + 10_000);
  const deltas = new Float64Array(SLOT_COUNT);
  deltas[0] = 100;
  // 3 of 5 seconds are in the step before.
  rollups.add(1, deltas, START_MS + 7_000, START_MS + 12_000);
  const seen: [number, number][] = [];
  rollups.read(
    { fromMs: START_MS, toMs: START_MS + 15_000, stepMs: 5_000 },
    (startMs, _, [requests = 0]) => seen.push([startMs - START_MS, requests]),
  );
  assert.deepEqual(seen, [
    [5_000, 60],
    [10_000, 40],
  ]);
});

test("steps of a minute are the sum of theirs, and replace nothing that was there", () => {
  const disk = new Disk();
  let nowMs = START_MS;
  const rollups = new Rollups(disk.load, nowMs);
  const deltas = new Float64Array(SLOT_COUNT);
  deltas[0] = 1;
  for (let second = 0; second < 200; second++) {
    nowMs = START_MS + second * 1000;
    rollups.add(1, deltas, nowMs, nowMs + 1);
    if (second % 10 === 9) disk.write(rollups.flush(nowMs));
  }
  const minutes = disk.load(1, 0, Number.MAX_SAFE_INTEGER);
  assert.deepEqual(
    minutes.map(({ startMs, bytes }) => {
      let count = 0;
      decodeChunk(bytes, (_, [requests = 0]) => {
        count += requests;
      });
      return [startMs - START_MS, count];
    }),
    [
      [0, 60],
      [60_000, 60],
      [120_000, 60],
    ].slice(0, minutes.length),
  );
  assert.ok(minutes.length >= 2);
});

test("a window begins and ends at steps that are kept", () => {
  const quarter = windowOf(START_MS - 900_000, START_MS, START_MS);
  assert.deepEqual(quarter, { fromMs: START_MS - 900_000, toMs: START_MS, stepMs: 15_000 });
  // What is older than 20 minutes has no finer steps than minutes.
  const past = windowOf(START_MS - 3_600_000, START_MS - 2_700_000, START_MS);
  assert.equal(past.stepMs, 60_000);
  const day = windowOf(START_MS - 86_400_000, START_MS, START_MS);
  assert.equal(day.stepMs, 1_800_000);
  assert.equal(floorTo(day.fromMs, day.stepMs), day.fromMs);
});
