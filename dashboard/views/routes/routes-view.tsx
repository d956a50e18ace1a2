/** The rules of every service in the order in which they are tried: who gets what share, wanted and seen. */
import type { RoutesResponse, RouteTraffic } from "../../../src/control-plane/telemetry-types.ts";
import { serviceName } from "../../core/format.ts";
import { useLive } from "../../core/live.ts";
import { parameter } from "../../core/location.ts";
import { rangeFlags, rangeParameters } from "../../core/time-range.ts";
import { SearchField, SegmentedParameter } from "../../ui/controls.tsx";
import { Empty, Loaded, Page, Panel, ServiceLink } from "../../ui/page.tsx";
import { RouteRule } from "./route-rule.tsx";

const SHOWN = [
  { value: "", label: "All" },
  { value: "split", label: "Divided" },
  { value: "used", label: "With traffic" },
];

/** The view. */
export function View() {
  const live = useLive<RoutesResponse>("/telemetry/routes", rangeParameters.value);
  return (
    <Page title="Routes" cli={`tulle routes${rangeFlags.value}`}>
      <Loaded live={live} lines={8}>
        {({ routes }) => <ServicesWithRoutes routes={routes} />}
      </Loaded>
    </Page>
  );
}

function ServicesWithRoutes({ routes }: { readonly routes: readonly RouteTraffic[] }) {
  if (routes.length === 0) {
    return (
      <Empty title="No route, and no request that took one">
        Write an HTTPRoute, or divide a service between its versions:{" "}
        <code>tulle split catalog v1=90 v2=10</code>
      </Empty>
    );
  }
  const groups = new Map<string, readonly RouteTraffic[]>();
  for (const route of routes.filter(isWanted)) {
    const name = serviceName(route.service);
    groups.set(name, [...(groups.get(name) ?? []), route]);
  }
  return (
    <>
      <div class="toolbar">
        <SearchField name="q" label="Find a service or path" isMain />
        <SegmentedParameter name="only" label="Rules" choices={SHOWN} />
      </div>
      {groups.size === 0 && <Empty title="No rule is like that" />}
      <div class="stack">
        {[...groups].map(([name, rules]) => (
          <ServiceRoutes key={name} rules={rules} all={routes} />
        ))}
      </div>
    </>
  );
}

function isWanted({ service, matches, backends, traffic, route }: RouteTraffic): boolean {
  const text = parameter("q").trim().toLowerCase();
  const words = `${serviceName(service)} ${route} ${matches.join(" ")}`.toLowerCase();
  if (!words.includes(text)) return false;
  switch (parameter("only")) {
    case "split":
      return backends.length > 1;
    case "used":
      return traffic.requests > 0;
    default:
      return true;
  }
}

function ServiceRoutes({
  rules,
  all,
}: {
  readonly rules: readonly RouteTraffic[];
  readonly all: readonly RouteTraffic[];
}) {
  const [first] = rules;
  if (first === undefined) return null;
  return (
    <Panel
      title={serviceName(first.service)}
      note={`${rules.length} ${rules.length === 1 ? "rule" : "rules, the first that matches holds"}`}
      isFlush
      actions={<ServiceActions service={first.service} />}
    >
      <ol class="rules">
        {rules.map((rule, index) => (
          <RouteRule key={rule.name} rule={rule} number={index + 1} all={all} />
        ))}
      </ol>
    </Panel>
  );
}

function ServiceActions({ service }: { readonly service: RouteTraffic["service"] }) {
  return (
    <span class="muted">
      to <ServiceLink service={service} />
    </span>
  );
}
