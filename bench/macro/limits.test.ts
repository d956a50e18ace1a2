/** The verdicts: the median decides, and what was not measured is not judged. */
import assert from "node:assert/strict";
import test from "node:test";
import { verdictsOf } from "./limits.ts";
import { memorySample, sample } from "./sample-fixtures.ts";

const NOTHING = { load: [], memory: [], faults: [] } as const;

test("the median decides, whatever single rounds say", () => {
  const load = [10, 12, 20].flatMap((cpuUsPerRequest, round) => [
    sample({ round, cpuUsPerRequest }),
    sample({ proxy: "haproxy", round, cpuUsPerRequest: 10 }),
  ]);
  const [verdict, ...rest] = verdictsOf({ ...NOTHING, load });
  assert.deepEqual(rest, []);
  assert.deepEqual(verdict, {
    subject: "plain at 32: CPU per request ÷ haproxy",
    bound: "at most 1.2",
    seen: { median: 1.2, min: 1, max: 2 },
    holds: true,
  });
});

test("a chain has limits of its own for each number of connections", () => {
  const chain = { scenario: "chain" } as const;
  const load = [1, 8, 32, 128].flatMap((connections) => [
    sample({ ...chain, connections, cpuUsPerRequest: 45, p50Us: 500 }),
    sample({ ...chain, connections, proxy: "envoy", cpuUsPerRequest: 100, p50Us: 500 }),
  ]);
  const verdicts = verdictsOf({ ...NOTHING, load });
  assert.deepEqual(
    verdicts.map(({ subject, bound, holds }) => [subject, bound, holds]),
    [
      ["chain at 8: CPU per request ÷ envoy", "at most 0.5", true],
      ["chain at 32: CPU per request ÷ envoy", "at most 0.4", false],
      ["chain at 128: CPU per request ÷ envoy", "at most 0.35", false],
      ["chain at 1: p50 ÷ envoy", "below 1", false],
    ],
  );
});

test("throughput has a limit from below", () => {
  const load = [
    sample({ scenario: "bodies", connections: 8, cpuUsPerRequest: 500 }),
    sample({ scenario: "bodies", connections: 8, proxy: "haproxy", cpuUsPerRequest: 350 }),
  ];
  const [verdict] = verdictsOf({ ...NOTHING, load });
  assert.equal(verdict?.bound, "at least 0.8");
  assert.equal(verdict?.holds, false);
});

test("memory of our sidecar is limited, that of the others is not", () => {
  const memory = [memorySample({ addedMegabytes: 20.5 }), memorySample({ proxy: "envoy" })];
  assert.deepEqual(
    verdictsOf({ ...NOTHING, memory }).map(({ subject, holds }) => [subject, holds]),
    [
      ["memory: MB when idle", true],
      ["memory: MB that idle connections add", false],
    ],
  );
});

test("costs that should stay the same have a limit on both sides", () => {
  const load = [0, 1, 2].flatMap((round) => [
    sample({ scenario: "routes", variant: "10", round, cpuUsPerRequest: 20 }),
    sample({ scenario: "routes", variant: "1000", round, cpuUsPerRequest: 17 }),
    sample({ scenario: "policies", variant: "off", round, cpuUsPerRequest: 20 }),
    sample({ scenario: "policies", variant: "on", round, cpuUsPerRequest: 23 }),
    sample({ scenario: "endpoints", proxy: "envoy", variant: "10", round, cpuUsPerRequest: 20 }),
    sample({ scenario: "endpoints", proxy: "envoy", variant: "1000", round, cpuUsPerRequest: 40 }),
  ]);
  assert.deepEqual(
    verdictsOf({ ...NOTHING, load }).map(({ subject, bound, holds }) => [subject, bound, holds]),
    [
      ["policies at 32: CPU per request, on ÷ off", "at most 1.15", true],
      ["routes at 32: CPU per request, 1000 ÷ 10", "within 0.9–1.1", false],
    ],
  );
});

test("nothing measured, nothing judged", () => {
  assert.deepEqual(verdictsOf(NOTHING), []);
});
