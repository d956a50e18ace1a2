/** The gates of a rollout: what each said last and why, and its figures over the run with the limits that they have. */
import { useSignal } from "@preact/signals";
import type {
  RolloutGateStatus,
  RolloutGateView,
  RolloutLook,
  RolloutView,
} from "../../../src/control-plane/rollout-types.ts";
import { formatDuration, formatTime } from "../../core/format.ts";
import { Age } from "../../ui/age.tsx";
import { memo } from "../../ui/memo.ts";
import { Panel } from "../../ui/page.tsx";
import { Mark } from "../../ui/status.tsx";
import { GateChart, text } from "./gate-chart.tsx";
import { VERDICT } from "./rollout-looks.ts";

export const GatesPanel = memo(function GatesPanel({ view }: { readonly view: RolloutView }) {
  const gates = gatesOfRun(view);
  const { state, intervalSeconds, failureLimit } = view;
  const limit = failureLimit === 0 ? "a failure" : `failure ${failureLimit + 1} in a step`;
  return (
    <Panel
      title="Gates"
      note={gates.length > 0 && `every ${formatDuration(intervalSeconds)}; ${limit} rolls back`}
      actions={
        state !== null &&
        state.gates.length > 0 && (
          <span class="faint">
            looked <Age at={state.checkedAt} />
          </span>
        )
      }
    >
      {gates.length === 0 && (
        <p class="muted">No figure is watched: steps go on by time and by hand alone.</p>
      )}
      <div class="gates">
        {gates.map((gate) => (
          <GateItem
            key={gate.name}
            gate={gate}
            status={state?.gates.find(({ name }) => name === gate.name)}
            looks={view.looks.filter((look) => look.gate === gate.name)}
          />
        ))}
      </div>
    </Panel>
  );
});

/** Of all steps; where a step has limits of its own, those of the present step. */
function gatesOfRun({ steps, state }: RolloutView): readonly RolloutGateView[] {
  const current = steps[state?.currentStepIndex ?? 0]?.gates ?? [];
  const known = new Map(
    [...steps.flatMap(({ gates }) => gates), ...current].map((gate) => [gate.name, gate]),
  );
  return [...known.values()];
}

function GateItem({
  gate,
  status,
  looks,
}: {
  readonly gate: RolloutGateView;
  readonly status: RolloutGateStatus | undefined;
  readonly looks: readonly RolloutLook[];
}) {
  const look = VERDICT[status?.verdict ?? "Inconclusive"];
  return (
    <section class="gate" aria-label={gate.name}>
      <header class="gate-head">
        <h3>{gate.name}</h3>
        <span class={`status tone-${look.tone}`}>
          <Mark look={look} />
          {look.word}
        </span>
        <p class="gate-value">
          <strong>{status?.value ?? "not looked at in this step"}</strong>{" "}
          <span class="muted">{status?.threshold ?? limitText(gate)}</span>
        </p>
        {status !== undefined && (
          <p class="faint gate-counts">
            {`in this step ${status.passed} passed, ${status.failed} failed`}
          </p>
        )}
      </header>
      {looks.length > 0 ? (
        <GateChart gate={gate} looks={looks} />
      ) : (
        <p class="gate-none faint">No figure of this run yet.</p>
      )}
      {looks.length > 0 && <LooksTable gate={gate} looks={looks} />}
    </section>
  );
}

function limitText(gate: RolloutGateView): string {
  const { min, max } = gate;
  const parts = [
    ...(min === null ? [] : [`at least ${text(min, gate)}`]),
    ...(max === null ? [] : [`at most ${text(max, gate)}`]),
  ];
  return parts.join(", ");
}

/** Made when it is opened; the newest first. */
function LooksTable({
  gate,
  looks,
}: {
  readonly gate: RolloutGateView;
  readonly looks: readonly RolloutLook[];
}) {
  const isOpen = useSignal(false);
  return (
    <details
      class="chart-table"
      onToggle={({ currentTarget }) => {
        isOpen.value = currentTarget.open;
      }}
    >
      <summary>As a table</summary>
      {isOpen.value && (
        <div class="chart-table-frame">
          <table class="table" aria-label={`Looks at ${gate.name}`}>
            <thead>
              <tr>
                <th scope="col">At</th>
                <th scope="col">Step</th>
                <th scope="col" class="numeric">
                  Value
                </th>
                <th scope="col">Verdict</th>
              </tr>
            </thead>
            <tbody>
              {looks.toReversed().map(({ at, step, value, verdict }) => (
                <tr key={at}>
                  <td data-title="At">{formatTime(at)}</td>
                  <td data-title="Step">{step + 1}</td>
                  <td data-title="Value" class="numeric">
                    {text(value, gate)}
                  </td>
                  <td data-title="Verdict">
                    <span class="status">
                      <Mark look={VERDICT[verdict]} />
                      {VERDICT[verdict].word}
                    </span>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}
