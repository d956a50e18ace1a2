/** Slips are recognised, guesses are not made. */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { editDistance, nearestName } from "./nearest-name.ts";

test("the nearest name within a third of its letters", () => {
  const names = ["timeouts", "targetRefs", "loadBalancer", "port", "ports"];
  assert.equal(nearestName("timeout", names), "timeouts");
  assert.equal(nearestName("tiemouts", names), "timeouts");
  assert.equal(nearestName("TARGETREFS", names), "targetRefs");
  assert.equal(nearestName("loadbalancers", names), "loadBalancer");
  assert.equal(nearestName("prot", names), "port");
  assert.equal(nearestName("retries", names), undefined);
  assert.equal(nearestName("x", names), undefined);
  assert.equal(nearestName("", names), undefined);
  assert.equal(nearestName("x".repeat(10_000), names), undefined);
});

test("the distance is one per insertion, deletion, substitution or swap", () => {
  assert.equal(editDistance("", "abc"), 3);
  assert.equal(editDistance("kitten", "sitting"), 3);
  assert.equal(editDistance("prot", "port"), 1);
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
      assert.equal(editDistance(a, b), editDistance(b, a));
      assert.equal(editDistance(a, b) === 0, a === b);
      assert.ok(editDistance(a, b) <= Math.max(a.length, b.length));
    }),
  );
});
