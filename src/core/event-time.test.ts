import assert from "node:assert/strict";
import { test } from "node:test";
import { beginEvent, endEvent, monotonicMs } from "./event-time.ts";

/** Returns when the clock itself has moved. */
function wait(): void {
  const startMs = performance.now();
  while (performance.now() - startMs < 1) {}
}

test("time stands still within an event, and nowhere else", () => {
  const before = monotonicMs();
  wait();
  assert.ok(monotonicMs() > before);
  beginEvent();
  wait();
  const within = monotonicMs();
  wait();
  assert.equal(monotonicMs(), within);
  endEvent();
  assert.ok(monotonicMs() > within);
  beginEvent();
  assert.ok(monotonicMs() > within);
  endEvent();
});
