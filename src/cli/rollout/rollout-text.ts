/** A Rollout for people: step bar, configured beside observed split, gates, what happened last. */
import type { Rollout } from "../../resource/kinds/rollout.ts";
import type { RolloutState } from "../../resource/kinds/rollout-status.ts";
import { percentText } from "../kind-columns.ts";
import { formatAge } from "../output/age.ts";
import type { Style } from "../output/style.ts";
import { type Cell, renderTable } from "../output/table.ts";
import { printable } from "../output/text-width.ts";

export interface RolloutTextOptions {
  readonly style: Style;
  readonly width: number | undefined;
  readonly nowMs: number;
}

/** Events shown: the last run's, mostly. */
const EVENTS_SHOWN_MAX = 6;
const BAR_CELLS = 20;

/** Undefined until the control plane has seen it for the first time. */
export function stateOf(rollout: Rollout): RolloutState | undefined {
  return rollout.status?.rollout;
}

export function rolloutText(rollout: Rollout, options: RolloutTextOptions): string {
  const { style, width, nowMs } = options;
  const { name, namespace } = rollout.metadata;
  const title = style.bold(`Rollout ${namespace}/${name}`);
  const conditions = conditionLines(rollout, style);
  const state = stateOf(rollout);
  if (state === undefined) return `${title}: not looked at yet\n${conditions}`;
  const head = `${title}: ${phaseText(state, style)}, ${printable(state.message)}\n`;
  return [
    `${head}${stepLine(state, options)}${conditions}`,
    splitTable(state, style, width),
    state.gates.length === 0 ? "" : gateTable(state, style, width),
    eventLines(state, nowMs),
  ]
    .filter((part) => part !== "")
    .join("\n");
}

/** One line without a table, for logs. */
export function rolloutLine(rollout: Rollout): string {
  const state = stateOf(rollout);
  const { name } = rollout.metadata;
  if (state === undefined) return `rollout/${name} not looked at yet`;
  const step = isUnderWay(state) ? ` step ${state.currentStepIndex + 1}/${state.stepCount}` : "";
  const { stable, canary } = state.weights;
  return `rollout/${name} ${state.phase}${step} ${state.stableService}=${stable}% ${state.canaryService}=${canary}%: ${printable(state.message)}`;
}

function isUnderWay({ phase }: RolloutState): boolean {
  return phase === "Progressing" || phase === "Paused";
}

function phaseText({ phase }: RolloutState, style: Style): string {
  switch (phase) {
    case "Succeeded":
      return style.green(phase);
    case "RolledBack":
      return style.red(phase);
    case "Pending":
    case "Paused":
      return style.yellow(phase);
    case "Progressing":
      return style.cyan(phase);
  }
}

/** `  ●─●─○─○  step 2 of 3 for 12s   [███░░░░░] 25 %`. */
function stepLine(state: RolloutState, { style, nowMs }: RolloutTextOptions): string {
  const { currentStepIndex, stepCount, phase, weights } = state;
  const isDone = phase === "Succeeded";
  const reached = phase === "Pending" ? 0 : isDone ? stepCount + 1 : currentStepIndex + 1;
  const marks = Array.from({ length: stepCount + 1 }, (_, index) => (index < reached ? "●" : "○"));
  const where = isUnderWay(state)
    ? `step ${currentStepIndex + 1} of ${stepCount}, since ${formatAge(state.stepStartedAt, nowMs)}`
    : `run ${state.run}`;
  const full = Math.round((weights.canary / 100) * BAR_CELLS);
  const bar = `${"█".repeat(full)}${"░".repeat(BAR_CELLS - full)}`;
  const paint = phase === "RolledBack" ? style.red : style.green;
  return `  ${paint(marks.join("─"))}  ${where}  ${bar} ${weights.canary} % ${state.canaryService}${state.isPreviewed ? ", and chosen users" : ""}\n`;
}

function splitTable(state: RolloutState, style: Style, width: number | undefined): string {
  const { weights, traffic } = state;
  const total = traffic.stable.requests + traffic.canary.requests;
  const row = (role: "stable" | "canary", service: string): readonly Cell[] => {
    const { requests, failures } = traffic[role];
    return [
      role,
      service,
      `${weights[role]}%`,
      total === 0 ? "-" : percentText(requests, total),
      String(requests),
      failures > 0 ? { text: String(failures), paint: style.red } : "0",
    ];
  };
  return renderTable({
    columns: [
      { title: "" },
      { title: "SERVICE", isKept: true },
      { title: "CONFIGURED", align: "right" },
      { title: "OBSERVED", align: "right" },
      { title: "REQUESTS", align: "right" },
      { title: "FAILED", align: "right" },
    ],
    rows: [row("stable", state.stableService), row("canary", state.canaryService)],
    style,
    width,
    indent: "  ",
  });
}

function gateTable(state: RolloutState, style: Style, width: number | undefined): string {
  const paints = { Passed: style.green, Failed: style.red, Inconclusive: style.yellow };
  return renderTable({
    columns: [
      { title: "GATE", isKept: true },
      { title: "VALUE", align: "right" },
      { title: "ALLOWED" },
      { title: "VERDICT" },
      { title: "PASSED", align: "right" },
      { title: "FAILED", align: "right" },
    ],
    rows: state.gates.map((gate) => [
      gate.name,
      gate.value,
      gate.threshold,
      { text: gate.verdict, paint: paints[gate.verdict] },
      String(gate.passed),
      String(gate.failed),
    ]),
    style,
    width,
    indent: "  ",
  });
}

function eventLines(state: RolloutState, nowMs: number): string {
  return state.events
    .slice(-EVENTS_SHOWN_MAX)
    .map(
      ({ at, reason, message, by }) =>
        `  ${formatAge(at, nowMs)} ago  ${reason}: ${printable(message)}${by === undefined ? "" : `, by ${printable(by)}`}\n`,
    )
    .join("");
}

/** Only what is wrong. */
function conditionLines(rollout: Rollout, style: Style): string {
  return (rollout.status?.conditions ?? [])
    .filter(({ type, status }) => type === "Warnings" || status !== "True")
    .map(({ type, message }) => `  ${style.yellow(type)}: ${printable(message)}\n`)
    .join("");
}
