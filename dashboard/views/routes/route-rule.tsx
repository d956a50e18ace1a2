/** One rule: what it takes, where it sends that, and how it goes. */
import type { RouteTraffic } from "../../../src/control-plane/telemetry-types.ts";
import { formatMs, formatRate, formatShare, shortName } from "../../core/format.ts";
import { toneOfErrors } from "../../core/health.ts";
import { parameter, setParameters } from "../../core/location.ts";
import { Badge } from "../../ui/status.tsx";
import { isOff, ruleRef } from "./rule-ref.ts";
import { WeightsPanel } from "./weights-panel.tsx";

export interface RouteRuleProps {
  readonly rule: RouteTraffic;
  /** Its place in the order of evaluation, from 1. */
  readonly number: number;
  /** Rules of every service: matches of one rule are entries of their own. */
  readonly all: readonly RouteTraffic[];
}

export function RouteRule({ rule, number, all }: RouteRuleProps) {
  const ref = ruleRef(rule.name);
  const isIdle = rule.traffic.requests === 0;
  const isChanged = parameter("change") === rule.name;
  const mayDivide = ref !== undefined && rule.backends.length > 1;
  return (
    <li class={`rule ${isIdle ? "is-idle" : ""}`}>
      <span class="rule-number">{number}</span>
      <div class="rule-what">
        <span class="rule-match mono">{rule.matches.join(" or ")}</span>
        <span class="faint">
          {ref === undefined ? "no route object" : `${ref.kind} ${shortName(rule.route)}`}
          {ref !== undefined && `, rule ${ref.rule}`}
        </span>
        {mayDivide && (
          <button
            type="button"
            class="button button-small"
            aria-expanded={isChanged}
            onClick={() => setParameters({ change: isChanged ? null : rule.name, weights: null })}
          >
            Change weights
          </button>
        )}
      </div>
      <ul class="rule-backends">
        {rule.backends.map((backend) => (
          <BackendShare key={backend.backend} backend={backend} requests={rule.traffic.requests} />
        ))}
        {rule.backends.length === 0 && <li class="muted">sends to no backend</li>}
      </ul>
      <RuleFigures rule={rule} />
      {isChanged && ref !== undefined && (
        <WeightsPanel key={rule.name} rule={rule} ruleOf={ref} all={all} />
      )}
    </li>
  );
}

function RuleFigures({ rule: { traffic } }: { readonly rule: RouteTraffic }) {
  if (traffic.requests === 0) return <p class="rule-figures muted">no traffic</p>;
  const tone = toneOfErrors(traffic.errorRate);
  return (
    <dl class="rule-figures">
      <div>
        <dt>Requests/s</dt>
        <dd>{formatRate(traffic.requestsPerSecond)}</dd>
      </div>
      <div>
        <dt>Errors</dt>
        <dd class={tone === "bad" || tone === "warn" ? `tone-${tone}` : ""}>
          {formatShare(traffic.errorRate)}
        </dd>
      </div>
      <div>
        <dt>P99</dt>
        <dd>{formatMs(traffic.latency.p99)}</dd>
      </div>
    </dl>
  );
}

type Backend = RouteTraffic["backends"][number];

function BackendShare({
  backend: { backend, configuredShare, observedShare },
  requests,
}: {
  readonly backend: Backend;
  /** Of the whole rule. */
  readonly requests: number;
}) {
  return (
    <li class="share">
      <span class="share-name">
        {shortName(backend)}
        {isOff({ configuredShare, observedShare, requests }) && (
          <Badge tone="warn" title="Further from what is wanted than chance explains">
            off
          </Badge>
        )}
      </span>
      <ShareBar kind="wanted" share={configuredShare} />
      <ShareBar kind="observed" share={observedShare} />
    </li>
  );
}

function ShareBar({
  kind,
  share,
}: {
  readonly kind: "wanted" | "observed";
  readonly share: number | null;
}) {
  return (
    <span class="share-line">
      <span class="share-kind">{kind}</span>
      <span class="share-track" aria-hidden="true">
        <span class={`share-bar share-${kind}`} style={{ width: `${(share ?? 0) * 100}%` }} />
      </span>
      <span class="share-figure">{formatShare(share)}</span>
    </span>
  );
}
