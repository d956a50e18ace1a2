/** Calls as lines of the panel beside the drawing: each can be picked. */
import { setParameters } from "../../core/location.ts";
import { edgeText, SECURITY_WORDS, toneOf } from "./drawing.ts";
import { LockMark } from "./lock-mark.tsx";
import type { GraphEdge } from "./mesh-graph.ts";

const SHOWN_MAX = 12;

export function CallList({
  title,
  calls,
  nameOf,
  end,
}: {
  readonly title: string;
  readonly calls: readonly GraphEdge[];
  readonly nameOf: (id: string) => string;
  /** Which end is named; both where it is not said. */
  readonly end?: "from" | "to";
}) {
  if (calls.length === 0) return null;
  const sorted = calls.toSorted(worstFirst);
  return (
    <section class="call-list">
      <h3>
        {title} <span class="faint">{calls.length}</span>
      </h3>
      <ul>
        {sorted.slice(0, SHOWN_MAX).map((call) => (
          <li key={call.id}>
            <button
              type="button"
              class="call-line"
              onClick={() => setParameters({ edge: call.id })}
            >
              <LockMark security={call.security} />
              <span class="visually-hidden">{SECURITY_WORDS[call.security]}</span>
              <span class="call-name">
                {end === undefined
                  ? `${nameOf(call.from)} → ${nameOf(call.to)}`
                  : nameOf(call[end])}
              </span>
              <span class={`call-figures tone-of-${toneOf(call)}`}>{edgeText(call, false)}</span>
            </button>
          </li>
        ))}
      </ul>
      {calls.length > SHOWN_MAX && (
        <p class="faint">and {calls.length - SHOWN_MAX} more; the table has all</p>
      )}
    </section>
  );
}

/** What fails, then what is busy. */
export function worstFirst(a: GraphEdge, b: GraphEdge): number {
  return b.errors - a.errors || b.requestsPerSecond - a.requestsPerSecond;
}
