/**
 * The HTTP/1.1 parsers on more than 10,000 streams each way: none makes them throw, and how a stream
 * is split into reads changes nothing of what comes out. `TULLE_FUZZ_SEED` repeats a run.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type Prng, SeededPrng } from "../../src/core/prng.ts";
import {
  bytesOf,
  recordRequests,
  recordResponse,
  singleBytes,
  splitAt,
} from "../support/http1-recorder.ts";
import { type Direction, mutated, noise, randomSplit } from "./http1-bytes.ts";
import { requestText, responseText } from "./http1-grammar.ts";

const MUTATED_COUNT = 8_000;
const NOISE_COUNT = 3_000;
const GRAMMAR_COUNT = 2_000;

const seed = Number(process.env["TULLE_FUZZ_SEED"] ?? Date.now() % 2 ** 31);

function record(direction: Direction, reads: readonly Buffer[]): unknown {
  return direction === "request" ? recordRequests(reads) : recordResponse(reads);
}

/** Fails unless these reads give what one read of all bytes gives. */
function assertSame(direction: Direction, bytes: Buffer, reads: readonly Buffer[]): void {
  const whole = JSON.stringify(record(direction, [bytes]));
  const split = JSON.stringify(record(direction, reads));
  if (whole !== split) {
    const lengths = reads.map((read) => read.length).join(", ");
    const text = JSON.stringify(bytes.toString("latin1"));
    assert.fail(`${text}\nin one read: ${whole}\nin reads of ${lengths}: ${split}`);
  }
}

function checkStreams(
  direction: Direction,
  count: number,
  create: (prng: Prng, direction: Direction) => Buffer,
): void {
  const prng = new SeededPrng(seed);
  for (let i = 0; i < count; i++) {
    const bytes = create(prng, direction);
    const reads = randomSplit(prng, bytes);
    try {
      assertSame(direction, bytes, reads);
      assertSame(direction, bytes, singleBytes(bytes));
    } catch (cause) {
      throw new Error(`stream ${i} of TULLE_FUZZ_SEED=${seed}`, { cause });
    }
  }
}

for (const direction of ["request", "response"] as const) {
  describe(`HTTP/1.1 ${direction} parser`, () => {
    it("reads mutated messages the same in any split", () => {
      checkStreams(direction, MUTATED_COUNT, mutated);
    });

    it("reads noise the same in any split", () => {
      checkStreams(direction, NOISE_COUNT, noise);
    });

    it("reads messages of the grammar the same in any split", () => {
      const text = direction === "request" ? requestText : responseText;
      const property = fc.property(text, fc.array(fc.nat(), { maxLength: 6 }), (message, cuts) => {
        const bytes = bytesOf(message);
        const offsets = cuts.map((cut) => cut % (bytes.length + 1));
        assertSame(direction, bytes, splitAt(bytes, offsets));
        assertSame(direction, bytes, singleBytes(bytes));
      });
      fc.assert(property, { numRuns: GRAMMAR_COUNT, seed });
    });
  });
}
