/** The steps of a rollout as a track: what is done, where it stands, what is ahead; by shape and word as well as by colour. */
import type { VNode } from "preact";
import type { RolloutState, RolloutView } from "../../../src/control-plane/rollout-types.ts";
import { MARK_WORDS, type MarkState, markStates, stepMarks } from "./steps.ts";

/** More do not stand side by side. */
const SIDE_BY_SIDE_MAX = 7;

const PICTURES: Readonly<Record<MarkState, VNode>> = {
  done: <path d="M6.5 11.4 9.6 14.4 15.6 8" />,
  now: <circle cx="11" cy="11" r="3.2" fill="currentColor" stroke="none" />,
  paused: <path d="M8.8 7.6v6.8M13.2 7.6v6.8" />,
  failed: <path d="M7.6 7.6l6.8 6.8M14.4 7.6l-6.8 6.8" />,
  stopped: (
    <rect x="7.7" y="7.7" width="6.6" height="6.6" rx="0.8" fill="currentColor" stroke="none" />
  ),
  ahead: <path d="" />,
};

export function StepTrack({ view }: { readonly view: RolloutView }) {
  const marks = stepMarks(view);
  return (
    <ol
      class={`steps ${marks.length > SIDE_BY_SIDE_MAX ? "is-long" : ""}`}
      aria-label="Steps"
      style={{ "--steps": marks.length }}
    >
      {marks.map(({ state, title, note }, index) => (
        <li
          key={index}
          class={`step is-${state}`}
          aria-current={state === "now" || state === "paused" ? "step" : undefined}
        >
          <StepPicture state={state} />
          <div class="step-text">
            <strong>{title}</strong>
            <span class="muted">{note}</span>
            <span class="step-state">{MARK_WORDS[state]}</span>
          </div>
        </li>
      ))}
    </ol>
  );
}

function StepPicture({ state }: { readonly state: MarkState }) {
  return (
    <svg class="step-mark" viewBox="0 0 22 22" width="22" height="22" aria-hidden="true">
      <circle class="step-ring" cx="11" cy="11" r="9.6" />
      <g fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round">
        {PICTURES[state]}
      </g>
    </svg>
  );
}

/** The same as a line of dots, for lists. The step in words stands beside it. */
export function StepDots({
  state,
  count,
}: {
  readonly state: RolloutState | null;
  readonly count: number;
}) {
  return (
    <span class="step-dots" aria-hidden="true">
      {markStates(state, count).map((mark, index) => (
        <i key={index} class={`is-${mark}`} />
      ))}
    </span>
  );
}
