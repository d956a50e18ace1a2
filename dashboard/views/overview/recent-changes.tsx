/** What changed lately, the newest first: the usual reason why something is wrong. */
import type { EventsResponse, MeshEvent } from "../../../src/control-plane/telemetry-types.ts";
import { groupEvents } from "../../core/events.ts";
import { formatSentence, formatTime } from "../../core/format.ts";
import { SEVERITY } from "../../core/health.ts";
import type { Live } from "../../core/live.ts";
import { Breakable } from "../../ui/breakable.tsx";
import { memo } from "../../ui/memo.ts";
import { Loaded, Panel } from "../../ui/page.tsx";
import { Mark } from "../../ui/status.tsx";

const SHOWN_MAX = 10;

export function RecentChanges({ live }: { readonly live: Live<EventsResponse> }) {
  return (
    <Panel title="Recent changes">
      <Loaded live={live}>
        {({ events }) =>
          events.length === 0 ? (
            <p class="muted">Nothing changed in this time.</p>
          ) : (
            <ol class="timeline">
              {groupEvents(events, SHOWN_MAX).map(({ newest, count }) => (
                <EventLine
                  key={`${newest.time} ${newest.subject} ${newest.message}`}
                  event={newest}
                  count={count}
                />
              ))}
            </ol>
          )
        }
      </Loaded>
    </Panel>
  );
}

const EventLine = memo(function EventLine({
  event,
  count,
}: {
  readonly event: MeshEvent;
  /** How many said the same. */
  readonly count: number;
}) {
  const look = SEVERITY[event.severity];
  return (
    <li>
      <Mark look={look} />
      <div>
        <p>
          {event.severity !== "info" && <span class="visually-hidden">{look.word}: </span>}
          {event.subject !== "" && (
            <b>
              <Breakable text={event.subject} />
            </b>
          )}
          {count > 1 && <span class="muted"> and {count - 1} more</span>}{" "}
          {formatSentence(event.message)}
        </p>
        <p class="faint">
          <time dateTime={event.time}>{formatTime(event.time)}</time> · {event.type}
          {event.actor !== null && ` · ${event.actor}`}
        </p>
      </div>
    </li>
  );
});
