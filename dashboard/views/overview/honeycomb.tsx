/** The mesh as what tulle is: a net of hexagons, one for each service, the worst first. */
import type {
  HealthState,
  OverviewResponse,
  ServiceTraffic,
} from "../../../src/control-plane/telemetry-types.ts";
import { formatRate, formatShare, serviceName } from "../../core/format.ts";
import { HEALTH, HEALTH_STATES } from "../../core/health.ts";
import { hrefTo } from "../../core/location.ts";
import { memo } from "../../ui/memo.ts";
import { Empty } from "../../ui/page.tsx";
import { Mark } from "../../ui/status.tsx";

/** With more services, names would not be read: they are told when one points at a cell. */
const NAMED_MAX = 36;

export const Honeycomb = memo(function Honeycomb({
  services,
  counts,
}: {
  readonly services: readonly ServiceTraffic[];
  readonly counts: OverviewResponse["services"];
}) {
  if (services.length === 0) {
    return (
      <Empty title="There are no services yet">
        Apply a Service, or start one: <code>tulle run --service NAME -- COMMAND</code>
      </Empty>
    );
  }
  const sorted = services.toSorted((a, b) => HEALTH[a.health].rank - HEALTH[b.health].rank);
  return (
    <>
      <ul class="health-counts">
        <li>
          <a href={hrefTo("/services")}>
            <b>{counts.total}</b> in all
          </a>
        </li>
        {HEALTH_STATES.map((state) => (
          <HealthCount key={state} state={state} count={countOf(counts, state)} />
        ))}
      </ul>
      <div class="honeycomb-frame">
        <ul class={`honeycomb ${services.length > NAMED_MAX ? "is-dense" : ""}`}>
          {sorted.map((service) => (
            <Cell key={`${service.service.namespace}/${service.service.name}`} service={service} />
          ))}
        </ul>
      </div>
    </>
  );
});

function countOf(counts: OverviewResponse["services"], state: HealthState): number {
  if (state !== "unknown") return counts[state];
  const { total, healthy, degraded, failing, idle } = counts;
  return total - healthy - degraded - failing - idle;
}

function HealthCount({ state, count }: { readonly state: HealthState; readonly count: number }) {
  if (count === 0) return null;
  const look = HEALTH[state];
  return (
    <li>
      <a href={hrefTo("/services", { health: state })}>
        <Mark look={look} />
        <b>{count}</b> {look.word.toLowerCase()}
      </a>
    </li>
  );
}

function Cell({ service: traffic }: { readonly service: ServiceTraffic }) {
  const { service, health, inbound } = traffic;
  const name = serviceName(service);
  const look = HEALTH[health];
  const rate = `${formatRate(inbound.requestsPerSecond)} requests/s, ${formatShare(inbound.errorRate)} errors`;
  return (
    <li>
      <a
        class={`cell cell-${look.tone}`}
        href={hrefTo(`/services/${service.namespace}/${service.name}`)}
        title={`${name}: ${look.word.toLowerCase()}, ${rate}`}
      >
        <span class="cell-hex">
          <svg viewBox="0 0 44 50.8" aria-hidden="true">
            <path d="M22 2.3 42 13.85v23.1L22 48.5 2 36.95v-23.1z" />
          </svg>
          <Mark look={look} />
        </span>
        <span class="cell-name">{name}</span>
        <span class="visually-hidden">{look.word}</span>
      </a>
    </li>
  );
}
