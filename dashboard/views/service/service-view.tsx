/** One service: how it does and did, what of it fails, who it is made of, and whom it talks to. */
import type {
  RoutesResponse,
  SeriesResponse,
  ServiceDetailResponse,
} from "../../../src/control-plane/telemetry-types.ts";
import { serviceName } from "../../core/format.ts";
import { useLive } from "../../core/live.ts";
import { rangeFlags, rangeParameters } from "../../core/time-range.ts";
import { Loaded, Page } from "../../ui/page.tsx";
import { Health } from "../../ui/status.tsx";
import type { ViewProps } from "../view-props.ts";
import { EdgesPanel } from "./edges-panel.tsx";
import { FailingRequests } from "./failing-requests.tsx";
import { InstancesPanel, VersionsPanel } from "./instances-panel.tsx";
import { RoutesPanel } from "./routes-panel.tsx";
import { SeriesPanels } from "./series-panels.tsx";
import { ServiceFigures } from "./service-figures.tsx";

/** The view. */
export function View({ parameters }: ViewProps) {
  const { namespace = "", name = "" } = parameters;
  const range = rangeParameters.value;
  const query = { ...range, namespace, service: name };
  const path = `/telemetry/services/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
  const detail = useLive<ServiceDetailResponse>(path, range);
  const series = useLive<SeriesResponse>("/telemetry/series", query);
  const routes = useLive<RoutesResponse>("/telemetry/routes", query);
  const service = detail.data?.service;
  return (
    <Page
      title={name}
      parent={{ title: "Services", path: "/services" }}
      lead={service !== undefined && <Health state={service.health} />}
      cli={`tulle stat ${serviceName({ namespace, name })}${rangeFlags.value}`}
    >
      <Loaded live={detail} lines={8}>
        {(found) => (
          <div class="stack">
            {found.service.healthReason !== null && (
              <p class="health-reason">{found.service.healthReason}</p>
            )}
            <ServiceFigures service={found.service} />
            <SeriesPanels live={series} service={name} />
            <div class="halves">
              <RoutesPanel live={routes} />
              <FailingRequests namespace={namespace} name={name} />
            </div>
            <InstancesPanel instances={found.instances} />
            <div class="halves">
              <EdgesPanel title="Called by" edges={found.callers} side="source" />
              <EdgesPanel title="Calls" edges={found.callees} side="destination" />
            </div>
            {found.versions.length > 1 && <VersionsPanel versions={found.versions} />}
          </div>
        )}
      </Loaded>
    </Page>
  );
}
