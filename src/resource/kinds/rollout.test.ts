import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { rolloutKind } from "./rollout.ts";

type Loose = Record<string, unknown>;

function validate(changes: Loose, analysis: Loose = {}) {
  const document = parse(rolloutKind.example) as { spec: Loose };
  const spec: Loose = { ...document.spec, ...changes };
  if (Object.keys(analysis).length > 0) spec["analysis"] = analysis;
  return rolloutKind.validate({ ...document, spec });
}

function refusals(changes: Loose, analysis: Loose = {}): readonly string[] {
  const result = validate(changes, analysis);
  assert.ok(!result.ok, "it is accepted");
  return result.violations.map(({ path, message }) => `${path}: ${message}`);
}

function assertRefused(given: readonly string[], ...wanted: readonly RegExp[]): void {
  for (const one of wanted)
    assert.ok(
      given.some((text) => one.test(text)),
      `${one} in ${given.join(" | ")}`,
    );
}

test("defaults are filled in", () => {
  const result = validate({});
  assert.ok(result.ok);
  const { analysis, progressDeadline, paused, targetRef } = result.object.spec;
  assert.deepEqual(
    [analysis.failureLimit, analysis.minRequests, progressDeadline, paused],
    [0, 20, "10m", false],
  );
  assert.deepEqual(targetRef, { group: "", kind: "Service", name: "catalog" });
});

test("the three Services must be three", () => {
  assertRefused(
    refusals({ canaryService: "catalog-v1" }),
    /canaryService: is catalog-v1, and so is stableService/,
  );
  assertRefused(
    refusals({ stableService: "catalog" }),
    /stableService: is the target itself; name the Service of one version/,
  );
});

test("exactly one strategy, with what it needs", () => {
  assertRefused(
    refusals({ strategy: {} }),
    /strategy: is empty; set exactly one of canary, blueGreen, abTest/,
  );
  const canary = { steps: [{ setWeight: 10 }] };
  assertRefused(
    refusals({ strategy: { canary, blueGreen: {} } }),
    /strategy: has canary and blueGreen/,
  );
  assertRefused(
    refusals({ strategy: { canary: { steps: [{ setWeight: 101 }] } } }),
    /strategy.canary.steps\[0\].setWeight/,
  );
  assertRefused(refusals({ strategy: { abTest: {} } }), /abTest: chooses no users/);
  assertRefused(
    refusals({ strategy: { abTest: { matches: [{}] } } }),
    /matches\[0\]: matches nobody; set header or cookie/,
  );
});

test("gates say what they need", () => {
  const metrics = (...list: readonly Loose[]) => refusals({}, { metrics: list });
  const range = { min: 1 };
  assertRefused(
    metrics({ name: "mine", thresholdRange: range }),
    /metrics\[0\].provider: is missing; "mine" is neither/,
  );
  assertRefused(
    metrics({ name: "request-duration", thresholdRange: {} }),
    /thresholdRange: is empty; set min, max or both/,
  );
  assertRefused(
    metrics({ name: "request-success-rate", thresholdRange: { min: 101 } }),
    /must be a percentage/,
  );
  assertRefused(
    metrics({ name: "request-success-rate", percentile: 9, thresholdRange: range }),
    /percentile: belongs to request-duration/,
  );
  const provider = { prometheus: { address: "localhost:9090", query: "up" } };
  assertRefused(
    metrics({ name: "mine", thresholdRange: { min: 2, max: 1 }, provider }),
    /address: is .*; must be an http or https URL/,
    /min: .*more than max 1/,
  );
  const rate = { name: "request-success-rate", thresholdRange: range };
  assertRefused(metrics(rate, rate), /repeats item \[0\]/);
  assertRefused(
    refusals({}, { interval: "100ms" }),
    /analysis.interval: is "100ms"; must be 1s to 1h/,
  );
});
