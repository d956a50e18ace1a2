/** Rollouts of a mesh that was never there: one in each phase but the first, with looks at its gates and who told it what. */
import type {
  RolloutActionRequest,
  RolloutActionResponse,
} from "../../src/control-plane/action-types.ts";
import type { ResourceObject } from "../../src/control-plane/api-types.ts";
import type {
  RolloutGateView,
  RolloutLook,
  RolloutState,
  RolloutView,
} from "../../src/control-plane/rollout-types.ts";
import type {
  MeshEvent,
  ServiceDetailResponse,
  ServiceRef,
} from "../../src/control-plane/telemetry-types.ts";
import type { FixtureMesh } from "./fixture-mesh.ts";

const LOOK_SECONDS = 10;
const SUCCESS: RolloutGateView = { name: "request-success-rate", min: 99, max: null, unit: " %" };
const LATENCY: RolloutGateView = { name: "request-duration p95", min: null, max: 300, unit: " ms" };
const GATES = [SUCCESS, LATENCY];

/** The objects, as `/resources/rollouts` has them. */
export function rolloutsOf(mesh: FixtureMesh): readonly ResourceObject[] {
  return viewsOf(mesh).map(({ namespace, name, target, strategy, state }) => ({
    apiVersion: "mesh.tulle.dev/v1",
    kind: "Rollout",
    metadata: { name, namespace },
    spec: {
      targetRef: { group: "", kind: "Service", name: target },
      stableService: `${target}-v1`,
      canaryService: `${target}-v2`,
      strategy: { [strategy]: {} },
    },
    status: { rollout: state },
  }));
}

export function rolloutView(mesh: FixtureMesh, name: string): RolloutView | undefined {
  return viewsOf(mesh).find((view) => view.name === name);
}

/** What the control plane says after an action; nothing is done. */
export function actedOn(name: string, { action }: RolloutActionRequest): RolloutActionResponse {
  const message = action === "abort" ? "aborted by command" : `50 % to ${name}-v2 until promoted`;
  return {
    action,
    phase: action === "abort" ? "RolledBack" : "Paused",
    message,
    weights: action === "abort" ? { stable: 100, canary: 0 } : { stable: 50, canary: 50 },
  };
}

function viewsOf(mesh: FixtureMesh): readonly RolloutView[] {
  return [progressing(mesh), rolledBack(mesh), switched(mesh), promoted(mesh)];
}

function viewOf(
  name: string,
  state: RolloutState,
  changes: Partial<RolloutView> = {},
): RolloutView {
  const step = (weight: number, pauseSeconds: number | null) => ({
    ...{ title: `${weight} % to ${name}-v2`, weight, isPreviewed: false, pauseSeconds },
    gates: GATES,
  });
  return {
    ...{ namespace: "default", name, target: name, strategy: "canary" as const },
    steps: [step(5, 120), step(25, 300), step(50, null)],
    intervalSeconds: LOOK_SECONDS,
    failureLimit: 1,
    minRequests: 20,
    progressDeadlineSeconds: 600,
    problems: [],
    state,
    looks: [],
    ...changes,
  };
}

function stateOf(mesh: FixtureMesh, name: string, changes: Partial<RolloutState>): RolloutState {
  return {
    phase: "Progressing",
    message: `25 % to ${name}-v2 for 5m`,
    run: 2,
    stableService: `${name}-v1`,
    canaryService: `${name}-v2`,
    startedAt: mesh.at(304),
    currentStepIndex: 1,
    stepCount: 3,
    stepStartedAt: mesh.at(180),
    weights: { stable: 75, canary: 25 },
    isPreviewed: false,
    isPausedByUser: false,
    traffic: {
      stable: { requests: 9_120, failures: 4 },
      canary: { requests: 3_044, failures: 2 },
    },
    gates: [gateOf(SUCCESS, "Passed", "99.9 %", 17, 0), gateOf(LATENCY, "Passed", "231 ms", 17, 0)],
    checkedAt: mesh.at(4),
    events: [],
    ...changes,
  };
}

function gateOf(
  { name, min, max, unit }: RolloutGateView,
  verdict: RolloutState["gates"][number]["verdict"],
  value: string,
  passed: number,
  failed: number,
): RolloutState["gates"][number] {
  const threshold = min === null ? `at most ${max}${unit}` : `at least ${min}${unit}`;
  return { name, threshold, verdict, value, passed, failed };
}

/** Looks between two times in seconds ago, with figures of `value` from 0 to 1. */
function looksOf(
  mesh: FixtureMesh,
  gate: RolloutGateView,
  [from, to, step]: readonly [number, number, number],
  value: (part: number, index: number) => number,
): readonly RolloutLook[] {
  const count = Math.floor((from - to) / LOOK_SECONDS) + 1;
  return Array.from({ length: count }, (_, index): RolloutLook => {
    const figure = Number(value(index / Math.max(1, count - 1), index).toFixed(2));
    const isGood = figure >= (gate.min ?? 0) && figure <= (gate.max ?? Number.POSITIVE_INFINITY);
    return {
      ...{ gate: gate.name, at: mesh.at(from - index * LOOK_SECONDS), step, value: figure },
      verdict: isGood ? "Passed" : "Failed",
    };
  });
}

function progressing(mesh: FixtureMesh): RolloutView {
  const name = "catalog";
  const success = (_: number, index: number) => Math.min(100, 99.86 + 0.18 * Math.sin(index * 1.7));
  const latency = (part: number, index: number) => 172 + 48 * part + 14 * Math.sin(index * 1.3);
  const state = stateOf(mesh, name, {
    events: [
      { at: mesh.at(304), reason: "Started", message: `from ${name}-v1 to ${name}-v2` },
      { at: mesh.at(300), reason: "StepStarted", message: `step 1 of 3: 5 % to ${name}-v2` },
      { at: mesh.at(236), reason: "Paused", message: "paused by command", by: "alice" },
      { at: mesh.at(210), reason: "Resumed", message: "resumed by command", by: "alice" },
      { at: mesh.at(180), reason: "StepStarted", message: `step 2 of 3: 25 % to ${name}-v2` },
    ],
  });
  return viewOf(name, state, {
    looks: [
      ...looksOf(mesh, SUCCESS, [290, 190, 0], success),
      ...looksOf(mesh, SUCCESS, [170, 4, 1], success),
      ...looksOf(mesh, LATENCY, [290, 190, 0], (part, index) => latency(part, index) - 40),
      ...looksOf(mesh, LATENCY, [170, 4, 1], latency),
    ],
  });
}

function rolledBack(mesh: FixtureMesh): RolloutView {
  const name = "search";
  const message = "request-success-rate is 93.1 %, at least 99 % is allowed";
  const falling = (part: number, index: number) =>
    Math.min(100, 99.9 - 6.8 * Math.max(0, (part - 0.55) / 0.45) ** 1.4 + 0.1 * Math.sin(index));
  const state = stateOf(mesh, name, {
    phase: "RolledBack",
    message,
    run: 1,
    startedAt: mesh.at(2_460),
    stepStartedAt: mesh.at(2_330),
    weights: { stable: 100, canary: 0 },
    traffic: {
      stable: { requests: 6_402, failures: 3 },
      canary: { requests: 2_188, failures: 96 },
    },
    gates: [gateOf(SUCCESS, "Failed", "93.1 %", 9, 2), gateOf(LATENCY, "Passed", "204 ms", 11, 0)],
    checkedAt: mesh.at(2_220),
    events: [
      { at: mesh.at(2_460), reason: "Started", message: `from ${name}-v1 to ${name}-v2` },
      { at: mesh.at(2_455), reason: "StepStarted", message: `step 1 of 3: 5 % to ${name}-v2` },
      { at: mesh.at(2_330), reason: "StepStarted", message: `step 2 of 3: 25 % to ${name}-v2` },
      { at: mesh.at(2_220), reason: "GateFailed", message },
    ],
  });
  return viewOf(name, state, {
    looks: [
      ...looksOf(mesh, SUCCESS, [2_450, 2_340, 0], (_, index) => 99.9 + 0.08 * Math.sin(index)),
      ...looksOf(mesh, SUCCESS, [2_320, 2_220, 1], falling),
      ...looksOf(mesh, LATENCY, [2_450, 2_220, 1], (_, index) => 190 + 12 * Math.sin(index)),
    ],
  });
}

/** Blue/green, which waits for somebody. */
function switched(mesh: FixtureMesh): RolloutView {
  const name = "cart";
  const waits = `${name}-v2 is ready for its preview`;
  const state = stateOf(mesh, name, {
    phase: "Paused",
    message: `${waits} until promoted: tulle rollout promote`,
    run: 4,
    startedAt: mesh.at(604),
    ...{ currentStepIndex: 0, stepCount: 2, stepStartedAt: mesh.at(600), isPreviewed: true },
    weights: { stable: 100, canary: 0 },
    traffic: { stable: { requests: 0, failures: 0 }, canary: { requests: 0, failures: 0 } },
    gates: [],
    events: [
      { at: mesh.at(604), reason: "Started", message: `from ${name}-v1 to ${name}-v2`, by: "bob" },
      { at: mesh.at(600), reason: "StepStarted", message: `step 1 of 2: ${waits}` },
    ],
  });
  return viewOf(name, state, {
    strategy: "blueGreen",
    steps: [
      { title: waits, weight: 0, isPreviewed: true, pauseSeconds: null, gates: [] },
      {
        ...{ title: `everything to ${name}-v2`, weight: 100, isPreviewed: false },
        ...{ pauseSeconds: 60, gates: [SUCCESS] },
      },
    ],
  });
}

function promoted(mesh: FixtureMesh): RolloutView {
  const name = "users";
  const state = stateOf(mesh, name, {
    phase: "Succeeded",
    message: `${name}-v2 gets every request`,
    run: 1,
    startedAt: mesh.at(9_000),
    currentStepIndex: 2,
    weights: { stable: 0, canary: 100 },
    events: [
      { at: mesh.at(9_000), reason: "Started", message: `from ${name}-v1 to ${name}-v2` },
      { at: mesh.at(7_200), reason: "Promoted", message: "promoted by command", by: "alice" },
      { at: mesh.at(7_200), reason: "Succeeded", message: `${name}-v2 gets every request` },
    ],
  });
  return viewOf(name, state);
}

/** Changes of the objects themselves. */
export function rolloutChanges(mesh: FixtureMesh): readonly MeshEvent[] {
  return [
    {
      ...{ time: mesh.at(305), severity: "info", type: "config", revision: 41 },
      subject: "Rollout default/catalog",
      ...{ message: "updated: spec.canaryService", actor: "token ci" },
    },
  ];
}

/** A version's figures: a part of what its service has. */
export function versionDetail(
  mesh: FixtureMesh,
  { namespace, name }: ServiceRef,
): ServiceDetailResponse | undefined {
  const [, target = "", version = ""] = /^(.+)-(v[12])$/.exec(name) ?? [];
  const whole = mesh.detail({ namespace, name: target });
  if (whole === undefined) return undefined;
  const { service } = whole;
  const { inbound, spark } = service;
  const part = version === "v1" ? 0.75 : 0.25;
  return {
    ...whole,
    service: {
      ...service,
      service: { namespace, name },
      inbound: {
        ...inbound,
        requestsPerSecond: inbound.requestsPerSecond * part,
        errorRate: version === "v1" ? 0.0004 : 0.0007,
      },
      spark: {
        ...spark,
        requestsPerSecond: spark.requestsPerSecond.map((rate) => rate && rate * part),
      },
    },
  };
}
