import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SeededPrng } from "./prng.ts";

function draw(prng: SeededPrng, count: number): number[] {
  return Array.from({ length: count }, () => prng.next());
}

describe("SeededPrng", () => {
  it("repeats itself from its seed", () => {
    assert.deepEqual(draw(new SeededPrng(7), 100), draw(new SeededPrng(7), 100));
  });

  it("draws otherwise for near seeds", () => {
    const firsts = new Set(Array.from({ length: 1000 }, (_, seed) => new SeededPrng(seed).next()));
    assert.ok(firsts.size > 990);
  });

  it("has no short period", () => {
    const values = new Float64Array(draw(new SeededPrng(1), 200_000));
    // 200,000 draws of 32 bits meet about five times; a period would repeat most of them.
    assert.ok(new Set(values).size > 199_900);
  });

  it("fills [0, 1) evenly", () => {
    const counts = new Array<number>(16).fill(0);
    for (const value of draw(new SeededPrng(3), 160_000)) {
      assert.ok(value >= 0 && value < 1);
      const bucket = Math.floor(value * 16);
      counts[bucket] = (counts[bucket] ?? 0) + 1;
    }
    // Five standard deviations of a fair draw are 484.
    for (const count of counts) assert.ok(Math.abs(count - 10_000) < 484, `${count}`);
  });
});
