/** What changed lately, the newest first: the usual reason why something is wrong. */
import type { EventsResponse, MeshEvent } from "../../../src/control-plane/telemetry-types.ts";
import { formatTime } from "../../core/format.ts";
import { SEVERITY } from "../../core/health.ts";
import type { Live } from "../../core/live.ts";
import { memo } from "../../ui/memo.ts";
import { Loaded, Panel } from "../../ui/page.tsx";
import { Mark } from "../../ui/status.tsx";

export function RecentChanges({ live }: { readonly live: Live<EventsResponse> }) {
  return (
    <Panel title="Recent changes">
      <Loaded live={live}>
        {({ events }) =>
          events.length === 0 ? (
            <p class="muted">Nothing changed in this time.</p>
          ) : (
            <ol class="timeline">
              {events.map((event) => (
                <EventLine key={`${event.time} ${event.subject} ${event.message}`} event={event} />
              ))}
            </ol>
          )
        }
      </Loaded>
    </Panel>
  );
}

const EventLine = memo(function EventLine({ event }: { readonly event: MeshEvent }) {
  const look = SEVERITY[event.severity];
  return (
    <li>
      <Mark look={look} />
      <div>
        <p>
          {event.severity !== "info" && <span class="visually-hidden">{look.word}: </span>}
          {event.subject !== "" && <b>{event.subject}</b>} {event.message}
        </p>
        <p class="faint">
          <time dateTime={event.time}>{formatTime(event.time)}</time> · {event.type}
          {event.actor !== null && ` · ${event.actor}`}
        </p>
      </div>
    </li>
  );
});
