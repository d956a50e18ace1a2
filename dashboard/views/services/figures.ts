/** The figures of a service, each with its unit and, where its past is known, its line: for table, cards and detail. */
import type { ServiceTraffic, Spark } from "../../../src/control-plane/telemetry-types.ts";
import { formatBytes, formatCores, formatMs, formatRate, formatShare } from "../../core/format.ts";
import { toneOfErrors } from "../../core/health.ts";
import { knownFrom } from "../../core/known-steps.ts";
import type { SparklineProps } from "../../ui/sparkline.tsx";

export interface Figure {
  readonly key: string;
  readonly title: string;
  /** In full. */
  readonly hint: string;
  value(service: ServiceTraffic): number | null;
  format(value: number | null): string;
  spark?(service: ServiceTraffic): SparklineProps;
  /** Whether the figure says by itself that something is wrong. */
  tone?(value: number | null): "warn" | "bad" | undefined;
}

/** Errors of less than this share are drawn as small as they are. */
const ERROR_SCALE_MIN = 0.02;

/** All lines of a service are of the same time. */
function drawn({ requestsPerSecond }: Spark): { readonly from: number } {
  return { from: knownFrom(requestsPerSecond) };
}

export const TRAFFIC_FIGURES: readonly Figure[] = [
  {
    key: "rps",
    title: "Requests/s",
    hint: "Requests per second to the service",
    value: ({ inbound }) => inbound.requestsPerSecond,
    format: formatRate,
    spark: ({ spark }) => ({ values: spark.requestsPerSecond, ...drawn(spark) }),
  },
  {
    key: "errors",
    title: "Errors",
    hint: "Share of requests that ended in HTTP 5xx, in a gRPC error, or without an answer",
    value: ({ inbound }) => inbound.errorRate,
    format: formatShare,
    spark: ({ spark }) => ({
      values: spark.errorRate,
      ...drawn(spark),
      tone: "bad",
      max: ERROR_SCALE_MIN,
    }),
    tone: (value) => {
      const tone = toneOfErrors(value);
      return tone === "bad" || tone === "warn" ? tone : undefined;
    },
  },
  {
    key: "mean",
    title: "Mean",
    hint: "Mean latency",
    value: ({ inbound }) => inbound.latency.mean,
    format: formatMs,
    spark: ({ spark }) => ({ values: spark.mean, ...drawn(spark), tone: "rank-1" }),
  },
  {
    key: "p50",
    title: "P50",
    hint: "Half of the requests were faster",
    value: ({ inbound }) => inbound.latency.p50,
    format: formatMs,
    spark: ({ spark }) => ({ values: spark.p50, ...drawn(spark), tone: "rank-1" }),
  },
  {
    key: "p90",
    title: "P90",
    hint: "Nine in ten requests were faster",
    value: ({ inbound }) => inbound.latency.p90,
    format: formatMs,
    spark: ({ spark }) => ({ values: spark.p90, ...drawn(spark), tone: "rank-2" }),
  },
  {
    key: "p99",
    title: "P99",
    hint: "99 in 100 requests were faster",
    value: ({ inbound }) => inbound.latency.p99,
    format: formatMs,
    spark: ({ spark }) => ({ values: spark.p99, ...drawn(spark), tone: "rank-3" }),
  },
];

export const RESOURCE_FIGURES: readonly Figure[] = [
  {
    key: "appCpu",
    title: "CPU app",
    hint: "CPU of the apps of all instances, as a share of one core",
    value: ({ resources }) => resources.appCpuCores,
    format: formatCores,
    spark: ({ spark, resourceSpark }) => ({ values: resourceSpark.appCpuCores, ...drawn(spark) }),
  },
  {
    key: "sidecarCpu",
    title: "CPU sidecar",
    hint: "CPU of the sidecars of all instances, as a share of one core",
    value: ({ resources }) => resources.sidecarCpuCores,
    format: formatCores,
    spark: ({ spark, resourceSpark }) => ({
      values: resourceSpark.sidecarCpuCores,
      ...drawn(spark),
    }),
  },
  {
    key: "appMemory",
    title: "Memory app",
    hint: "Memory of the apps of all instances",
    value: ({ resources }) => resources.appMemoryBytes,
    format: formatBytes,
    spark: ({ spark, resourceSpark }) => ({
      values: resourceSpark.appMemoryBytes,
      ...drawn(spark),
    }),
  },
  {
    key: "sidecarMemory",
    title: "Memory sidecar",
    hint: "Memory of the sidecars of all instances",
    value: ({ resources }) => resources.sidecarMemoryBytes,
    format: formatBytes,
    spark: ({ spark, resourceSpark }) => ({
      values: resourceSpark.sidecarMemoryBytes,
      ...drawn(spark),
    }),
  },
];
