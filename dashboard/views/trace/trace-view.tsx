/** One trace: what was done when and by whom, what failed, what was tried again, and what the logs say of it. */
import type { TraceResponse } from "../../../src/control-plane/telemetry-types.ts";
import { formatDate, formatMs, formatPreciseTime, serviceName } from "../../core/format.ts";
import { useLive } from "../../core/live.ts";
import { CopyButton } from "../../ui/cli-line.tsx";
import { Loaded, Page, Panel } from "../../ui/page.tsx";
import { Badge, Mark } from "../../ui/status.tsx";
import { LogLines } from "../errors/log-lines.tsx";
import type { ViewProps } from "../view-props.ts";
import { Waterfall } from "./waterfall.tsx";

/** The view. */
export function View({ parameters }: ViewProps) {
  const { id = "" } = parameters;
  const live = useLive<TraceResponse>(`/telemetry/traces/${encodeURIComponent(id)}`);
  const summary = live.data?.summary;
  return (
    <Page
      title={summary?.root.name ?? "Trace"}
      parent={{ title: "Traces", path: "/traces" }}
      lead={
        summary?.hasError === true && (
          <span class="status tone-bad">
            <Mark look={{ shape: "square", tone: "bad" }} />
            <span>Failed</span>
          </span>
        )
      }
      cli={`tulle trace ${id}`}
    >
      <Loaded live={live} lines={10}>
        {(trace) => (
          <div class="stack">
            <Facts trace={trace} />
            {trace.hints.map((hint) => (
              <p key={hint} class="hint">
                <Mark look={{ shape: "triangle", tone: "warn" }} />
                {hint}
              </p>
            ))}
            <Waterfall trace={trace} />
            <Panel title="Logs of this trace" note={String(trace.logs.length)} isFlush>
              {trace.logs.length === 0 ? (
                <p class="panel-empty muted">
                  No sidecar has told of a request with this trace id.
                </p>
              ) : (
                <LogLines logs={trace.logs} />
              )}
            </Panel>
          </div>
        )}
      </Loaded>
    </Page>
  );
}

function Facts({ trace: { traceId, summary, spans } }: { readonly trace: TraceResponse }) {
  const retries = spans.filter(
    ({ attributes }) => "http.request.resend_count" in attributes,
  ).length;
  return (
    <ul class="trace-facts">
      <li>
        <span class="muted">from</span> <b>{serviceName(summary.root.service)}</b>
      </li>
      <li>
        <span class="muted">took</span> <b class="tabular">{formatMs(summary.durationMs)}</b>
      </li>
      <li>
        <span class="muted">began</span>{" "}
        <time dateTime={summary.startTime} title={formatDate(summary.startTime)}>
          {formatPreciseTime(summary.startTime)}
        </time>
      </li>
      <li>
        {spans.length} <span class="muted">spans in</span> {summary.services.length}{" "}
        <span class="muted">services</span>
      </li>
      {retries > 0 && (
        <li>
          <Badge tone="warn">
            {retries} {retries === 1 ? "retry" : "retries"}
          </Badge>
        </li>
      )}
      <li class="trace-facts-id">
        trace id
        <CopyButton text={traceId} label="Copy the trace id" />
      </li>
    </ul>
  );
}
