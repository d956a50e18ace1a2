/** What happened to trust: failed authentications, denials, and certificates that came and went. The newest first. */
import type { EventsResponse, MeshEvent } from "../../../src/control-plane/telemetry-types.ts";
import { formatSentence } from "../../core/format.ts";
import { SEVERITY } from "../../core/health.ts";
import { useLive } from "../../core/live.ts";
import { rangeParameters } from "../../core/time-range.ts";
import { Age } from "../../ui/age.tsx";
import { Breakable } from "../../ui/breakable.tsx";
import { CliLine } from "../../ui/cli-line.tsx";
import { Failure, Panel, Skeleton } from "../../ui/page.tsx";
import { Mark } from "../../ui/status.tsx";

const SHOWN_MAX = 30;

export function SecurityEvents() {
  const ask = (type: string) =>
    useLive<EventsResponse>("/telemetry/events", {
      ...rangeParameters.value,
      ...{ type, limit: String(SHOWN_MAX) },
    });
  const [security, certificates] = [ask("security"), ask("certificate")];
  const failure = security.failure ?? certificates.failure;
  const isWaiting = security.data === undefined || certificates.data === undefined;
  const events = [...(security.data?.events ?? []), ...(certificates.data?.events ?? [])]
    .toSorted((a, b) => b.time.localeCompare(a.time))
    .slice(0, SHOWN_MAX);
  return (
    <Panel title="Events" isFlush actions={<CliLine command="tulle audit search" />}>
      {failure !== undefined && <Failure failure={failure} />}
      {isWaiting && failure === undefined && <Skeleton lines={3} />}
      {!isWaiting && events.length === 0 && (
        <p class="panel-empty muted">Nothing was denied and no certificate changed in this time.</p>
      )}
      <ol class="security-events">
        {events.map((event) => (
          <EventItem key={`${event.time} ${event.subject} ${event.message}`} event={event} />
        ))}
      </ol>
    </Panel>
  );
}

function EventItem({ event }: { readonly event: MeshEvent }) {
  const look = SEVERITY[event.severity];
  return (
    <li>
      <Mark look={look} />
      <div>
        <span class="visually-hidden">{look.word}: </span>
        <strong>
          <Breakable text={event.subject} />
        </strong>{" "}
        {formatSentence(event.message)}
        {event.actor !== null && <span class="muted"> by {event.actor}</span>}
      </div>
      <span class="faint nowrap">
        <Age at={event.time} />
      </span>
    </li>
  );
}
