/** What is wrong, first; then how much goes on, and what changed lately. */
import type {
  EventsResponse,
  OverviewResponse,
  ServicesResponse,
} from "../../../src/control-plane/telemetry-types.ts";
import type { StateLook } from "../../core/health.ts";
import { useLive } from "../../core/live.ts";
import { rangeFlags, rangeParameters } from "../../core/time-range.ts";
import { Loaded, Page, Panel, Skeleton } from "../../ui/page.tsx";
import { Mark } from "../../ui/status.tsx";
import { Honeycomb } from "./honeycomb.tsx";
import { MeshFacts } from "./mesh-facts.tsx";
import { Problems } from "./problems.tsx";
import { RecentChanges } from "./recent-changes.tsx";
import { TrafficTiles } from "./traffic-tiles.tsx";

/** Many say the same and are told as one. */
const CHANGES_MAX = 200;

/** The view. */
export function View() {
  const range = rangeParameters.value;
  const overview = useLive<OverviewResponse>("/telemetry/overview", range);
  const services = useLive<ServicesResponse>("/telemetry/services", range);
  const events = useLive<EventsResponse>("/telemetry/events", { ...range, limit: CHANGES_MAX });
  const { data } = overview;
  return (
    <Page
      title="Overview"
      heading={sentence(data?.summary ?? "Overview")}
      lead={data !== undefined && <Mark look={lookOf(data)} />}
      cli={`tulle stat${rangeFlags.value}`}
      isHero
    >
      <Loaded live={overview} lines={8}>
        {(found) => (
          <div class="overview">
            <div class="overview-main">
              {found.problems.length > 0 && <Problems problems={found.problems} />}
              <Panel title="Traffic" note="all requests between services">
                <TrafficTiles overview={found} />
              </Panel>
              <Panel title="Services">
                {services.data === undefined ? (
                  <Skeleton lines={3} />
                ) : (
                  <Honeycomb services={services.data.services} counts={found.services} />
                )}
              </Panel>
            </div>
            <div class="overview-side">
              <MeshFacts overview={found} />
              <RecentChanges live={events} />
            </div>
          </div>
        )}
      </Loaded>
    </Page>
  );
}

/** A number or a name stays as it is. */
function sentence(text: string): string {
  return text.replace(
    /^(all|no|none|nothing|there)\b/,
    (word) => word.charAt(0).toUpperCase() + word.slice(1),
  );
}

function lookOf({ services, problems }: OverviewResponse): Pick<StateLook, "shape" | "tone"> {
  if (services.failing > 0 || problems.some(({ severity }) => severity === "error")) {
    return { shape: "square", tone: "bad" };
  }
  if (services.degraded > 0 || problems.some(({ severity }) => severity === "warning")) {
    return { shape: "triangle", tone: "warn" };
  }
  return services.healthy > 0 ? { shape: "circle", tone: "ok" } : { shape: "ring", tone: "idle" };
}
