/** What is wrong: one line each, the worst first, with where to look and what to do. */
import type { Problem } from "../../../src/control-plane/telemetry-types.ts";
import { SEVERITY } from "../../core/health.ts";
import { hrefTo } from "../../core/location.ts";
import { Hint } from "../../ui/hint.tsx";
import { memo } from "../../ui/memo.ts";
import { Panel } from "../../ui/page.tsx";
import { Mark } from "../../ui/status.tsx";

/** So many are shown; the first are the worst. */
const SHOWN_MAX = 8;

export const Problems = memo(function Problems({
  problems,
}: {
  readonly problems: readonly Problem[];
}) {
  const shown = problems.slice(0, SHOWN_MAX);
  return (
    <Panel title="Problems" note={String(problems.length)} isFlush>
      <ol class="problems">
        {shown.map((problem) => (
          <li key={`${problem.code} ${problem.view} ${problem.message}`}>
            <ProblemLine problem={problem} />
          </li>
        ))}
      </ol>
      {problems.length > SHOWN_MAX && (
        <p class="problems-more muted">and {problems.length - SHOWN_MAX} more</p>
      )}
    </Panel>
  );
});

function ProblemLine({ problem }: { readonly problem: Problem }) {
  const { severity, message, hint, view } = problem;
  const look = SEVERITY[severity];
  return (
    <div class="problem">
      <Mark look={look} />
      <div class="problem-text">
        <span class="visually-hidden">{look.word}: </span>
        {view === null ? <strong>{message}</strong> : <a href={hrefTo(view)}>{message}</a>}
        {hint !== null && (
          <p class="muted">
            <Hint text={hint} />
          </p>
        )}
      </div>
      <code class="problem-code faint">{problem.code}</code>
    </div>
  );
}
