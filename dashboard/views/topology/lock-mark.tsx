/** Whether both sides of a call prove who they are: a closed lock, an open one, one that is closed in part, or not known. */
import type { VNode } from "preact";
import type { Security } from "./mesh-graph.ts";

const BODY = "M1.8 5h8.4v5.6H1.8z";
const CLOSED = "M3.6 5V3.4a2.4 2.4 0 0 1 4.8 0V5";

const LOCKS: Readonly<Record<Security, { readonly tone: string; readonly shape: VNode }>> = {
  mutual_tls: {
    tone: "ok",
    shape: (
      <>
        <path d={BODY} fill="currentColor" stroke="none" />
        <path d={CLOSED} />
      </>
    ),
  },
  mixed: {
    tone: "warn",
    shape: (
      <>
        <path d={BODY} />
        <path d="M1.8 10.6V5H6v5.6z" fill="currentColor" stroke="none" />
        <path d={CLOSED} />
      </>
    ),
  },
  none: {
    tone: "bad",
    shape: (
      <>
        <path d={BODY} />
        <path d="M7.4 5V3.2a2.1 2.1 0 0 1 4-.9" />
      </>
    ),
  },
  unknown: {
    tone: "idle",
    shape: <path d="M4 4.3a2.1 2.1 0 1 1 3 1.9c-.7.3-1 .7-1 1.6M6 10v.1" />,
  },
};

/** Its word must stand beside it or be read out. In a drawing it is placed by `x` and `y`. */
export function LockMark({
  security,
  x,
  y,
}: {
  readonly security: Security;
  readonly x?: number;
  readonly y?: number;
}) {
  const { tone, shape } = LOCKS[security];
  return (
    <svg
      class={`lock mark tone-${tone}`}
      viewBox="0 0 12 12"
      width="12"
      height="12"
      fill="none"
      stroke="currentColor"
      stroke-width="1.3"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
      {...(x === undefined ? {} : { x })}
      {...(y === undefined ? {} : { y })}
    >
      {shape}
    </svg>
  );
}
