/** Traces of this time: looked for by service, operation, duration and failure. */
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import type {
  ServicesResponse,
  TraceSummary,
  TracesResponse,
} from "../../../src/control-plane/telemetry-types.ts";
import { formatMs, formatTime, serviceName, shortName } from "../../core/format.ts";
import { useLive } from "../../core/live.ts";
import { hrefTo, parameter, setParameters } from "../../core/location.ts";
import { rangeFlags, rangeParameters } from "../../core/time-range.ts";
import { SearchField, SegmentedParameter, SelectParameter } from "../../ui/controls.tsx";
import { Empty, Loaded, Page } from "../../ui/page.tsx";
import { Badge, Mark } from "../../ui/status.tsx";
import { type Column, Table } from "../../ui/table.tsx";

const LIMIT = 100;
const OUTCOMES = [
  { value: "", label: "All" },
  { value: "true", label: "Failing" },
];
const DURATIONS = [
  { value: "", label: "Any" },
  ...[50, 100, 250, 500, 1000].map((ms) => ({
    value: String(ms),
    label: `${formatMs(ms)} or more`,
  })),
];

/** The view. */
export function View() {
  const [namespace, service] = parameter("service").split("/");
  const error = parameter("error");
  const minDurationMs = parameter("minDurationMs");
  const live = useLive<TracesResponse>("/telemetry/traces", {
    ...rangeParameters.value,
    ...(service === undefined ? {} : { namespace, service }),
    ...{ error, minDurationMs, operation: parameter("operation"), limit: LIMIT },
  });
  const flags = [
    service === undefined
      ? ""
      : ` --service ${serviceName({ namespace: namespace ?? "", name: service })}`,
    error === "true" ? " --errors" : "",
    minDurationMs === "" ? "" : ` --min-duration ${minDurationMs}ms`,
    rangeFlags.value,
  ];
  return (
    <Page title="Traces" cli={`tulle trace${flags.join("")}`}>
      <Filters />
      <Loaded live={live} lines={8}>
        {({ traces }) => <TraceTable traces={traces} />}
      </Loaded>
    </Page>
  );
}

function Filters() {
  const { data } = useLive<ServicesResponse>("/telemetry/services", rangeParameters.value);
  const names = (data?.services ?? []).map(({ service }) => service);
  const choices = names.map((service) => ({
    value: `${service.namespace}/${service.name}`,
    label: serviceName(service),
  }));
  return (
    <div class="toolbar">
      <SearchField name="operation" label="Find an operation" isMain />
      <SelectParameter
        name="service"
        label="Service"
        choices={[{ value: "", label: "Any" }, ...choices]}
      />
      <SelectParameter name="minDurationMs" label="Took" choices={DURATIONS} />
      <SegmentedParameter name="error" label="Outcome" choices={OUTCOMES} />
      <OpenById />
    </div>
  );
}

/** For an id from a log or from somebody else's tool. */
function OpenById() {
  return (
    <label class="search trace-id">
      <input
        aria-label="Open a trace by its id"
        placeholder="Trace id"
        onKeyDown={({ key, currentTarget }) => {
          const id = currentTarget.value.trim().toLowerCase();
          if (key === "Enter" && /^[0-9a-f]{16,32}$/.test(id))
            location.assign(hrefTo(`/traces/${id}`));
        }}
      />
    </label>
  );
}

function TraceTable({ traces }: { readonly traces: readonly TraceSummary[] }): ComponentChildren {
  const longest = Math.max(...traces.map(({ durationMs }) => durationMs));
  const columns = useMemo(() => columnsFor(longest), [longest]);
  if (traces.length === 0) {
    const isFiltered = ["service", "error", "minDurationMs", "operation"].some(
      (name) => parameter(name) !== "",
    );
    return (
      <Empty title="No trace is like that">
        {isFiltered ? (
          <button
            type="button"
            class="link-button"
            onClick={() =>
              setParameters({ service: null, error: null, minDurationMs: null, operation: null })
            }
          >
            Remove the filters
          </button>
        ) : (
          "Sidecars keep failing and slow requests, and a share of the rest; there was none in this time."
        )}
      </Empty>
    );
  }
  return (
    <div class="panel panel-flush">
      <Table
        label="Traces"
        columns={columns}
        isStacked
        rows={traces}
        keyOf={({ traceId }) => traceId}
        order="-start"
      />
    </div>
  );
}

const FAILED = { shape: "square", tone: "bad" } as const;
const FINE = { shape: "circle", tone: "ok" } as const;

function columnsFor(longestMs: number): readonly Column<TraceSummary>[] {
  return [
    {
      key: "operation",
      title: "Operation",
      sortBy: ({ root }) => root.name,
      cell: ({ root, traceId, hasError }) => (
        <span class="cell-name-state">
          <Mark look={hasError ? FAILED : FINE} />
          <a href={hrefTo(`/traces/${traceId}`)}>{root.name}</a>
          <span>
            {serviceName(root.service)}
            {hasError && <span class="tone-bad"> · failed</span>}
          </span>
        </span>
      ),
    },
    {
      key: "duration",
      title: "Took",
      isNumeric: true,
      sortBy: ({ durationMs }) => durationMs,
      cell: ({ durationMs }) => (
        <span class="duration-cell">
          <span class="duration-bar" aria-hidden="true">
            <i style={{ width: `${Math.max(1, (100 * durationMs) / longestMs)}%` }} />
          </span>
          <span>{formatMs(durationMs)}</span>
        </span>
      ),
    },
    {
      key: "services",
      title: "Services",
      isWide: true,
      cell: ({ services }) => (
        <span class="service-badges">
          {services.map((name) => (
            <Badge key={name}>{shortName(name)}</Badge>
          ))}
        </span>
      ),
    },
    {
      key: "spans",
      title: "Spans",
      isNumeric: true,
      isWide: true,
      sortBy: ({ spans }) => spans,
      cell: ({ spans }) => spans,
    },
    {
      key: "start",
      title: "Began",
      isNumeric: true,
      sortBy: ({ startTime }) => Date.parse(startTime),
      cell: ({ startTime }) => <time dateTime={startTime}>{formatTime(startTime)}</time>,
    },
  ];
}
