/** The wildcard examples of the xDS protocol, each as one sequence of requests. */
import assert from "node:assert/strict";
import test, { describe } from "node:test";
import fc from "fast-check";
import { Subscription } from "./subscription.ts";
import { CLUSTER_TYPE_URL, ENDPOINT_TYPE_URL, LISTENER_TYPE_URL } from "./type-urls.ts";

const wants = (subscription: Subscription): string =>
  [...(subscription.wildcard ? ["*"] : []), ...subscription.names].join(",");

describe("state of the world", () => {
  const cases: readonly {
    readonly requests: readonly (readonly string[])[];
    readonly want: readonly string[];
  }[] = [
    { requests: [[], []], want: ["*", "*"] },
    { requests: [["*"], ["*", "A"], ["A"], []], want: ["*", "*,A", "A", ""] },
    { requests: [[], ["*", "A"], ["A"], []], want: ["*", "*,A", "A", ""] },
    { requests: [[], ["A"], []], want: ["*", "A", ""] },
    { requests: [["A"], [], ["*"]], want: ["A", "", "*"] },
    { requests: [["*"], []], want: ["*", ""] },
  ];
  for (const { requests, want } of cases) {
    test(`clusters ${JSON.stringify(requests)}`, () => {
      const subscription = new Subscription(CLUSTER_TYPE_URL);
      const got = requests.map((names) => {
        subscription.replace(names);
        return wants(subscription);
      });
      assert.deepEqual(got, want);
    });
  }

  test("types without a wildcard have none", () => {
    const subscription = new Subscription(ENDPOINT_TYPE_URL);
    subscription.replace([]);
    assert.equal(subscription.isEmpty, true);
    subscription.replace(["*", "A"]);
    assert.equal(wants(subscription), "A");
  });

  test("a change lists what came and what went, once", () => {
    const subscription = new Subscription(LISTENER_TYPE_URL);
    subscription.replace(["A", "B", "B"]);
    const change = subscription.replace(["B", "C", "C"]);
    assert.deepEqual(change.added, ["C"]);
    assert.deepEqual(change.removed, ["A"]);
  });
});

describe("delta", () => {
  test("nothing subscribed in the first request is the wildcard, and adding a name keeps it", () => {
    const subscription = new Subscription(CLUSTER_TYPE_URL);
    assert.equal(subscription.update([], []).wildcardStarted, true);
    subscription.update(["A"], []);
    assert.equal(wants(subscription), "*,A");
    subscription.update([], ["A"]);
    assert.equal(wants(subscription), "*");
  });

  test("only the literal * ends the wildcard", () => {
    const subscription = new Subscription(CLUSTER_TYPE_URL);
    subscription.update(["*", "A"], []);
    const change = subscription.update([], ["*"]);
    assert.equal(change.wildcardEnded, true);
    assert.equal(wants(subscription), "A");
    subscription.update([], ["A"]);
    assert.equal(subscription.isEmpty, true, "an empty set of names is not the wildcard");
    subscription.update([], []);
    assert.equal(subscription.isEmpty, true, "nor is an empty request later on");
  });

  test("a name in the first request leaves the wildcard out", () => {
    const subscription = new Subscription(LISTENER_TYPE_URL);
    subscription.update(["A"], []);
    assert.equal(wants(subscription), "A");
  });

  test("a name asked for again counts as added; one that was never held does not count as removed", () => {
    const subscription = new Subscription(ENDPOINT_TYPE_URL);
    subscription.update(["A"], []);
    assert.deepEqual(subscription.update(["A"], ["B"]), {
      added: ["A"],
      removed: [],
      wildcardStarted: false,
      wildcardEnded: false,
    });
  });

  test("a name in both lists stays subscribed", () => {
    const subscription = new Subscription(ENDPOINT_TYPE_URL);
    subscription.update(["A"], []);
    assert.deepEqual(subscription.update(["A"], ["A"]).removed, []);
    assert.equal(subscription.covers("A"), true);
  });
});

test("both variants agree on what is wanted, whatever the order of changes", () => {
  const step = fc.record({ name: fc.constantFrom("*", "A", "B", "C"), on: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1 }), (steps) => {
      const sotw = new Subscription(CLUSTER_TYPE_URL);
      const delta = new Subscription(CLUSTER_TYPE_URL);
      // Both start from an explicit name, so that the legacy wildcard is out of the way.
      const wanted = new Set(["*"]);
      sotw.replace([...wanted]);
      delta.update([...wanted], []);
      for (const { name, on } of steps) {
        if (on) wanted.add(name);
        else wanted.delete(name);
        sotw.replace([...wanted]);
        delta.update(on ? [name] : [], on ? [] : [name]);
        assert.equal(sotw.wildcard, wanted.has("*"));
        assert.equal(delta.wildcard, wanted.has("*"));
        assert.deepEqual([...sotw.names].sort(), [...delta.names].sort());
      }
    }),
  );
});
