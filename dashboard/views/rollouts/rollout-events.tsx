/** What happened to a rollout, the newest first: its own events, and changes of its object with who made them. */
import type { RolloutState } from "../../../src/control-plane/rollout-types.ts";
import type { EventsResponse } from "../../../src/control-plane/telemetry-types.ts";
import { formatDate, formatTime } from "../../core/format.ts";
import type { StateLook } from "../../core/health.ts";
import { useLive } from "../../core/live.ts";
import { Age } from "../../ui/age.tsx";
import { Panel } from "../../ui/page.tsx";
import { Mark } from "../../ui/status.tsx";
import { EVENT } from "./rollout-looks.ts";

const CHANGES_ASKED = 200;

interface Line {
  readonly at: string;
  readonly look: Pick<StateLook, "word" | "shape" | "tone">;
  readonly message: string;
  readonly by: string | null;
}

const CHANGE = { word: "Object changed", shape: "dashed", tone: "idle" } as const;

/** Changes of the object in the last day, oldest first. */
export function useChanges(namespace: string, name: string): EventsResponse["events"] {
  const asked = { type: "config", since: "24h", limit: String(CHANGES_ASKED) };
  const { data } = useLive<EventsResponse>("/telemetry/events", asked);
  const subject = `Rollout ${namespace}/${name}`;
  return (data?.events ?? []).filter((event) => event.subject === subject);
}

export function RolloutEvents({
  state,
  changes,
}: {
  readonly state: RolloutState;
  readonly changes: EventsResponse["events"];
}) {
  const lines = [
    ...state.events.map(
      ({ at, reason, message, by }): Line => ({ at, look: EVENT[reason], message, by: by ?? null }),
    ),
    ...changes.map(
      ({ time, message, actor }): Line => ({ at: time, look: CHANGE, message, by: actor }),
    ),
  ].toSorted((a, b) => b.at.localeCompare(a.at));
  return (
    <Panel title="What happened" note="the newest first">
      <ol class="timeline rollout-events">
        {lines.map(({ at, look, message, by }) => (
          <li key={`${at} ${look.word} ${message}`}>
            <Mark look={look} />
            <div>
              <p>
                <b>{look.word}</b> {restOf(message, look.word)}
              </p>
              <p class="faint">
                <time dateTime={at} title={formatDate(at)}>
                  {formatTime(at)}
                </time>
                , <Age at={at} />
                {by !== null && ` · by ${by}`}
              </p>
            </div>
          </li>
        ))}
      </ol>
    </Panel>
  );
}

/** `paused by command` behind the word `Paused` is `by command`. */
function restOf(message: string, word: string): string {
  const isSaid = message.toLowerCase().startsWith(`${word.toLowerCase()} `);
  return isSaid ? message.slice(word.length + 1) : message;
}
