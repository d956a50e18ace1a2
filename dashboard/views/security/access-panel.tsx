/** Who may and does call whom: as a matrix where that can be read, and as a list; one pair in full where it is picked. */
import type { AccessPair } from "../../../src/control-plane/telemetry-types.ts";
import { formatCount, serviceName } from "../../core/format.ts";
import { parameter, setParameters } from "../../core/location.ts";
import { quoted } from "../../core/shell-words.ts";
import { rangeFlags } from "../../core/time-range.ts";
import { CliLine } from "../../ui/cli-line.tsx";
import { Segmented } from "../../ui/controls.tsx";
import { Panel, ServiceLink } from "../../ui/page.tsx";
import { Badge, Mark } from "../../ui/status.tsx";
import { type Column, Table } from "../../ui/table.tsx";
import { AccessMatrix, keyOf, MATRIX_MAX } from "./access-matrix.tsx";
import { countsOf, PAIR, PAIR_STATES, SECURED, stateOf } from "./pairs.ts";

const SHAPES = [
  { value: "matrix", label: "Matrix" },
  { value: "list", label: "List" },
];

export function AccessPanel({ pairs }: { readonly pairs: readonly AccessPair[] }) {
  const wanted = parameter("access");
  const shown = pairs.filter((pair) => wanted === "" || stateOf(pair) === wanted);
  const isLarge = ["source" as const, "destination" as const].some(
    (side) => new Set(pairs.map((pair) => serviceName(pair[side]))).size > MATRIX_MAX,
  );
  const shape = parameter("show") || (isLarge ? "list" : "matrix");
  const picked = pairs.find((pair) => keyOf(pair) === parameter("pair"));
  return (
    <Panel
      title="Who may call whom"
      note={`${formatCount(pairs.length)} pairs`}
      isFlush
      actions={<CliLine command={`tulle edges${rangeFlags.value}`} />}
    >
      <div class="access-tools">
        <StateFilter pairs={pairs} />
        <Segmented
          label="Shown as"
          choices={SHAPES}
          value={shape}
          onChoose={(value) => setParameters({ show: value })}
        />
      </div>
      {picked !== undefined && <PickedPair pair={picked} />}
      {shown.length === 0 && <p class="panel-empty muted">There is no such pair.</p>}
      {shown.length > 0 && shape === "matrix" && <AccessMatrix pairs={shown} />}
      {isLarge && shape === "matrix" && (
        <p class="panel-empty muted">
          The first {MATRIX_MAX} services of each side; the list has all.
        </p>
      )}
      {shown.length > 0 && shape === "list" && (
        <Table
          label="Pairs"
          columns={COLUMNS}
          rows={shown}
          keyOf={keyOf}
          order="state"
          parameterName="pairSort"
          isStacked
        />
      )}
    </Panel>
  );
}

/** The legend, which filters. */
function StateFilter({ pairs }: { readonly pairs: readonly AccessPair[] }) {
  const wanted = parameter("access");
  return (
    <fieldset class="filter-chips">
      <legend class="visually-hidden">Access</legend>
      {PAIR_STATES.map((state) => {
        const count = pairs.filter((pair) => stateOf(pair) === state).length;
        if (count === 0) return null;
        return (
          <button
            key={state}
            type="button"
            class="chip"
            aria-pressed={wanted === state}
            onClick={() => setParameters({ access: wanted === state ? null : state })}
          >
            <Mark look={PAIR[state]} />
            {PAIR[state].word} <span class="faint">{count}</span>
          </button>
        );
      })}
    </fieldset>
  );
}

function PickedPair({ pair }: { readonly pair: AccessPair }) {
  const { source, destination, policy, security, allowed } = pair;
  const look = PAIR[stateOf(pair)];
  const [tone, word] = SECURED[security];
  return (
    <div class="picked-pair" role="status">
      <strong>
        <ServiceLink service={source} /> → <ServiceLink service={destination} />
      </strong>
      <span class="status">
        <Mark look={look} />
        {look.word}
      </span>
      <span>{countsOf(pair)}</span>
      <span class="muted">{policy === null ? silence(allowed) : `by ${policy}`}</span>
      <Badge tone={tone}>secured: {word}</Badge>
      <CliLine command={`tulle authz check ${wordOf(source)} ${wordOf(destination)} GET /`} />
    </div>
  );
}

/** What it means that no policy decides. */
function silence(allowed: AccessPair["allowed"]): string {
  return allowed === "no" ? "no policy allows it" : "no policy says anything about it";
}

/** A service as the command takes it; who has no identity is anonymous. */
function wordOf(service: AccessPair["source"]): string {
  return service.name === "unknown" ? "anonymous" : quoted(serviceName(service));
}

const COLUMNS: readonly Column<AccessPair>[] = [
  {
    key: "source",
    title: "Caller",
    sortBy: ({ source }) => serviceName(source),
    cell: ({ source }) => <ServiceLink service={source} />,
  },
  {
    key: "destination",
    title: "Called",
    sortBy: ({ destination }) => serviceName(destination),
    cell: ({ destination }) => <ServiceLink service={destination} />,
  },
  {
    key: "state",
    title: "Access",
    sortBy: (pair) => PAIR[stateOf(pair)].rank,
    cell: (pair) => (
      <span class="status">
        <Mark look={PAIR[stateOf(pair)]} />
        {PAIR[stateOf(pair)].word}
      </span>
    ),
  },
  {
    key: "policy",
    title: "Policy",
    isWide: true,
    sortBy: ({ policy }) => policy,
    cell: ({ policy }) => policy ?? <span class="faint">none</span>,
  },
  {
    key: "requests",
    title: "Requests",
    isNumeric: true,
    sortBy: ({ requests }) => requests,
    cell: ({ requests }) => formatCount(requests),
  },
  {
    key: "denied",
    title: "Denied",
    isNumeric: true,
    sortBy: ({ denied }) => denied,
    cell: ({ denied }) => <span class={denied > 0 ? "tone-bad" : ""}>{formatCount(denied)}</span>,
  },
  {
    key: "security",
    title: "Secured",
    sortBy: ({ security }) => security,
    cell: ({ security }) => <Badge tone={SECURED[security][0]}>{SECURED[security][1]}</Badge>,
  },
];
