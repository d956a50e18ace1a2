/** A state as a mark: its shape says as much as its colour, and a word stands beside it or is read out. */
import type { ComponentChildren, VNode } from "preact";
import type { HealthState } from "../../src/control-plane/telemetry-types.ts";
import { HEALTH, type Shape, type StateLook, type Tone } from "../core/health.ts";

const SHAPES: Readonly<Record<Shape, VNode>> = {
  circle: <circle cx="6" cy="6" r="4.5" fill="currentColor" />,
  triangle: <path d="M6 1.2 11.2 10.5H.8z" fill="currentColor" />,
  square: <rect x="1.6" y="1.6" width="8.8" height="8.8" rx="1.2" fill="currentColor" />,
  ring: <circle cx="6" cy="6" r="3.8" fill="none" stroke="currentColor" stroke-width="1.6" />,
  dashed: (
    <circle
      cx="6"
      cy="6"
      r="3.8"
      fill="none"
      stroke="currentColor"
      stroke-width="1.6"
      stroke-dasharray="2.4 1.6"
    />
  ),
};

/** The mark alone. Its word must stand beside it. */
export function Mark({ look }: { readonly look: Pick<StateLook, "shape" | "tone"> }) {
  return (
    <svg
      class={`mark tone-${look.tone}`}
      viewBox="0 0 12 12"
      width="12"
      height="12"
      aria-hidden="true"
    >
      {SHAPES[look.shape]}
    </svg>
  );
}

/** Mark and word of a service's health. */
export function Health({ state }: { readonly state: HealthState }) {
  const look = HEALTH[state];
  return (
    <span class="status">
      <Mark look={look} />
      <span>{look.word}</span>
    </span>
  );
}

/** A short word on a tinted ground. */
export function Badge({
  tone = "idle",
  children,
  title,
}: {
  readonly tone?: Tone;
  readonly children: ComponentChildren;
  readonly title?: string | undefined;
}) {
  return (
    <span class={`badge badge-${tone}`} title={title}>
      {children}
    </span>
  );
}
