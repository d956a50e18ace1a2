/** One rollout: where it stands and why, its way, its gates over time, both versions beside each other, and what happened. */
import type { RolloutState, RolloutView } from "../../../src/control-plane/rollout-types.ts";
import type { EventsResponse } from "../../../src/control-plane/telemetry-types.ts";
import { serviceName } from "../../core/format.ts";
import { useLive } from "../../core/live.ts";
import { namespaceFlag, quoted } from "../../core/shell-words.ts";
import { Age } from "../../ui/age.tsx";
import { Empty, Loaded, Page, Panel, ServiceLink } from "../../ui/page.tsx";
import { Mark } from "../../ui/status.tsx";
import type { ViewProps } from "../view-props.ts";
import { GatesPanel } from "./gates-panel.tsx";
import { isUnderWay } from "./offered-actions.ts";
import { RolloutActions } from "./rollout-actions.tsx";
import { RolloutEvents, useChanges } from "./rollout-events.tsx";
import { messageOf, PHASE, STRATEGY, startedBy } from "./rollout-looks.ts";
import { StepTrack } from "./step-track.tsx";
import { useVersion, VersionsPanel } from "./versions-panel.tsx";

/** A change of the object that is so near to the beginning of a run began it. */
const STARTED_BY_CHANGE_MS = 5_000;

/** The view. */
export function View({ parameters }: ViewProps) {
  const { namespace = "", name = "" } = parameters;
  const path = `/rollouts/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
  const live = useLive<RolloutView>(path);
  const state = live.data?.state;
  return (
    <Page
      title={serviceName({ namespace, name })}
      parent={{ title: "Rollouts", path: "/rollouts" }}
      lead={state && <PhaseMark state={state} />}
      cli={`tulle rollout status ${quoted(name)}${namespaceFlag(namespace)}`}
    >
      <Loaded live={live} lines={10}>
        {(view) => <Rollout view={view} />}
      </Loaded>
    </Page>
  );
}

function PhaseMark({ state }: { readonly state: RolloutState }) {
  const look = PHASE[state.phase];
  return (
    <span class="status">
      <Mark look={look} />
      {look.word}
    </span>
  );
}

function Rollout({ view }: { readonly view: RolloutView }) {
  const { namespace, name, state, problems } = view;
  const changes = useChanges(namespace, name);
  const stable = useVersion(namespace, state?.stableService);
  const canary = useVersion(namespace, state?.canaryService);
  // Gates without figures leave room.
  const hasLooks = view.looks.length > 0;
  const rates = [stable, canary].map((service) => service?.inbound.requestsPerSecond ?? null);
  const rate = rates.every((one) => one === null)
    ? null
    : rates.reduce<number>((sum, one) => sum + (one ?? 0), 0);
  return (
    <div class="stack">
      {problems.map(({ type, message }) => (
        <p key={type} class="hint" role="status">
          <Mark look={{ shape: "triangle", tone: "warn" }} />
          <span>
            {type}: {message}
          </span>
        </p>
      ))}
      {state === null ? (
        <>
          <Empty title="Not looked at yet">
            The control plane looks at rollouts once a second, at the oldest for each Service.
          </Empty>
          <Panel title="Way">
            <StepTrack view={view} />
          </Panel>
        </>
      ) : (
        <>
          <Standing {...{ view, state, rate, changes }} />
          <div class="rollout-columns">
            <div class="stack">
              <GatesPanel view={view} />
              {!hasLooks && <RolloutEvents state={state} changes={changes} />}
            </div>
            <div class="stack">
              <VersionsPanel {...{ namespace, state, stable, canary }} />
              {hasLooks && <RolloutEvents state={state} changes={changes} />}
            </div>
          </div>
        </>
      )}
    </div>
  );
}

/** What one wants to know first, and what one may do. */
function Standing({
  view,
  state,
  rate,
  changes,
}: {
  readonly view: RolloutView;
  readonly state: RolloutState;
  readonly rate: number | null;
  readonly changes: EventsResponse["events"];
}) {
  const { namespace } = view;
  const step = `${state.currentStepIndex + 1} of ${state.stepCount}`;
  return (
    <section class="panel rollout-standing" aria-label="Where it stands">
      <div class="rollout-head">
        <div>
          <h2>{messageOf(state)}</h2>
          <p class="muted">
            {STRATEGY[view.strategy]} of <ServiceLink service={{ namespace, name: view.target }} />,
            from {state.stableService} to {state.canaryService}
            {isUnderWay(state) && state.phase !== "Pending" && (
              <>
                {" · "}step {step} since <Age at={state.stepStartedAt} />
              </>
            )}
            {" · "}run {state.run} began <Age at={state.startedAt} />
            {starter(state, changes)}
          </p>
        </div>
        <RolloutActions {...{ view, state, rate }} />
      </div>
      <StepTrack view={view} />
    </section>
  );
}

/** By whom the run was begun: by a command, or by who wrote the object then. */
function starter(state: RolloutState, changes: EventsResponse["events"]): string {
  const commanded = startedBy(state);
  if (commanded !== undefined) return `, by ${commanded}`;
  const startMs = Date.parse(state.startedAt);
  const change = changes.find(
    ({ time, actor }) =>
      actor !== null && Math.abs(Date.parse(time) - startMs) <= STARTED_BY_CHANGE_MS,
  );
  return change === undefined ? ", as its object says" : `, by ${change.actor}, who wrote it`;
}
