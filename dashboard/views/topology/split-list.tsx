/** Routes that divide requests: what each backend ought to get and what it gets. */
import { formatShare, shortName } from "../../core/format.ts";
import { hrefTo } from "../../core/location.ts";
import { Badge } from "../../ui/status.tsx";
import { isOff } from "../routes/rule-ref.ts";
import type { SplitShare } from "./splits.ts";

export function SplitList({ shares }: { readonly shares: readonly SplitShare[] }) {
  if (shares.length === 0) return null;
  const rules = new Map<string, SplitShare[]>();
  for (const share of shares) {
    const key = `${share.service} ${share.route} ${share.match}`;
    rules.set(key, [...(rules.get(key) ?? []), share]);
  }
  return (
    <section class="split-list">
      <h3>Split</h3>
      {[...rules].map(([key, [first, ...others]]) =>
        first === undefined ? null : (
          <dl key={key}>
            <dt>
              <a href={hrefTo("/routes", { q: shortName(first.service) })}>
                {shortName(first.service)}
              </a>{" "}
              <span class="faint mono">{first.match}</span>
            </dt>
            {[first, ...others].map((share) => (
              <dd key={share.backend}>
                <span>{shortName(share.backend)}</span>
                <span class="split-track-html" aria-hidden="true">
                  <span style={{ width: `${(share.observed ?? 0) * 100}%` }} />
                  <i style={{ left: `${share.configured * 100}%` }} />
                </span>
                <span class="split-figures">
                  {formatShare(share.configured)} wanted, {formatShare(share.observed)} observed
                  {isOff({ ...figuresOf(share) }) && <Badge tone="warn">off</Badge>}
                </span>
              </dd>
            ))}
          </dl>
        ),
      )}
    </section>
  );
}

function figuresOf({ configured, observed, requests }: SplitShare) {
  return { configuredShare: configured, observedShare: observed, requests };
}
