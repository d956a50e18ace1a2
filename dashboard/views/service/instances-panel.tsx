/** What the service is made of: its instances with what they take, and its versions with their share. */
import type {
  InstanceTraffic,
  ServiceDetailResponse,
} from "../../../src/control-plane/telemetry-types.ts";
import {
  formatBytes,
  formatCores,
  formatDuration,
  formatMs,
  formatRate,
  formatShare,
} from "../../core/format.ts";
import type { StateLook } from "../../core/health.ts";
import { Panel } from "../../ui/page.tsx";
import { Badge, Mark } from "../../ui/status.tsx";
import { type Column, Table } from "../../ui/table.tsx";

export function InstancesPanel({ instances }: { readonly instances: readonly InstanceTraffic[] }) {
  return (
    <Panel title="Instances" note={String(instances.length)} isFlush>
      {instances.length === 0 ? (
        <p class="panel-empty muted">None is registered.</p>
      ) : (
        <Table
          label="Instances"
          columns={INSTANCE_COLUMNS}
          rows={instances}
          keyOf={({ name }) => name}
          order="name"
          parameterName="instanceSort"
          isStacked
        />
      )}
    </Panel>
  );
}

const INSTANCE_COLUMNS: readonly Column<InstanceTraffic>[] = [
  {
    key: "name",
    title: "Instance",
    sortBy: ({ name }) => name,
    cell: ({ name, health, isEjected }) => (
      <span class="cell-name-state">
        <Mark look={lookOf(health, isEjected)} />
        <span>{name}</span>
        <span>
          {health}
          {isEjected && ", put out"}
        </span>
      </span>
    ),
  },
  {
    key: "version",
    title: "Version",
    sortBy: ({ version }) => version,
    cell: ({ version }) => version,
  },
  { key: "zone", title: "Zone", sortBy: ({ zone }) => zone, cell: ({ zone }) => zone || "–" },
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
    cell: ({ traffic }) => formatShare(traffic.errorRate),
  },
  {
    key: "p50",
    title: "P50",
    isNumeric: true,
    sortBy: ({ traffic }) => traffic.latency.p50,
    cell: ({ traffic }) => formatMs(traffic.latency.p50),
  },
  {
    key: "p99",
    title: "P99",
    isNumeric: true,
    sortBy: ({ traffic }) => traffic.latency.p99,
    cell: ({ traffic }) => formatMs(traffic.latency.p99),
  },
  resource("CPU app", ({ appCpuCores }) => appCpuCores, formatCores),
  resource("CPU sidecar", ({ sidecarCpuCores }) => sidecarCpuCores, formatCores),
  resource("Memory app", ({ appMemoryBytes }) => appMemoryBytes, formatBytes),
  resource("Memory sidecar", ({ sidecarMemoryBytes }) => sidecarMemoryBytes, formatBytes),
  {
    key: "uptime",
    title: "Runs since",
    isNumeric: true,
    isWide: true,
    sortBy: ({ uptimeSeconds }) => uptimeSeconds,
    cell: ({ uptimeSeconds }) => formatDuration(uptimeSeconds),
  },
];

function resource(
  title: string,
  figureOf: (resources: InstanceTraffic["resources"]) => number | null,
  format: (value: number | null) => string,
): Column<InstanceTraffic> {
  return {
    key: title.replace(" ", ""),
    title,
    isNumeric: true,
    sortBy: ({ resources }) => figureOf(resources),
    cell: ({ resources }) => format(figureOf(resources)),
  };
}

function lookOf(health: string, isEjected: boolean): Pick<StateLook, "shape" | "tone"> {
  if (health === "unhealthy") return { shape: "square", tone: "bad" };
  if (isEjected) return { shape: "triangle", tone: "warn" };
  return health === "healthy" ? { shape: "circle", tone: "ok" } : { shape: "ring", tone: "idle" };
}

type Version = ServiceDetailResponse["versions"][number];

export function VersionsPanel({ versions }: { readonly versions: readonly Version[] }) {
  return (
    <Panel title="Versions" isFlush>
      <Table
        label="Versions"
        columns={VERSION_COLUMNS}
        rows={versions}
        keyOf={({ version }) => version}
        parameterName="versionSort"
      />
    </Panel>
  );
}

const VERSION_COLUMNS: readonly Column<Version>[] = [
  { key: "version", title: "Version", cell: ({ version }) => <Badge tone="info">{version}</Badge> },
  {
    key: "share",
    title: "Share",
    isNumeric: true,
    sortBy: ({ share }) => share,
    cell: ({ share }) => formatShare(share),
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
    cell: ({ traffic }) => formatShare(traffic.errorRate),
  },
  {
    key: "p99",
    title: "P99",
    isNumeric: true,
    sortBy: ({ traffic }) => traffic.latency.p99,
    cell: ({ traffic }) => formatMs(traffic.latency.p99),
  },
];
