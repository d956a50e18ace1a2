/** The same without a drawing: services with whom they speak, and every call. */
import { useState } from "preact/hooks";
import {
  formatBytes,
  formatCount,
  formatMs,
  formatRate,
  formatShare,
  UNKNOWN,
} from "../../core/format.ts";
import { HEALTH, toneOfErrors } from "../../core/health.ts";
import { Panel } from "../../ui/page.tsx";
import { Mark } from "../../ui/status.tsx";
import { type Column, Table } from "../../ui/table.tsx";
import { pickService } from "./asked.ts";
import { isFailing, SECURITY_WORDS } from "./drawing.ts";
import { LockMark } from "./lock-mark.tsx";
import type { GraphEdge, GraphNode, Mesh } from "./mesh-graph.ts";
import type { Scene } from "./scene.ts";

/** More calls are listed when one asks for them. */
const CALLS_MAX = 300;

interface ServiceRow {
  readonly node: GraphNode;
  readonly callers: number;
  readonly callees: number;
}

export function TopologyTables({ mesh, scene }: { readonly mesh: Mesh; readonly scene: Scene }) {
  const [isAll, setIsAll] = useState(false);
  const shown = new Set(scene.graph.nodes.map(({ id }) => id));
  // Namespaces that stand for services are opened: a table has room.
  const isPart = scene.steps !== undefined || !scene.isGrouped;
  const nodes = isPart ? mesh.nodes.filter(({ id }) => shown.has(id)) : mesh.nodes;
  const own = new Set(nodes.map(({ id }) => id));
  const calls = mesh.calls.filter(({ from, to }) => own.has(from) && own.has(to));
  const names = new Map(mesh.nodes.map(({ id, label }) => [id, label]));
  return (
    <div class="topology-tables">
      <Panel title="Services" note={formatCount(nodes.length)} isFlush>
        <Table
          label="Services"
          columns={SERVICE_COLUMNS}
          rows={serviceRows(nodes, mesh.calls)}
          keyOf={({ node }) => node.id}
          order="health"
          isStacked
          rowClass={({ node }) => (node.id === scene.focus ? "is-picked" : "")}
        />
      </Panel>
      <Panel title="Calls" note={formatCount(calls.length)} isFlush>
        {calls.length > CALLS_MAX && !isAll ? (
          <p class="panel-empty">
            <button type="button" class="button" onClick={() => setIsAll(true)}>
              List all {formatCount(calls.length)} calls
            </button>{" "}
            <span class="muted">or pick a service to see its own.</span>
          </p>
        ) : (
          <Table
            label="Calls"
            columns={callColumns(names)}
            rows={calls}
            keyOf={({ id }) => id}
            order="-errors"
            parameterName="callSort"
            isStacked
          />
        )}
      </Panel>
    </div>
  );
}

function serviceRows(
  nodes: readonly GraphNode[],
  calls: readonly GraphEdge[],
): readonly ServiceRow[] {
  const [callers, callees] = [new Map<string, number>(), new Map<string, number>()];
  for (const { from, to } of calls) {
    callees.set(from, (callees.get(from) ?? 0) + 1);
    callers.set(to, (callers.get(to) ?? 0) + 1);
  }
  return nodes.map((node) => ({
    node,
    callers: callers.get(node.id) ?? 0,
    callees: callees.get(node.id) ?? 0,
  }));
}

const SERVICE_COLUMNS: readonly Column<ServiceRow>[] = [
  {
    key: "health",
    title: "Service",
    sortBy: ({ node }) => `${HEALTH[node.health].rank} ${node.label}`,
    cell: ({ node }) => (
      <span class="cell-name-state" title={node.healthReason ?? undefined}>
        <Mark look={HEALTH[node.health]} />
        <button type="button" class="link-button" onClick={() => pickService(node.id)}>
          {node.label}
        </button>
        <span>{HEALTH[node.health].word}</span>
      </span>
    ),
  },
  {
    key: "rps",
    title: "Requests/s",
    isNumeric: true,
    sortBy: ({ node }) => node.requestsPerSecond,
    cell: ({ node }) => formatRate(node.requestsPerSecond),
  },
  {
    key: "errors",
    title: "Errors",
    isNumeric: true,
    sortBy: ({ node }) => node.errorRate,
    cell: ({ node }) => <ErrorShare rate={node.errorRate} />,
  },
  {
    key: "callers",
    title: "Called by",
    isNumeric: true,
    sortBy: ({ callers }) => callers,
    cell: ({ callers }) => formatCount(callers),
  },
  {
    key: "callees",
    title: "Calls",
    isNumeric: true,
    sortBy: ({ callees }) => callees,
    cell: ({ callees }) => formatCount(callees),
  },
  {
    key: "split",
    title: "Split",
    hint: "What a route that divides requests sends to it: wanted and observed",
    sortBy: ({ node }) => node.split?.configured ?? null,
    cell: ({ node: { split } }) =>
      split === null
        ? UNKNOWN
        : `${formatShare(split.configured)} wanted, ${formatShare(split.observed)} observed`,
  },
];

function ErrorShare({ rate }: { readonly rate: number | null }) {
  return (
    <span class={isFailing(rate) ? `tone-${toneOfErrors(rate)}` : ""}>{formatShare(rate)}</span>
  );
}

function callColumns(names: ReadonlyMap<string, string>): readonly Column<GraphEdge>[] {
  const end = (key: "from" | "to", title: string): Column<GraphEdge> => ({
    key,
    title,
    sortBy: (call) => names.get(call[key]) ?? call[key],
    cell: (call) => (
      <button type="button" class="link-button" onClick={() => pickService(call[key])}>
        {names.get(call[key]) ?? call[key]}
      </button>
    ),
  });
  return [end("from", "Caller"), end("to", "Called"), ...CALL_FIGURES];
}

const CALL_FIGURES: readonly Column<GraphEdge>[] = [
  {
    key: "security",
    title: "Secured",
    sortBy: ({ security }) => SECURITY_WORDS[security],
    cell: ({ security }) => (
      <span class="status">
        <LockMark security={security} />
        <span>{security === "unknown" ? "unknown" : SECURITY_WORDS[security]}</span>
      </span>
    ),
  },
  {
    key: "protocol",
    title: "Protocol",
    sortBy: ({ protocols }) => protocols,
    cell: ({ protocols }) => protocols,
  },
  {
    key: "rps",
    title: "Requests/s",
    isNumeric: true,
    sortBy: ({ requestsPerSecond }) => requestsPerSecond,
    cell: ({ requests, requestsPerSecond, bytesPerSecond }) =>
      requests === 0 && bytesPerSecond > 0
        ? `${formatBytes(bytesPerSecond)}/s`
        : formatRate(requestsPerSecond),
  },
  {
    key: "errors",
    title: "Errors",
    isNumeric: true,
    sortBy: ({ errorRate }) => errorRate,
    cell: ({ errorRate }) => <ErrorShare rate={errorRate} />,
  },
  {
    key: "p99",
    title: "P99",
    isNumeric: true,
    sortBy: ({ p99 }) => p99,
    cell: ({ p99 }) => formatMs(p99),
  },
];
