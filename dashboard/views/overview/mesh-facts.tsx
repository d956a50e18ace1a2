/** What holds the mesh together: proxies, identities, configuration. */
import type { ComponentChildren } from "preact";
import type { OverviewResponse } from "../../../src/control-plane/telemetry-types.ts";
import { formatDate, formatDuration, formatShare } from "../../core/format.ts";
import { Panel } from "../../ui/page.tsx";
import { Badge } from "../../ui/status.tsx";

/** A certificate that ends sooner should have been renewed. */
const SOON_SECONDS = 3_600;

export function MeshFacts({ overview }: { readonly overview: OverviewResponse }) {
  const { mesh, revision, proxies, mtlsShare, nextCertificateExpiry, window } = overview;
  return (
    <Panel title="Mesh" note={mesh}>
      <dl class="facts">
        <Fact title="Proxies">
          {proxies.connected} connected
          {proxies.stale > 0 && <Badge tone="warn">{proxies.stale} stale</Badge>}
          {proxies.refusing > 0 && <Badge tone="bad">{proxies.refusing} refusing</Badge>}
        </Fact>
        <Fact title="Mutual TLS">
          {mtlsShare === null ? "no requests" : `${formatShare(mtlsShare)} of requests`}
        </Fact>
        <Fact title="Next certificate">
          <Expiry at={nextCertificateExpiry} now={window.to} />
        </Fact>
        <Fact title="Configuration">revision {revision}</Fact>
      </dl>
    </Panel>
  );
}

function Fact({
  title,
  children,
}: {
  readonly title: string;
  readonly children: ComponentChildren;
}) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Expiry({ at, now }: { readonly at: string | null; readonly now: string }) {
  if (at === null) return <>none known</>;
  const seconds = (Date.parse(at) - Date.parse(now)) / 1000;
  if (seconds <= 0) return <Badge tone="bad">expired</Badge>;
  return (
    <span class={seconds < SOON_SECONDS ? "tone-warn" : ""} title={formatDate(at)}>
      in {formatDuration(seconds)}
    </span>
  );
}
