/** The routes of the service in the order in which they are tried, the failing ones marked; one can be picked. */
import type { RoutesResponse, RouteTraffic } from "../../../src/control-plane/telemetry-types.ts";
import { formatMs, formatRate, formatShare } from "../../core/format.ts";
import { type StateLook, toneOfErrors } from "../../core/health.ts";
import type { Live } from "../../core/live.ts";
import { parameter, setParameters } from "../../core/location.ts";
import { Loaded, Panel } from "../../ui/page.tsx";
import { Mark } from "../../ui/status.tsx";
import { type Column, Table } from "../../ui/table.tsx";

export function RoutesPanel({ live }: { readonly live: Live<RoutesResponse> }) {
  return (
    <Panel title="Routes" note="in the order in which they are tried" isFlush>
      <Loaded live={live}>
        {({ routes }) =>
          routes.length === 0 ? (
            <p class="panel-empty muted">No request in this time, so no route was taken.</p>
          ) : (
            <Table
              label="Routes"
              columns={COLUMNS}
              rows={routes}
              keyOf={({ route, name, matches }) => `${route} ${name} ${matches.join()}`}
              parameterName="routeSort"
              rowClass={({ name }) => (name === parameter("route") ? "is-picked" : "")}
            />
          )
        }
      </Loaded>
    </Panel>
  );
}

const COLUMNS: readonly Column<RouteTraffic>[] = [
  {
    key: "route",
    title: "Route",
    cell: (route) => <RouteCell route={route} />,
  },
  {
    key: "rps",
    title: "Requests/s",
    isNumeric: true,
    sortBy: ({ traffic }) => traffic.requestsPerSecond,
    cell: ({ traffic }) => formatRate(traffic.requestsPerSecond),
  },
  {
    key: "errors",
    title: "Errors",
    isNumeric: true,
    sortBy: ({ traffic }) => traffic.errorRate,
    cell: ({ traffic }) => {
      const tone = toneOfErrors(traffic.errorRate);
      return (
        <span class={tone === "bad" || tone === "warn" ? `tone-${tone}` : ""}>
          {formatShare(traffic.errorRate)}
        </span>
      );
    },
  },
  {
    key: "p99",
    title: "P99",
    isNumeric: true,
    sortBy: ({ traffic }) => traffic.latency.p99,
    cell: ({ traffic }) => formatMs(traffic.latency.p99),
  },
];

/** A click shows the route's failing requests beside it. */
function RouteCell({ route: { name, route, matches, traffic } }: { readonly route: RouteTraffic }) {
  const isPicked = parameter("route") === name;
  return (
    <span class="route-cell">
      <Mark look={lookOf(traffic.errorRate)} />
      <button
        type="button"
        class="link-button mono"
        aria-pressed={isPicked}
        onClick={() => setParameters({ route: isPicked ? null : name })}
      >
        {matches.join(" or ") || name}
      </button>
      <span class="faint">{route}</span>
    </span>
  );
}

function lookOf(errorRate: number | null): Pick<StateLook, "shape" | "tone"> {
  const tone = toneOfErrors(errorRate);
  if (tone === "bad") return { shape: "square", tone };
  if (tone === "warn") return { shape: "triangle", tone };
  return { shape: tone === "ok" ? "circle" : "ring", tone };
}
