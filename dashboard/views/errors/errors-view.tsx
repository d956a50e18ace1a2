/** What went wrong, counted by service, code and flag, each with its explanation; below it the requests themselves. */
import type { ErrorGroup, ErrorsResponse } from "../../../src/control-plane/telemetry-types.ts";
import { formatCount, serviceName } from "../../core/format.ts";
import { useLive } from "../../core/live.ts";
import { hrefTo, parameter, setParameters } from "../../core/location.ts";
import { rangeFlags, rangeParameters } from "../../core/time-range.ts";
import { Age } from "../../ui/age.tsx";
import { Empty, Loaded, Page, Panel, ServiceLink } from "../../ui/page.tsx";
import { Badge } from "../../ui/status.tsx";
import { type Column, Table } from "../../ui/table.tsx";
import { LogViewer } from "./log-viewer.tsx";

/** The view. */
export function View() {
  const [namespace, service] = parameter("service").split("/");
  const filter = service === undefined ? {} : { namespace, service };
  const live = useLive<ErrorsResponse>("/telemetry/errors", {
    ...rangeParameters.value,
    ...filter,
  });
  const of =
    service === undefined ? "" : ` ${serviceName({ namespace: namespace ?? "", name: service })}`;
  return (
    <Page title="Errors" cli={`tulle errors${of}${rangeFlags.value}`}>
      <div class="stack">
        <Panel title="Kinds of errors" isFlush>
          <Loaded live={live}>
            {({ groups }) =>
              groups.length === 0 ? (
                <Empty title="Nothing failed">
                  Every request in this time had an answer that is no error.
                </Empty>
              ) : (
                <Table
                  label="Kinds of errors"
                  columns={COLUMNS}
                  rows={groups}
                  keyOf={keyOf}
                  isStacked
                />
              )
            }
          </Loaded>
        </Panel>
        <LogViewer of={of} explanations={explanationsOf(live.data?.groups ?? [])} />
      </div>
    </Page>
  );
}

function keyOf({ service, source, responseCode, grpcStatus, flag }: ErrorGroup): string {
  return [serviceName(service), source && serviceName(source), responseCode, grpcStatus, flag].join(
    " ",
  );
}

function explanationsOf(groups: readonly ErrorGroup[]): ReadonlyMap<string, string> {
  return new Map(
    groups.flatMap(({ flag, explanation }) =>
      explanation === null ? [] : [[flag, explanation] as const],
    ),
  );
}

const COLUMNS: readonly Column<ErrorGroup>[] = [
  {
    key: "service",
    title: "Service",
    sortBy: ({ service }) => serviceName(service),
    cell: ({ service, source }) => (
      <span class="cell-pair">
        <ServiceLink service={service} />
        <span>{source === null ? "" : `from ${serviceName(source)}`}</span>
      </span>
    ),
  },
  {
    key: "code",
    title: "Answer",
    sortBy: ({ responseCode }) => responseCode,
    cell: ({ responseCode, grpcStatus }) => (
      <Badge tone="bad">
        {grpcStatus === null ? responseCode || "no answer" : `gRPC ${grpcStatus}`}
      </Badge>
    ),
  },
  {
    key: "flag",
    title: "Flag and what it means",
    sortBy: ({ flag }) => flag,
    cell: ({ flag, explanation }) => (
      <span class="flag-cell">
        <code>{flag}</code>
        <span class="muted">{explanation ?? "The app itself answered so."}</span>
      </span>
    ),
  },
  {
    key: "count",
    title: "Requests",
    isNumeric: true,
    sortBy: ({ count }) => count,
    cell: ({ count }) => formatCount(count),
  },
  {
    key: "seen",
    title: "First and last seen",
    sortBy: ({ lastSeen }) => lastSeen,
    cell: ({ firstSeen, lastSeen }) => (
      <span class="cell-pair">
        <Age at={lastSeen} />
        <Age at={firstSeen} prefix="since " />
      </span>
    ),
  },
  {
    key: "examples",
    title: "Examples",
    cell: (group) => <Examples group={group} />,
  },
];

function Examples({ group }: { readonly group: ErrorGroup }) {
  const { service, flag, traceIds } = group;
  const [traceId] = traceIds;
  return (
    <span class="example-links">
      <button
        type="button"
        class="link-button"
        onClick={() => {
          setParameters({
            service: `${service.namespace}/${service.name}`,
            flag: flag === "-" ? null : flag,
          });
          document.querySelector(".log-panel")?.scrollIntoView({ block: "start" });
        }}
      >
        Requests
      </button>
      {traceId !== undefined && <a href={hrefTo(`/traces/${traceId}`)}>Trace</a>}
    </span>
  );
}
