/** All services with every figure, as a table or as cards. */
import { signal } from "@preact/signals";
import type {
  HealthState,
  ServicesResponse,
  ServiceTraffic,
} from "../../../src/control-plane/telemetry-types.ts";
import { formatCount, serviceName } from "../../core/format.ts";
import { HEALTH, HEALTH_STATES } from "../../core/health.ts";
import { useLive } from "../../core/live.ts";
import { parameter, setParameters } from "../../core/location.ts";
import { rangeFlags, rangeParameters } from "../../core/time-range.ts";
import { SearchField, SegmentedParameter } from "../../ui/controls.tsx";
import { Empty, Loaded, Page, ServiceLink } from "../../ui/page.tsx";
import { Sparkline } from "../../ui/sparkline.tsx";
import { Mark } from "../../ui/status.tsx";
import { type Column, Table } from "../../ui/table.tsx";
import { type Figure, RESOURCE_FIGURES, TRAFFIC_FIGURES } from "./figures.ts";
import { ServiceCard } from "./service-card.tsx";

const SHOWN = [
  { value: "table", label: "Table" },
  { value: "cards", label: "Cards" },
];

/** Where the table does not fit. One of the two is made, not both: of hundreds of services each takes its time. */
const small = matchMedia("(max-width: 760px)");
const isSmall = signal(small.matches);
small.addEventListener("change", () => {
  isSmall.value = small.matches;
});

/** The view. */
export function View() {
  const live = useLive<ServicesResponse>("/telemetry/services", rangeParameters.value);
  return (
    <Page title="Services" cli={`tulle stat${rangeFlags.value}`}>
      <Loaded live={live} lines={8}>
        {({ services }) => <ServiceList services={services} />}
      </Loaded>
    </Page>
  );
}

function ServiceList({ services }: { readonly services: readonly ServiceTraffic[] }) {
  if (services.length === 0) {
    return (
      <Empty title="There are no services yet">
        Apply a Service, or start one: <code>tulle run --service NAME -- COMMAND</code>
      </Empty>
    );
  }
  const shown = services.filter(isWanted);
  return (
    <>
      <div class="toolbar">
        <SearchField name="q" label="Find a service" isMain />
        <HealthFilter services={services} />
        <div class="toolbar-end services-shape">
          <SegmentedParameter name="show" label="Shown as" choices={SHOWN} />
        </div>
      </div>
      {shown.length === 0 && <Empty title="No service is like that" />}
      {shown.length > 0 &&
        (parameter("show") === "cards" || isSmall.value ? (
          <Cards services={shown} />
        ) : (
          <ServiceTable services={shown} />
        ))}
    </>
  );
}

function isWanted({ service, health }: ServiceTraffic): boolean {
  const wanted = parameter("health");
  if (wanted !== "" && health !== wanted) return false;
  return serviceName(service).includes(parameter("q").trim().toLowerCase());
}

function HealthFilter({ services }: { readonly services: readonly ServiceTraffic[] }) {
  const wanted = parameter("health");
  const counts = new Map<HealthState, number>();
  for (const { health } of services) counts.set(health, (counts.get(health) ?? 0) + 1);
  return (
    <fieldset class="filter-chips">
      <legend class="visually-hidden">Health</legend>
      {HEALTH_STATES.filter((state) => counts.has(state)).map((state) => (
        <button
          key={state}
          type="button"
          class="chip"
          aria-pressed={wanted === state}
          onClick={() => setParameters({ health: wanted === state ? null : state })}
        >
          <Mark look={HEALTH[state]} />
          {HEALTH[state].word} <span class="faint">{counts.get(state)}</span>
        </button>
      ))}
    </fieldset>
  );
}

/** The worst first, and in the order of names. */
function byHealth({ health, service }: ServiceTraffic): string {
  return `${HEALTH[health].rank} ${serviceName(service)}`;
}

const COLUMNS: readonly Column<ServiceTraffic>[] = [
  {
    key: "name",
    title: "Service",
    sortBy: ({ service }) => serviceName(service),
    cell: ({ service, health, healthReason }) => (
      <span class="cell-name-state" title={healthReason ?? undefined}>
        <Mark look={HEALTH[health]} />
        <ServiceLink service={service} />
        <span>{HEALTH[health].word}</span>
      </span>
    ),
  },
  ...TRAFFIC_FIGURES.map(columnOf),
  pairOf("cpu", "CPU", RESOURCE_FIGURES.slice(0, 2)),
  pairOf("memory", "Memory", RESOURCE_FIGURES.slice(2)),
  {
    key: "instances",
    title: "Instances",
    hint: "Healthy of all",
    isNumeric: true,
    sortBy: ({ instances }) => instances.total,
    cell: ({ instances }) => <Instances {...instances} />,
  },
];

/** What the app takes, and below it what its sidecar takes. */
function pairOf(key: string, title: string, figures: readonly Figure[]): Column<ServiceTraffic> {
  return {
    key,
    title,
    hint: "Of the apps of all instances, and below it of their sidecars",
    isNumeric: true,
    sortBy: (service) => figures[0]?.value(service) ?? null,
    cell: (service) => (
      <span class="cell-pair">
        {figures.map((figure) => (
          <span key={figure.key} class="figure-cell" title={figure.hint}>
            {figure.spark !== undefined && <Sparkline {...figure.spark(service)} />}
            <span>{figure.format(figure.value(service))}</span>
          </span>
        ))}
      </span>
    ),
  };
}

function columnOf(figure: Figure): Column<ServiceTraffic> {
  return {
    key: figure.key,
    title: figure.title,
    hint: figure.hint,
    isNumeric: true,
    sortBy: (service) => figure.value(service),
    cell: (service) => <FigureCell figure={figure} service={service} />,
  };
}

function FigureCell({
  figure,
  service,
}: {
  readonly figure: Figure;
  readonly service: ServiceTraffic;
}) {
  const value = figure.value(service);
  const tone = figure.tone?.(value);
  const spark = figure.spark?.(service);
  return (
    <span class={`figure-cell ${tone === undefined ? "" : `tone-${tone}`}`}>
      {spark !== undefined && <Sparkline {...spark} />}
      <span>{figure.format(value)}</span>
    </span>
  );
}

/** `2/3`, and how many were put out. */
function Instances({ total, healthy, ejected }: ServiceTraffic["instances"]) {
  return (
    <span class={`cell-pair ${healthy === total ? "" : "tone-warn"}`}>
      <span>
        {formatCount(healthy)}/{formatCount(total)}
      </span>
      {ejected > 0 && <span title="put out by outlier detection">{ejected} out</span>}
    </span>
  );
}

function ServiceTable({ services }: { readonly services: readonly ServiceTraffic[] }) {
  return (
    <div class="panel panel-flush services-table">
      <Table
        label="Services"
        columns={COLUMNS}
        rows={services.toSorted((a, b) => byHealth(a).localeCompare(byHealth(b)))}
        keyOf={({ service }) => `${service.namespace}/${service.name}`}
      />
    </div>
  );
}

function Cards({ services }: { readonly services: readonly ServiceTraffic[] }) {
  const sorted = services.toSorted((a, b) => HEALTH[a.health].rank - HEALTH[b.health].rank);
  return (
    <ul class="service-cards" aria-label="Services">
      {sorted.map((service) => (
        <li key={`${service.service.namespace}/${service.service.name}`}>
          <ServiceCard service={service} />
        </li>
      ))}
    </ul>
  );
}
