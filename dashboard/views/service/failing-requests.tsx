/** The newest failing requests of the service, of one route when one is picked, each with its trace. */
import type { AccessLogView, LogsResponse } from "../../../src/control-plane/telemetry-types.ts";
import { formatMs, formatTime } from "../../core/format.ts";
import { useLive } from "../../core/live.ts";
import { hrefTo, parameter } from "../../core/location.ts";
import { oncePerRequest } from "../../core/logs.ts";
import { rangeParameters } from "../../core/time-range.ts";
import { Loaded, Panel } from "../../ui/page.tsx";
import { Badge } from "../../ui/status.tsx";
import { type Column, Table } from "../../ui/table.tsx";

const ASKED = 100;
const SHOWN = 8;

export function FailingRequests({
  namespace,
  name,
}: {
  readonly namespace: string;
  readonly name: string;
}) {
  const route = parameter("route");
  const query = { ...rangeParameters.value, namespace, service: name, status: "5xx", limit: ASKED };
  const live = useLive<LogsResponse>("/telemetry/logs", query);
  return (
    <Panel
      title="Failing requests"
      note={route === "" ? "the newest" : `of ${route}`}
      isFlush
      actions={<a href={hrefTo("/errors", { service: `${namespace}/${name}` })}>All errors</a>}
    >
      <Loaded live={live}>
        {({ logs }) => (
          <Requests
            logs={oncePerRequest(logs).filter((log) => route === "" || log.route === route)}
          />
        )}
      </Loaded>
    </Panel>
  );
}

function Requests({ logs }: { readonly logs: readonly AccessLogView[] }) {
  if (logs.length === 0) return <p class="panel-empty muted">None failed in this time.</p>;
  return (
    <Table
      label="Failing requests"
      columns={COLUMNS}
      rows={logs.slice(0, SHOWN)}
      keyOf={({ time, requestId, reporter }) => `${time} ${requestId} ${reporter}`}
      parameterName="failingSort"
    />
  );
}

const COLUMNS: readonly Column<AccessLogView>[] = [
  {
    key: "time",
    title: "Time",
    cell: ({ time }) => <time dateTime={time}>{formatTime(time)}</time>,
  },
  {
    key: "request",
    title: "Request",
    cell: ({ method, path }) => (
      <span class="mono cell-cut">
        {method} {path}
      </span>
    ),
  },
  {
    key: "answer",
    title: "Answer",
    cell: ({ responseCode, grpcStatus, flags, details }) => (
      <span class="answer-cell">
        <Badge tone="bad">
          {grpcStatus === null ? responseCode || "no answer" : `gRPC ${grpcStatus}`}
        </Badge>{" "}
        <abbr class="mono" title={details ?? undefined}>
          {flags === "-" ? "" : flags}
        </abbr>
      </span>
    ),
  },
  {
    key: "duration",
    title: "Took",
    isNumeric: true,
    cell: ({ durationMs }) => formatMs(durationMs),
  },
  {
    key: "trace",
    title: "Trace",
    cell: ({ traceId }) =>
      traceId === null ? (
        <span class="faint">none</span>
      ) : (
        <a href={hrefTo(`/traces/${traceId}`)} aria-label={`Open the trace ${traceId}`}>
          Open
        </a>
      ),
  },
];
