/** Sidecars and gateways: whether each runs what it should, what it takes, and what it refuses. */
import { useMemo } from "preact/hooks";
import type { VersionResponse } from "../../../src/control-plane/api-types.ts";
import type {
  ProxiesTelemetryResponse,
  ProxyFigures,
} from "../../../src/control-plane/telemetry-types.ts";
import { formatBytes, formatCores, formatDuration, formatMs, UNKNOWN } from "../../core/format.ts";
import { useLive } from "../../core/live.ts";
import { parameter, setParameters } from "../../core/location.ts";
import { rangeParameters } from "../../core/time-range.ts";
import { Age } from "../../ui/age.tsx";
import { SearchField } from "../../ui/controls.tsx";
import { Empty, Loaded, Page, ServiceLink } from "../../ui/page.tsx";
import { Badge, Mark } from "../../ui/status.tsx";
import { type Column, Table } from "../../ui/table.tsx";
import { PickedProxy } from "./picked-proxy.tsx";
import { hasSkew, SYNC, SYNC_STATES, syncOf } from "./sync.ts";

/** Above this the event loop is late enough for requests to feel it. */
const LAG_WARNING_MS = 50;

/** A proxy, and the version that it should have; empty when that is not known. */
interface ProxyRow {
  readonly proxy: ProxyFigures;
  readonly expectedVersion: string;
}

/** The view. */
export function View() {
  const live = useLive<ProxiesTelemetryResponse>("/telemetry/proxies", rangeParameters.value);
  const version = useLive<VersionResponse>("/version").data?.version ?? "";
  return (
    <Page title="Proxies" cli="tulle status">
      <Loaded live={live} lines={8}>
        {({ proxies }) =>
          proxies.length === 0 ? <NoProxies /> : <ProxyList proxies={proxies} version={version} />
        }
      </Loaded>
    </Page>
  );
}

function NoProxies() {
  return (
    <Empty title="No proxy is connected yet">
      Start an app with one beside it: <code>tulle run --service NAME -- COMMAND</code>
    </Empty>
  );
}

function ProxyList({
  proxies,
  version,
}: {
  readonly proxies: readonly ProxyFigures[];
  readonly version: string;
}) {
  const [text, wanted] = [parameter("q").trim().toLowerCase(), parameter("sync")];
  const shown = proxies.filter(
    (proxy) => proxy.name.includes(text) && (wanted === "" || syncOf(proxy) === wanted),
  );
  const rows = useMemo(
    () => shown.map((proxy): ProxyRow => ({ proxy, expectedVersion: version })),
    [proxies, version, text, wanted],
  );
  const picked = proxies.find(({ name }) => name === parameter("proxy"));
  return (
    <>
      <div class="toolbar">
        <SearchField name="q" label="Find a proxy" isMain />
        <SyncFilter proxies={proxies} />
      </div>
      {picked !== undefined && <PickedProxy proxy={picked} version={version} />}
      {shown.length === 0 ? (
        <Empty title="No proxy is like that" />
      ) : (
        <div class="panel panel-flush">
          <Table
            label="Proxies"
            columns={COLUMNS}
            rows={rows}
            keyOf={({ proxy: { service, name } }) => `${service.namespace}/${name}`}
            order="name"
            isStacked
            rowClass={({ proxy: { name } }) => (name === picked?.name ? "is-picked" : "")}
          />
        </div>
      )}
    </>
  );
}

function SyncFilter({ proxies }: { readonly proxies: readonly ProxyFigures[] }) {
  const wanted = parameter("sync");
  return (
    <fieldset class="filter-chips">
      <legend class="visually-hidden">Configuration</legend>
      {SYNC_STATES.map((state) => {
        const count = proxies.filter((proxy) => syncOf(proxy) === state).length;
        if (count === 0) return null;
        return (
          <button
            key={state}
            type="button"
            class="chip"
            aria-pressed={wanted === state}
            onClick={() => setParameters({ sync: wanted === state ? null : state })}
          >
            <Mark look={SYNC[state]} />
            {SYNC[state].word} <span class="faint">{count}</span>
          </button>
        );
      })}
    </fieldset>
  );
}

const COLUMNS: readonly Column<ProxyRow>[] = [
  {
    key: "name",
    title: "Proxy",
    // Those that need somebody come first.
    sortBy: ({ proxy }) => `${SYNC[syncOf(proxy)].rank} ${proxy.name}`,
    cell: ({ proxy }) => <NameCell proxy={proxy} />,
  },
  {
    key: "service",
    title: "Service",
    sortBy: ({ proxy }) => proxy.service.name,
    cell: ({ proxy }) => <ServiceLink service={proxy.service} />,
  },
  {
    key: "revision",
    title: "Revision",
    hint: "Of the configuration that it runs",
    isNumeric: true,
    sortBy: ({ proxy }) => proxy.revision,
    cell: ({ proxy }) => proxy.revision ?? UNKNOWN,
  },
  {
    key: "stale",
    title: "Behind for",
    hint: "How long it has not run what was sent to it",
    isNumeric: true,
    sortBy: ({ proxy }) => proxy.staleSeconds,
    cell: ({ proxy }) => formatDuration(proxy.staleSeconds),
  },
  {
    key: "version",
    title: "Version",
    sortBy: ({ proxy }) => proxy.version,
    cell: ({ proxy: { version }, expectedVersion }) => (
      <span class="proxy-version">
        {version === "" ? UNKNOWN : version}
        {hasSkew(version, expectedVersion) && (
          <Badge tone="warn" title={`The control plane is ${expectedVersion}`}>
            skew
          </Badge>
        )}
      </span>
    ),
  },
  {
    key: "cpu",
    title: "CPU",
    isNumeric: true,
    sortBy: ({ proxy }) => proxy.cpuCores,
    cell: ({ proxy }) => formatCores(proxy.cpuCores),
  },
  {
    key: "memory",
    title: "Memory",
    isNumeric: true,
    sortBy: ({ proxy }) => proxy.memoryBytes,
    cell: ({ proxy }) => formatBytes(proxy.memoryBytes),
  },
  {
    key: "lag",
    title: "Loop lag",
    hint: "How late the event loop is",
    isNumeric: true,
    sortBy: ({ proxy }) => proxy.eventLoopLagMs,
    cell: ({ proxy: { eventLoopLagMs } }) => (
      <span class={(eventLoopLagMs ?? 0) >= LAG_WARNING_MS ? "tone-warn" : ""}>
        {formatMs(eventLoopLagMs)}
      </span>
    ),
  },
  {
    key: "heard",
    title: "Last telemetry",
    isNumeric: true,
    sortBy: ({ proxy }) => proxy.lastTelemetry,
    cell: ({ proxy: { lastTelemetry } }) =>
      lastTelemetry === null ? UNKNOWN : <Age at={lastTelemetry} />,
  },
];

function NameCell({ proxy }: { readonly proxy: ProxyFigures }) {
  const look = SYNC[syncOf(proxy)];
  const isPicked = parameter("proxy") === proxy.name;
  return (
    <span class="cell-name-state">
      <Mark look={look} />
      <button
        type="button"
        class="link-button proxy-name"
        aria-pressed={isPicked}
        onClick={() => setParameters({ proxy: isPicked ? null : proxy.name })}
      >
        {proxy.name}
      </button>
      <span>{look.word}</span>
    </span>
  );
}
