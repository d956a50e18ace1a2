import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { initialState } from "../../control-plane/rollout/advance.ts";
import { planRollout } from "../../control-plane/rollout/rollout-plan.ts";
import { type Rollout, rolloutKind } from "../../resource/kinds/rollout.ts";
import type { RolloutPhase } from "../../resource/kinds/rollout-status.ts";
import { type Service, serviceKind } from "../../resource/kinds/service.ts";
import { CliError } from "../errors.ts";
import { planStart, type StartRequest } from "./plan-start.ts";

function service(name: string, selector: Readonly<Record<string, string>>): Service {
  const document = { apiVersion: "v1", kind: "Service", metadata: { name } };
  const result = serviceKind.validate({ ...document, spec: { selector, ports: [{ port: 80 }] } });
  assert.ok(result.ok);
  return result.object;
}

const CATALOG = service("catalog", { app: "catalog" });
const VERSIONS = ["v1", "v2"].map((version) =>
  service(`catalog-${version}`, { app: "catalog", version }),
);
const ALL = [CATALOG, ...VERSIONS];

function request(changes: Partial<StartRequest> = {}): StartRequest {
  return {
    service: CATALOG,
    services: [CATALOG],
    rollouts: [],
    runningVersions: ["v1", "v2"],
    to: "v2",
    from: undefined,
    strategy: undefined,
    analysis: undefined,
    ...changes,
  };
}

/** The rollout from v1 to v2, where it ended. */
function existing(phase: RolloutPhase): Rollout {
  const result = rolloutKind.validate(parse(rolloutKind.example));
  assert.ok(result.ok);
  const state = initialState(planRollout(result.object.spec, "default"), 0);
  return { ...result.object, status: { rollout: { ...state, phase } } };
}

function refusal(changes: Partial<StartRequest>): string {
  try {
    planStart(request(changes));
  } catch (error) {
    assert.ok(error instanceof CliError, String(error));
    return `${error.message} | ${error.detail.hint ?? ""}`;
  }
  return assert.fail("it was planned");
}

test("without a Rollout one is made, with a Service for each version", () => {
  const { rollout, newServices } = planStart(request());
  assert.deepEqual(
    newServices.map(({ metadata }) => metadata.name),
    ["catalog-v1", "catalog-v2"],
  );
  const result = rolloutKind.validate(JSON.parse(JSON.stringify(rollout)));
  assert.ok(result.ok, JSON.stringify(result));
  const { stableService, canaryService, strategy } = result.object.spec;
  assert.deepEqual([stableService, canaryService], ["catalog-v1", "catalog-v2"]);
  assert.deepEqual(
    strategy.canary?.steps.map(({ setWeight }) => setWeight),
    [10, 50],
  );
});

test("an existing one goes on from the version that has the requests, and keeps its steps", () => {
  for (const [phase, stable] of [
    ["Succeeded", "catalog-v2"],
    ["RolledBack", "catalog-v1"],
  ] as const) {
    const before = existing(phase);
    const { rollout } = planStart(
      request({ rollouts: [before], services: ALL, to: "v3", runningVersions: ["v1", "v2", "v3"] }),
    );
    assert.ok(rolloutKind.validate(JSON.parse(JSON.stringify(rollout))).ok);
    const planned = rollout.spec as Rollout["spec"];
    assert.deepEqual([planned.stableService, planned.canaryService], [stable, "catalog-v3"]);
    assert.deepEqual(planned.strategy, before.spec.strategy);
    assert.deepEqual(planned.analysis, before.spec.analysis);
  }
});

test("refusals name the problem and the fix", () => {
  assert.match(refusal({ to: "v9" }), /no version "v9".*its versions are v1, v2/);
  assert.match(refusal({ runningVersions: ["v2"] }), /no other version .* \| say with --from/);
  assert.match(
    refusal({ runningVersions: ["v1", "v2", "v3"] }),
    /several versions .* v1, v3 \| say with --from/,
  );
  assert.match(
    refusal({ rollouts: [existing("Succeeded")], services: ALL }),
    /catalog-v2 has every request of catalog already/,
  );
  const one = service("catalog-v1", { app: "catalog", version: "v1" });
  assert.match(
    refusal({ service: one, services: [one] }),
    /is one version.*\| name the service that all versions share/,
  );
});
