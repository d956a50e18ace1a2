import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RATE_LIMIT_COUNTERS_MAX } from "../../core/limits.ts";
import { type CountedLimit, remainingOf, waitUs } from "./counted-limit.ts";
import { MemoryCounter } from "./memory-counter.ts";

const limit = (key: string, fields: Partial<CountedLimit> = {}): CountedLimit => ({
  key,
  intervalUs: 10_000,
  burst: 5,
  ...fields,
});

async function isTaken(counter: MemoryCounter, ...limits: readonly CountedLimit[]) {
  return (await counter.take(limits, 1)).every(({ isWithin }) => isWithin);
}

test("a burst at once, then evenly, and no more than both in any time", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 30_000 }), { minLength: 1, maxLength: 200 }),
      fc.integer({ min: 1, max: 20 }),
      async (steps, burst) => {
        let nowUs = 0;
        const counter = new MemoryCounter(() => nowUs);
        const times: number[] = [];
        for (const step of steps) {
          nowUs += step;
          if (await isTaken(counter, limit("a", { burst }))) times.push(nowUs);
        }
        assert.equal(times[0], steps[0]);
        for (const [from, start] of times.entries()) {
          for (const [to, end] of times.slice(from).entries()) {
            assert.ok(to + 1 <= burst + (end - start) / 10_000 + 1e-3);
          }
        }
      },
    ),
    { numRuns: 50 },
  );
});

test("100 a second, offered 1,000 a second for 30 s, are 3,000 and a burst", async () => {
  let nowUs = 0;
  const counter = new MemoryCounter(() => nowUs);
  let taken = 0;
  for (; nowUs < 30_000_000; nowUs += 1_000) {
    if (await isTaken(counter, limit("a", { burst: 50 }))) taken += 1;
  }
  assert.ok(Math.abs(taken - 3_000) <= 60, `${taken}`);
});

test("what one limit refuses counts against no other", async () => {
  const counter = new MemoryCounter(() => 0);
  const narrow = limit("narrow", { burst: 1 });
  assert.equal(await isTaken(counter, narrow, limit("wide")), true);
  const [refused, wide] = await counter.take([narrow, limit("wide")], 1);
  assert.deepEqual([refused?.isWithin, wide?.isWithin], [false, true]);
  assert.equal(remainingOf(limit("wide"), wide?.aheadUs ?? 0), 4);
  assert.equal(waitUs(narrow, refused?.aheadUs ?? 0), 10_000);
});

test("several hits are taken together or not at all", async () => {
  const counter = new MemoryCounter(() => 0);
  assert.equal((await counter.take([limit("a")], 3))[0]?.isWithin, true);
  assert.equal((await counter.take([limit("a")], 3))[0]?.isWithin, false);
  assert.equal((await counter.take([limit("a")], 2))[0]?.isWithin, true);
});

test("who was asked about longest ago is forgotten first", async () => {
  const counter = new MemoryCounter(() => 0);
  const once = (key: string): Promise<boolean> => isTaken(counter, limit(key, { burst: 1 }));
  for (let index = 0; index < RATE_LIMIT_COUNTERS_MAX; index++) await once(`${index}`);
  assert.equal(await once("0"), false);
  assert.equal(await once("one more"), true);
  assert.equal(await once("1"), false);
  assert.equal(await once("0"), true);
});
