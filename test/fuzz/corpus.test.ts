/**
 * Every fuzz target over its stored corpus, its seeds, and mutations of both, in this process: what the
 * fuzzer once learnt stays true. The last test is the fuzzer's own command. `TULLE_FUZZ_SEED` repeats a run.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "node:test";
import { SeededPrng } from "../../src/core/prng.ts";
import { storedInputs } from "./stored-corpus.ts";
import { TARGETS } from "./targets/all.ts";

const STORED_MIN = 20;
const MUTATIONS = 3_000;
/** Enough for the fuzzer to go through its seeds and mutate some. */
const FUZZER_RUNS = 2_000;

const seed = Number(process.env["TULLE_FUZZ_SEED"] ?? Date.now() % 2 ** 31);

/** The input with a part of another in place of some of its bytes. */
function crossed(prng: SeededPrng, input: Buffer, other: Buffer, bytesMax: number): Buffer {
  const below = (bound: number): number => Math.floor(prng.next() * bound);
  const from = below(other.length + 1);
  const part = Buffer.from(other.subarray(from, from + below(other.length - from + 1)));
  const flip = below(2 * part.length);
  if (flip < part.length) part[flip] = below(256);
  const at = below(input.length + 1);
  const behind = input.subarray(Math.min(input.length, at + below(part.length + 4)));
  return Buffer.concat([input.subarray(0, at), part, behind]).subarray(0, bytesMax);
}

describe("fuzz targets", () => {
  for (const { name, fuzz, seeds, inputBytesMax } of TARGETS) {
    it(`${name}: the stored corpus and its mutations`, () => {
      const stored = storedInputs(name);
      assert.ok(stored.length >= STORED_MIN, `${stored.length} inputs are stored`);
      const inputs = [...stored, ...seeds()];
      const prng = new SeededPrng(seed);
      const pick = (): Buffer => inputs[Math.floor(prng.next() * inputs.length)]!;
      const mutations = Array.from({ length: MUTATIONS }, () =>
        crossed(prng, pick(), pick(), inputBytesMax),
      );
      for (const input of [...inputs, ...mutations]) {
        try {
          fuzz(input);
        } catch (error) {
          const hex = input.toString("hex");
          throw new Error(`seed ${seed}, input ${hex}`, { cause: error });
        }
      }
    });
  }

  it("run under the fuzzer", () => {
    const main = join(import.meta.dirname, "main.ts");
    const args = [main, "http2-server", "--", "--runs", String(FUZZER_RUNS)];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    assert.match(stderr, new RegExp(`number_of_executed_units: ${FUZZER_RUNS}`));
    // Guided by coverage, not blind.
    assert.match(stderr, /cov: [1-9]/);
  });
});
