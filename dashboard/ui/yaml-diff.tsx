/** What would change in an object, line by line: seen before it is written. */
import { lineDiff } from "../core/line-diff.ts";

const MARKS = { same: " ", removed: "-", added: "+", skipped: " " } as const;

export function YamlDiff({
  label,
  before,
  after,
}: {
  readonly label: string;
  readonly before: string;
  readonly after: string;
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys (WCAG 2.1.1).
    <section class="diff" tabIndex={0} aria-label={label}>
      <pre>
        {lineDiff(before, after).map(({ kind, text }, index) => (
          <span key={index} class={`diff-${kind}`}>
            {MARKS[kind]} {text}
            {"\n"}
          </span>
        ))}
      </pre>
    </section>
  );
}
