/** The figures of the whole mesh, each over its last minutes. */
import type { OverviewResponse } from "../../../src/control-plane/telemetry-types.ts";
import { formatCount, formatMs, formatRate, formatShare } from "../../core/format.ts";
import { toneOfErrors } from "../../core/health.ts";
import { knownFrom } from "../../core/known-steps.ts";
import { Sparkline, type SparklineProps } from "../../ui/sparkline.tsx";

const ERROR_SCALE_MIN = 0.02;

export function TrafficTiles({ overview }: { readonly overview: OverviewResponse }) {
  const { traffic, spark } = overview;
  const { latency } = traffic;
  const from = knownFrom(spark.requestsPerSecond);
  const tone = toneOfErrors(traffic.errorRate);
  return (
    <dl class="tiles">
      <Tile
        title="Requests/s"
        value={formatRate(traffic.requestsPerSecond)}
        note={`${formatCount(traffic.requests)} in all`}
        spark={{ values: spark.requestsPerSecond, from }}
      />
      <Tile
        title="Errors"
        value={formatShare(traffic.errorRate)}
        tone={tone}
        note={`${formatCount(traffic.errors)} failed`}
        spark={{ values: spark.errorRate, from, tone: "bad", max: ERROR_SCALE_MIN }}
      />
      <Tile
        title="P50"
        value={formatMs(latency.p50)}
        spark={{ values: spark.p50, from, tone: "rank-1" }}
      />
      <Tile
        title="P90"
        value={formatMs(latency.p90)}
        spark={{ values: spark.p90, from, tone: "rank-2" }}
      />
      <Tile
        title="P99"
        value={formatMs(latency.p99)}
        spark={{ values: spark.p99, from, tone: "rank-3" }}
      />
    </dl>
  );
}

interface TileProps {
  readonly title: string;
  readonly value: string;
  readonly note?: string;
  readonly tone?: string;
  readonly spark: SparklineProps;
}

function Tile({ title, value, note, tone, spark }: TileProps) {
  const isAlarming = tone === "bad" || tone === "warn";
  return (
    <div class="tile">
      <dt>{title}</dt>
      <dd>
        <span class={`tile-value ${isAlarming ? `tone-${tone}` : ""}`}>{value}</span>
        {note !== undefined && <span class="tile-note faint">{note}</span>}
        <Sparkline {...spark} isWide />
      </dd>
    </div>
  );
}
