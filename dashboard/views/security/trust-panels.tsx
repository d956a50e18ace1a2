/** What trust rests on: certificates with the time that each has left, and roots with their state. */
import type {
  CertificateFigures,
  SecurityResponse,
} from "../../../src/control-plane/telemetry-types.ts";
import { formatDate, formatDuration } from "../../core/format.ts";
import type { Tone } from "../../core/health.ts";
import { Breakable } from "../../ui/breakable.tsx";
import { CliLine } from "../../ui/cli-line.tsx";
import { Panel } from "../../ui/page.tsx";
import { Badge } from "../../ui/status.tsx";
import { type Column, Table } from "../../ui/table.tsx";

const DAY_SECONDS = 86_400;
/** A certificate of a workload lives for a day or so and is renewed long before its last hour. */
const CERTIFICATE_WARN_DAYS = 1 / 24;
const ROOT_WARN_DAYS = 30;

type Root = SecurityResponse["roots"][number];

export function CertificatesPanel({
  certificates,
}: {
  readonly certificates: readonly CertificateFigures[];
}) {
  const longest = Math.max(...certificates.map(({ daysLeft }) => daysLeft), 0);
  return (
    <Panel
      title="Certificates"
      note={`${certificates.length}`}
      isFlush
      actions={<CliLine command="tulle ca status" />}
    >
      {certificates.length === 0 ? (
        <p class="panel-empty muted">No instance holds one yet.</p>
      ) : (
        <Table
          label="Certificates"
          columns={certificateColumns(longest)}
          rows={certificates}
          keyOf={({ serial }) => serial}
          order="left"
          parameterName="certificateSort"
          isStacked
        />
      )}
    </Panel>
  );
}

function certificateColumns(longest: number): readonly Column<CertificateFigures>[] {
  return [
    {
      key: "instance",
      title: "Instance",
      sortBy: ({ instance }) => instance,
      cell: ({ instance, principal }) => (
        <span class="cell-pair certificate-name">
          <strong>{instance}</strong>
          <span>
            <Breakable text={principal} />
          </span>
        </span>
      ),
    },
    {
      key: "left",
      title: "Time left",
      sortBy: ({ daysLeft }) => daysLeft,
      cell: ({ daysLeft }) => (
        <TimeLeft days={daysLeft} longest={longest} warnDays={CERTIFICATE_WARN_DAYS} />
      ),
    },
    {
      key: "until",
      title: "Until",
      isWide: true,
      sortBy: ({ notAfter }) => notAfter,
      cell: ({ notAfter }) => <time dateTime={notAfter}>{formatDate(notAfter)}</time>,
    },
  ];
}

/** A bar against the longest of them, and the same in words. */
function TimeLeft({
  days,
  longest,
  warnDays,
}: {
  readonly days: number;
  readonly longest: number;
  readonly warnDays: number;
}) {
  const tone: Tone = days <= 0 ? "bad" : days < warnDays ? "warn" : "ok";
  const share = longest <= 0 ? 0 : Math.max(0, days / longest);
  return (
    <span class={`time-left tone-${tone}`}>
      <span class="time-left-bar" aria-hidden="true">
        <span style={{ width: `${Math.round(share * 100)}%` }} />
      </span>
      <span>{days <= 0 ? "expired" : formatDuration(days * DAY_SECONDS)}</span>
    </span>
  );
}

export function RootsPanel({ roots }: { readonly roots: readonly Root[] }) {
  const longest = Math.max(...roots.map(({ daysLeft }) => daysLeft), 0);
  return (
    <Panel title="Roots" note={`${roots.length}`} isFlush>
      <ul class="roots">
        {roots.map(({ id, daysLeft, state, notAfter }) => (
          <li key={id} title={`until ${formatDate(notAfter)}`}>
            <code>{id}</code>
            <Badge tone={state === "active" ? "ok" : "idle"}>{state}</Badge>
            <TimeLeft days={daysLeft} longest={longest} warnDays={ROOT_WARN_DAYS} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}
