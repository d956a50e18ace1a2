/** How long refused versions are held back, and whom a refusal's message blames. */
import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { REFUSAL_RETRY_MS } from "./limits.ts";
import { Refusals, suspects } from "./refusals.ts";

describe("suspects", () => {
  const cases: readonly (readonly [message: string, sent: string[], want: string[]])[] = [
    ["Error adding/updating cluster(s) b: bad", ["a", "b"], ["b"]],
    ["b: bad, c: worse", ["a", "b", "c"], ["b", "c"]],
    ["Proto constraint validation failed", ["a", "b"], ["a", "b"]],
    ["outbound|80||x.y: bad", ["outbound|80||x", "outbound|80||x.y"], ["outbound|80||x.y"]],
    ["listener 'l': address in use.", ["l", "li"], ["l"]],
    ["a:b is bad", ["a", "a:b"], ["a:b"]],
    ["", ["a"], ["a"]],
    ["anything", [], []],
  ];
  for (const [message, sent, want] of cases) {
    test(`"${message}" of ${sent.join(" ")}`, () => {
      assert.deepEqual(suspects(message, sent), want);
    });
  }
});

describe("refusals", () => {
  test("a version is held for a while, free once, then held for good", () => {
    const refusals = new Refusals();
    refusals.add("a", "1", 0);
    assert.equal(refusals.holds("a", "1", 0), true);
    assert.equal(refusals.holds("a", "2", 0), false);
    assert.equal(refusals.nextRetryMs(0), REFUSAL_RETRY_MS);
    assert.equal(refusals.holds("a", "1", REFUSAL_RETRY_MS), false);
    assert.equal(refusals.nextRetryMs(REFUSAL_RETRY_MS), undefined, "a retry under way is not due");
    refusals.add("a", "1", REFUSAL_RETRY_MS);
    assert.equal(refusals.holds("a", "1", 1e9), true);
    assert.equal(refusals.nextRetryMs(REFUSAL_RETRY_MS), undefined);
  });

  test("a new version starts over, and accepting another version changes nothing", () => {
    const refusals = new Refusals();
    refusals.add("a", "1", 0);
    refusals.add("a", "1", 0);
    refusals.accepted("a", "0");
    assert.deepEqual(
      refusals.current(() => "1"),
      ["a"],
    );
    refusals.add("a", "2", 0);
    assert.equal(refusals.holds("a", "2", REFUSAL_RETRY_MS), false);
    refusals.accepted("a", "2");
    assert.equal(refusals.isEmpty, true);
  });
});
