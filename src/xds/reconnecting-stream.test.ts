/** The pauses between attempts, by a clock that the test moves. */
import assert from "node:assert/strict";
import test from "node:test";
import { ManualClock } from "../core/clock.ts";
import { ReconnectingStream } from "./reconnecting-stream.ts";

/** Delays between attempts that never succeed, with the given randomness. */
function delays(random: number, count: number): number[] {
  const clock = new ManualClock();
  const attempts: number[] = [];
  const reasons: string[] = [];
  const stream = new ReconnectingStream({
    path: "/x/y",
    createClient: () => {
      attempts.push(clock.monotonicMs());
      throw new Error("no route");
    },
    clock,
    prng: { next: () => random },
    onOpen: () => assert.fail("never opens"),
    onMessage: () => assert.fail("never hears"),
    onClose: (reason) => reasons.push(reason),
  });
  stream.start();
  while (attempts.length <= count) clock.advance(1);
  stream.stop();
  const before = attempts.length;
  clock.advance(60_000);
  assert.equal(attempts.length, before, "stopped");
  assert.deepEqual(new Set(reasons), new Set(["no route"]));
  return attempts.slice(1, count + 1).map((at, index) => at - (attempts[index] ?? 0));
}

test("pauses double from 0.2 s to 30 s, and each is anything below that", () => {
  const ceilings = [200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000];
  assert.deepEqual(delays(1, ceilings.length), ceilings);
  assert.deepEqual(
    delays(0.5, ceilings.length),
    ceilings.map((ms) => ms / 2),
  );
});

test("who has reason to hope does not wait out the pause, and pauses begin anew", () => {
  const clock = new ManualClock();
  const attempts: number[] = [];
  const stream = new ReconnectingStream({
    path: "/x/y",
    createClient: () => {
      attempts.push(clock.monotonicMs());
      throw new Error("no certificate");
    },
    clock,
    prng: { next: () => 1 },
    onOpen: () => assert.fail("never opens"),
    onMessage: () => assert.fail("never hears"),
    onClose: () => {},
  });
  stream.hurry();
  assert.deepEqual(attempts, [], "one that was not started has nothing to hurry for");
  stream.start();
  clock.advance(10_000);
  const before = attempts.length;
  stream.hurry();
  assert.equal(attempts.length, before + 1);
  clock.advance(200);
  assert.equal(attempts.length, before + 2, "after the shortest pause");
  stream.hold();
  stream.hurry();
  assert.equal(attempts.length, before + 2, "another process speaks for it");
  stream.stop();
});
