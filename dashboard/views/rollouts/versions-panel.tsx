/** Stable and canary side by side: what each is to get and gets, how it does now, and the line of its past. */
import type { ComponentChildren } from "preact";
import type { RolloutState } from "../../../src/control-plane/rollout-types.ts";
import type {
  ServiceDetailResponse,
  ServiceTraffic,
} from "../../../src/control-plane/telemetry-types.ts";
import { formatCount, formatMs, formatRate, formatShare, UNKNOWN } from "../../core/format.ts";
import { toneOfErrors } from "../../core/health.ts";
import { knownFrom } from "../../core/known-steps.ts";
import { useLive } from "../../core/live.ts";
import { rangeParameters } from "../../core/time-range.ts";
import { Panel, ServiceLink } from "../../ui/page.tsx";
import { Sparkline, type SparklineProps } from "../../ui/sparkline.tsx";
import { observedShare } from "./rollout-looks.ts";

/** Undefined while it is not known. */
export type VersionFigures = ServiceTraffic | undefined;

/** Figures of a Service in the time range. One that is not there has none. */
export function useVersion(namespace: string, name: string | undefined): VersionFigures {
  const path =
    name === undefined
      ? null
      : `/telemetry/services/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
  return useLive<ServiceDetailResponse>(path, rangeParameters.value).data?.service;
}

export function VersionsPanel({
  namespace,
  state,
  stable,
  canary,
}: {
  readonly namespace: string;
  readonly state: RolloutState;
  readonly stable: VersionFigures;
  readonly canary: VersionFigures;
}) {
  const { traffic, weights } = state;
  const isMeasured = traffic.stable.requests + traffic.canary.requests > 0;
  return (
    <Panel title="Stable and canary" isFlush>
      <table class="table versions" aria-label="Stable and canary">
        <thead>
          <tr>
            <td />
            <th scope="col">
              Stable <ServiceLink service={{ namespace, name: state.stableService }} />
            </th>
            <th scope="col">
              Canary <ServiceLink service={{ namespace, name: state.canaryService }} />
            </th>
          </tr>
        </thead>
        <tbody>
          <Row title="Weight" of={(role) => <Bar share={weights[role] / 100} kind="wanted" />} />
          <Row
            title="Observed"
            of={(role) => <Bar share={observedShare(state, role)} kind="observed" />}
          />
          <Row
            title="In this step"
            of={(role) =>
              isMeasured ? <StepCounts {...traffic[role]} /> : <span class="faint">no request</span>
            }
          />
          {FIGURES.map(({ title, show, spark, tone }) => (
            <Row
              key={title}
              title={title}
              of={(role) => {
                const figures = role === "stable" ? stable : canary;
                if (figures === undefined) return UNKNOWN;
                return (
                  <span class="version-figure">
                    <span class={tone?.(figures) ?? ""}>{show(figures)}</span>
                    <Sparkline
                      {...spark(figures)}
                      from={knownFrom(figures.spark.requestsPerSecond)}
                    />
                  </span>
                );
              }}
            />
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

interface Figure {
  readonly title: string;
  show(service: ServiceTraffic): string;
  spark(service: ServiceTraffic): SparklineProps;
  tone?(service: ServiceTraffic): string;
}

const FIGURES: readonly Figure[] = [
  {
    title: "Requests/s",
    show: ({ inbound }) => formatRate(inbound.requestsPerSecond),
    spark: ({ spark }) => ({ values: spark.requestsPerSecond }),
  },
  {
    title: "Success",
    show: ({ inbound: { errorRate } }) => formatShare(errorRate === null ? null : 1 - errorRate),
    spark: ({ spark }) => ({
      values: spark.errorRate.map((rate) => (rate === null ? null : 1 - rate)),
      max: 1,
    }),
    tone: ({ inbound: { errorRate } }) => {
      const tone = toneOfErrors(errorRate);
      return tone === "bad" || tone === "warn" ? `tone-${tone}` : "";
    },
  },
  {
    title: "P50",
    show: ({ inbound }) => formatMs(inbound.latency.p50),
    spark: ({ spark }) => ({ values: spark.p50, tone: "rank-1" }),
  },
  {
    title: "P99",
    show: ({ inbound }) => formatMs(inbound.latency.p99),
    spark: ({ spark }) => ({ values: spark.p99, tone: "rank-3" }),
  },
];

function Row({
  title,
  of,
}: {
  readonly title: string;
  readonly of: (role: "stable" | "canary") => ComponentChildren;
}) {
  return (
    <tr>
      <th scope="row">{title}</th>
      <td data-title="Stable">{of("stable")}</td>
      <td data-title="Canary">{of("canary")}</td>
    </tr>
  );
}

function Bar({
  share,
  kind,
}: {
  readonly share: number | null;
  readonly kind: "wanted" | "observed";
}) {
  return (
    <span class="version-bar">
      <span class="share-figure">{formatShare(share)}</span>
      <span class="share-track" aria-hidden="true">
        {share !== null && share > 0 && (
          <span class={`share-bar share-${kind}`} style={{ width: `${share * 100}%` }} />
        )}
      </span>
    </span>
  );
}

function StepCounts({
  requests,
  failures,
}: {
  readonly requests: number;
  readonly failures: number;
}) {
  const tone = toneOfErrors(requests === 0 ? null : failures / requests);
  return (
    <>
      {formatCount(requests)} requests,{" "}
      <span class={tone === "bad" || tone === "warn" ? `tone-${tone}` : ""}>
        {formatCount(failures)} failed
      </span>
    </>
  );
}
