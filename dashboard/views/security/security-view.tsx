/** Who may and does call whom, how much of it is proven, and what that proof rests on. */
import type { SecurityResponse } from "../../../src/control-plane/telemetry-types.ts";
import { formatCount, formatDuration, formatShare } from "../../core/format.ts";
import { useLive } from "../../core/live.ts";
import { rangeFlags, rangeParameters } from "../../core/time-range.ts";
import { Empty, Loaded, Page } from "../../ui/page.tsx";
import { AccessPanel } from "./access-panel.tsx";
import { SecurityEvents } from "./security-events.tsx";
import { CertificatesPanel, RootsPanel } from "./trust-panels.tsx";

const DAY_SECONDS = 86_400;

/** The view. */
export function View() {
  const live = useLive<SecurityResponse>("/telemetry/security", rangeParameters.value);
  return (
    <Page title="Security" cli={`tulle edges${rangeFlags.value}`}>
      <Loaded live={live} lines={10}>
        {(security) => <Security security={security} />}
      </Loaded>
    </Page>
  );
}

function Security({ security }: { readonly security: SecurityResponse }) {
  const { pairs, certificates, roots } = security;
  return (
    <div class="stack">
      <Coverage security={security} />
      {pairs.length === 0 ? (
        <Empty title="Nobody calls anybody yet">
          Apply two Services, or start the demo: <code>tulle demo</code>
        </Empty>
      ) : (
        <AccessPanel pairs={pairs} />
      )}
      <div class="trust-columns">
        <CertificatesPanel certificates={certificates} />
        <div class="stack">
          <RootsPanel roots={roots} />
          <SecurityEvents />
        </div>
      </div>
    </div>
  );
}

/** The figures that one wants first. */
function Coverage({ security }: { readonly security: SecurityResponse }) {
  const { mtlsShare, pairs, certificates } = security;
  const denied = pairs.reduce((sum, pair) => sum + pair.denied, 0);
  const open = pairs.filter(({ allowed, requests }) => allowed === "yes" && requests === 0).length;
  const next = Math.min(...certificates.map(({ daysLeft }) => daysLeft));
  return (
    <dl class="coverage">
      <div>
        <dt>Requests over mutual TLS</dt>
        <dd>{formatShare(mtlsShare)}</dd>
        <dd class="coverage-bar" aria-hidden="true">
          <span style={{ width: `${(mtlsShare ?? 0) * 100}%` }} />
        </dd>
      </div>
      <div>
        <dt>Denied requests</dt>
        <dd class={denied > 0 ? "tone-bad" : ""}>{formatCount(denied)}</dd>
      </div>
      <div>
        <dt>Allowed and not used</dt>
        <dd>{formatCount(open)} pairs</dd>
      </div>
      <div>
        <dt>Next certificate ends in</dt>
        <dd>{formatDuration(Number.isFinite(next) ? Math.max(0, next * DAY_SECONDS) : null)}</dd>
      </div>
    </dl>
  );
}
