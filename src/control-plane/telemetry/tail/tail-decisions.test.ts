/** Which traces are wanted, who is told when, and what bounds it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../../core/clock.ts";
import { LONG_POLL_HOLD_MS, TAIL_GATHER_MS, TAIL_TRACES_PER_SECOND } from "../../../core/limits.ts";
import { MetricRegistry } from "../../../telemetry/metric-registry.ts";
import type { SpanRecord } from "../telemetry-record.ts";
import { TailDecisions, type WantedAnswer } from "./tail-decisions.ts";

function span(traceId: string, kept?: string): SpanRecord {
  return {
    ...{ traceId, spanId: "01", parentSpanId: "", traceState: "", name: "GET", kind: "server" },
    ...{ startNs: 0n, endNs: 0n, status: "unset", statusMessage: "", events: [] },
    attributes: kept === undefined ? {} : { "mesh.kept": kept },
    resource: {
      ...{ service: "a", namespace: "default", version: "", instance: "a-1", principal: "" },
      attributes: {},
    },
  };
}

function setUp() {
  const clock = new ManualClock();
  const tail = new TailDecisions({ clock, registry: new MetricRegistry(), run: "r" });
  const answers: WantedAnswer[] = [];
  const watch = (after = 0, run = "") => tail.watch(after, run, (answer) => answers.push(answer));
  return { clock, tail, answers, watch };
}

test("whoever watches is told of traces that failed or were slow, once for a moment", () => {
  const { clock, tail, answers, watch } = setUp();
  watch();
  watch();
  tail.addSpans([span("a", "error"), span("b"), span("c", "slow"), span("a", "error")]);
  tail.addSpans([span("d", "wanted")]);
  assert.equal(answers.length, 0);
  clock.advance(TAIL_GATHER_MS);
  const expected = { traceIds: ["a", "c"], next: 3, run: "r" };
  assert.deepEqual(answers, [expected, expected]);
});

test("what came between two questions is told at once", () => {
  const { clock, tail, answers, watch } = setUp();
  watch();
  tail.addSpans([span("a", "error")]);
  clock.advance(TAIL_GATHER_MS);
  tail.addSpans([span("b", "error")]);
  watch(answers[0]!.next, "r");
  assert.deepEqual(answers[1], { traceIds: ["b"], next: 3, run: "r" });
  watch(1, "another");
  assert.equal(answers.length, 2, "numbers of another run mean nothing");
});

test("a question is held for a while, and can be taken back", () => {
  const { clock, answers, watch } = setUp();
  watch();
  const takeBack = watch();
  takeBack();
  clock.advance(LONG_POLL_HOLD_MS);
  assert.deepEqual(answers, [{ traceIds: [], next: 1, run: "r" }]);
});

test("a storm of failures asks for so many traces a second", () => {
  const { clock, tail, answers, watch } = setUp();
  watch();
  for (let i = 0; i < 2 * TAIL_TRACES_PER_SECOND; i++) tail.addSpans([span(`t${i}`, "error")]);
  clock.advance(TAIL_GATHER_MS);
  assert.equal(answers[0]?.traceIds.length, TAIL_TRACES_PER_SECOND);
});
