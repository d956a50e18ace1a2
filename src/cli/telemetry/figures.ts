/** Figures of traffic as cells of tables. What is not known is a dash, never a zero. */
import type {
  HealthState,
  ServiceRef,
  TrafficFigures,
} from "../../control-plane/telemetry-types.ts";
import type { Style } from "../output/style.ts";
import type { Cell } from "../output/table.ts";

/** Kiali's limits for errors of the server. */
const DEGRADED_ERROR_RATE = 0.001;
const FAILING_ERROR_RATE = 0.1;

export function rateText(perSecond: number | null): string {
  if (perSecond === null) return "-";
  if (perSecond === 0) return "0/s";
  return perSecond < 9.95 ? `${perSecond.toFixed(1)}/s` : `${Math.round(perSecond)}/s`;
}

/** `1.2ms`, `340ms`, `2.5s`. */
export function latencyText(ms: number | null): string {
  if (ms === null) return "-";
  if (ms < 9.95) return `${ms.toFixed(1)}ms`;
  return ms < 10_000 ? `${Math.round(ms)}ms` : `${(ms / 1000).toFixed(1)}s`;
}

/** A share of 1: `99.95%`. Only all is 100 %. */
export function shareText(share: number | null): string {
  if (share === null) return "-";
  if (share === 0 || share === 1) return `${share * 100}%`;
  const percent = Math.min(99.99, Math.max(0.01, share * 100));
  return `${percent.toFixed(percent > 99 || percent < 1 ? 2 : 1)}%`;
}

export function bytesText(bytes: number | null): string {
  if (bytes === null) return "-";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 9.95 && unit > 0 ? value.toFixed(1) : Math.round(value)}${units[unit]}`;
}

/** Processor time as a share of a core: `12m` as Kubernetes writes it. */
export function coresText(cores: number | null): string {
  return cores === null ? "-" : `${Math.round(cores * 1000)}m`;
}

/** Success rate, in the colour that it deserves. */
export function successCell({ errorRate }: TrafficFigures, style: Style): Cell {
  if (errorRate === null) return "-";
  const text = shareText(1 - errorRate);
  if (errorRate >= FAILING_ERROR_RATE) return { text, paint: style.red };
  return errorRate >= DEGRADED_ERROR_RATE ? { text, paint: style.yellow } : text;
}

/** With a mark beside the colour, for those who do not see it. */
export function healthCell(health: HealthState, style: Style): Cell {
  switch (health) {
    case "healthy":
      return { text: "● healthy", paint: style.green };
    case "degraded":
      return { text: "▲ degraded", paint: style.yellow };
    case "failing":
      return { text: "■ failing", paint: style.red };
    case "idle":
      return { text: "○ idle", paint: style.dim };
    case "unknown":
      return { text: "? unknown", paint: style.dim };
  }
}

/** Without the namespace where it is the same for all. */
export function serviceText({ namespace, name }: ServiceRef, hasNamespace: boolean): string {
  return hasNamespace && namespace !== "" ? `${namespace}/${name}` : name;
}

/** Whether services of several namespaces are told of. */
export function hasNamespaces(services: readonly ServiceRef[]): boolean {
  const named = services.filter(({ name }) => name !== "unknown");
  return new Set(named.map(({ namespace }) => namespace)).size > 1;
}
