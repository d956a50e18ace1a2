/** Who calls the service, or whom it calls, and whether both sides prove who they are. */
import type { EdgeTraffic } from "../../../src/control-plane/telemetry-types.ts";
import { formatMs, formatRate, formatShare, serviceName } from "../../core/format.ts";
import { toneOfErrors } from "../../core/health.ts";
import { Panel, ServiceLink } from "../../ui/page.tsx";
import { Badge } from "../../ui/status.tsx";
import { type Column, Table } from "../../ui/table.tsx";

export type EdgeSide = "source" | "destination";

export function EdgesPanel({
  title,
  edges,
  side,
}: {
  readonly title: string;
  readonly edges: readonly EdgeTraffic[];
  readonly side: EdgeSide;
}) {
  return (
    <Panel title={title} note={String(edges.length)} isFlush>
      {edges.length === 0 ? (
        <p class="panel-empty muted">Nobody in this time.</p>
      ) : (
        <Table
          label={title}
          columns={side === "source" ? CALLERS : CALLEES}
          rows={edges}
          keyOf={(edge) => `${serviceName(edge[side])} ${edge.protocol} ${edge.sourcePrincipal}`}
          order="-rps"
          parameterName={`${side}Sort`}
        />
      )}
    </Panel>
  );
}

const CALLERS = columnsOf("source");
const CALLEES = columnsOf("destination");

function columnsOf(side: EdgeSide): readonly Column<EdgeTraffic>[] {
  return [
    {
      key: "name",
      title: "Service",
      sortBy: (edge) => serviceName(edge[side]),
      cell: (edge) => <ServiceLink service={edge[side]} />,
    },
    {
      key: "security",
      title: "Secured",
      sortBy: ({ security }) => security,
      cell: ({ security, sourcePrincipal }) => (
        <Secured security={security} principal={sourcePrincipal} />
      ),
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
      cell: ({ traffic: { errorRate } }) => {
        const tone = toneOfErrors(errorRate);
        return (
          <span class={tone === "bad" || tone === "warn" ? `tone-${tone}` : ""}>
            {formatShare(errorRate)}
          </span>
        );
      },
    },
    {
      key: "p99",
      title: "P99",
      isNumeric: true,
      sortBy: ({ traffic }) => traffic.latency.p99,
      cell: ({ traffic }) => formatMs(traffic.latency.p99),
    },
  ];
}

const SECURITY_WORDS: Readonly<
  Record<EdgeTraffic["security"], readonly ["ok" | "warn" | "bad" | "idle", string]>
> = {
  mutual_tls: ["ok", "mutual TLS"],
  mixed: ["warn", "in part"],
  none: ["bad", "no"],
  unknown: ["idle", "unknown"],
};

function Secured({
  security,
  principal,
}: {
  readonly security: EdgeTraffic["security"];
  readonly principal: string | null;
}) {
  const [tone, word] = SECURITY_WORDS[security];
  return (
    <Badge tone={tone} title={principal ?? undefined}>
      {word}
    </Badge>
  );
}
