import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { initialState } from "../../control-plane/rollout/advance.ts";
import { planRollout } from "../../control-plane/rollout/rollout-plan.ts";
import { type Rollout, rolloutKind } from "../../resource/kinds/rollout.ts";
import type { RolloutState } from "../../resource/kinds/rollout-status.ts";
import { createStyle } from "../output/style.ts";
import { rolloutLine, rolloutText } from "./rollout-text.ts";

const START_MS = Date.UTC(2026, 0, 1);
const AT = new Date(START_MS).toISOString();
const OPTIONS = { style: createStyle(false), width: 100, nowMs: START_MS + 12_000 };

function rolloutAt(changes: Partial<RolloutState> | undefined): Rollout {
  const result = rolloutKind.validate(parse(rolloutKind.example));
  assert.ok(result.ok);
  if (changes === undefined) return result.object;
  const state = initialState(planRollout(result.object.spec, "default"), START_MS);
  return { ...result.object, status: { rollout: { ...state, ...changes } } };
}

test("a step shows its bar, both splits, the gates and what happened", () => {
  const text = rolloutText(
    rolloutAt({
      phase: "Progressing",
      message: "25 % to catalog-v2 for 5m",
      currentStepIndex: 1,
      weights: { stable: 75, canary: 25 },
      traffic: { stable: { requests: 300, failures: 0 }, canary: { requests: 100, failures: 2 } },
      gates: [
        {
          name: "request-success-rate",
          threshold: "at least 99 %",
          verdict: "Failed",
          value: "98 %",
          passed: 3,
          failed: 1,
        },
      ],
      events: [
        { at: AT, reason: "Started", message: "from catalog-v1 to catalog-v2" },
        {
          at: new Date(START_MS + 10_000).toISOString(),
          ...{ reason: "Promoted", message: "promoted by command", by: "alice" },
        },
      ],
    }),
    OPTIONS,
  );
  assert.match(text, /^Rollout default\/catalog: Progressing, 25 % to catalog-v2 for 5m\n/);
  assert.match(text, / {2}●─●─○─○ {2}step 2 of 3, since 12s {2}█{5}░{15} 25 % catalog-v2\n/);
  assert.match(text, /canary {2}catalog-v2 +25% +25% +100 +2\n/);
  assert.match(text, /request-success-rate +98 % {2}at least 99 % +Failed +3 +1\n/);
  assert.match(text, /12s ago {2}Started: from catalog-v1 to catalog-v2\n/);
  assert.match(text, / 2s ago {2}Promoted: promoted by command, by alice\n/);
});

test("nothing is made up: no requests observed, not looked at yet", () => {
  assert.match(rolloutText(rolloutAt({}), OPTIONS), /canary {2}catalog-v2 +0% +- +0 +0\n/);
  assert.equal(
    rolloutText(rolloutAt(undefined), OPTIONS),
    "Rollout default/catalog: not looked at yet\n",
  );
});

test("a line for logs says phase, step, shares and why, without control characters", () => {
  const state: Partial<RolloutState> = {
    phase: "Paused",
    message: "until\u001b[2J promoted",
    weights: { stable: 95, canary: 5 },
  };
  const line = rolloutLine(rolloutAt(state));
  assert.match(line, /^rollout\/catalog Paused step 1\/3 catalog-v1=95% catalog-v2=5%: until/);
  assert.ok(!line.includes("\u001b"));
});
