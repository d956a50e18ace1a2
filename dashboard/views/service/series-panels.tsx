/** The service over time: requests and errors, latency as percentiles and as it was, and what happened meanwhile. */
import { useMemo } from "preact/hooks";
import type { MeshEvent, SeriesResponse } from "../../../src/control-plane/telemetry-types.ts";
import { eventsAbout } from "../../core/events.ts";
import { formatMs, formatRate, formatSentence, formatTime } from "../../core/format.ts";
import { SEVERITY } from "../../core/health.ts";
import { knownFrom } from "../../core/known-steps.ts";
import type { Live } from "../../core/live.ts";
import { Breakable } from "../../ui/breakable.tsx";
import { Heatmap } from "../../ui/heatmap.tsx";
import { Loaded, Panel } from "../../ui/page.tsx";
import { Mark } from "../../ui/status.tsx";
import { TimeChart } from "../../ui/time-chart.tsx";

/** With more, the charts would be a fence. */
const EVENTS_MAX = 9;

export function SeriesPanels({
  live,
  service,
}: {
  readonly live: Live<SeriesResponse>;
  readonly service: string;
}) {
  return (
    <Loaded live={live} lines={6}>
      {(series) => <Charts series={series} service={service} />}
    </Loaded>
  );
}

/** Without the steps before the mesh was there: a young one has charts, not their last centimetre. */
function sinceKnown(series: SeriesResponse): SeriesResponse {
  const from = knownFrom(series.requestsPerSecond);
  const begin = series.times[from];
  if (from === 0 || begin === undefined) return series;
  const { heatmap } = series;
  return {
    ...series,
    window: { ...series.window, from: begin },
    times: series.times.slice(from),
    requestsPerSecond: series.requestsPerSecond.slice(from),
    errorsPerSecond: series.errorsPerSecond.slice(from),
    mean: series.mean.slice(from),
    p50: series.p50.slice(from),
    p90: series.p90.slice(from),
    p99: series.p99.slice(from),
    heatmap: { ...heatmap, counts: heatmap.counts.slice(from) },
  };
}

function Charts({
  series: whole,
  service,
}: {
  readonly series: SeriesResponse;
  readonly service: string;
}) {
  const series = useMemo(() => sinceKnown(whole), [whole]);
  const events = useMemo(
    () => eventsAbout(series.events, service, EVENTS_MAX),
    [series.events, service],
  );
  return (
    <div class="charts">
      <Panel title="Requests" note="per second">
        <TimeChart
          title="Requests per second"
          times={series.times}
          format={formatRate}
          events={events}
          series={[
            { label: "All", values: series.requestsPerSecond, color: "accent", isFilled: true },
            { label: "Errors", values: series.errorsPerSecond, color: "bad", isFilled: true },
          ]}
        />
      </Panel>
      <Panel title="Latency" note="percentiles">
        <TimeChart
          title="Latency percentiles"
          times={series.times}
          format={formatMs}
          events={events}
          series={[
            { label: "P99", values: series.p99, color: "rank-3" },
            { label: "P90", values: series.p90, color: "rank-2" },
            { label: "P50", values: series.p50, color: "rank-1" },
            { label: "Mean", values: series.mean, color: "text-3", dash: [3, 3] },
          ]}
        />
      </Panel>
      <Panel title="Latency, request by request">
        <Heatmap series={series} />
      </Panel>
      <Panel title="What happened" note="the numbers in the charts">
        <Events events={events} />
      </Panel>
    </div>
  );
}

function Events({ events }: { readonly events: readonly MeshEvent[] }) {
  if (events.length === 0) return <p class="muted">Nothing changed in this time.</p>;
  return (
    <ol class="numbered-events">
      {events.map(({ time, severity, subject, message, actor }, index) => (
        <li key={`${time} ${subject} ${message}`}>
          <span class="event-number tabular" aria-hidden="true">
            {index + 1}
          </span>
          <Mark look={SEVERITY[severity]} />
          <span>
            <b>
              <Breakable text={subject} />
            </b>{" "}
            {formatSentence(message)}
            <span class="faint">
              {" "}
              <time dateTime={time}>{formatTime(time)}</time>
              {actor !== null && ` · ${actor}`}
            </span>
          </span>
        </li>
      ))}
    </ol>
  );
}
