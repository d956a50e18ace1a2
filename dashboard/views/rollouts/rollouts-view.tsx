/** All rollouts, those that want somebody first: where each stands, what it gives whom, and what it waits for. */
import { useMemo } from "preact/hooks";
import type { ResourceListResponse } from "../../../src/control-plane/api-types.ts";
import type { RolloutState } from "../../../src/control-plane/rollout-types.ts";
import { formatShare, serviceName } from "../../core/format.ts";
import { useLive } from "../../core/live.ts";
import { hrefTo, parameter, setParameters } from "../../core/location.ts";
import { Age } from "../../ui/age.tsx";
import { SearchField } from "../../ui/controls.tsx";
import { Empty, Loaded, Page } from "../../ui/page.tsx";
import { Mark } from "../../ui/status.tsx";
import { type Column, Table } from "../../ui/table.tsx";
import {
  messageOf,
  observedShare,
  openGate,
  PHASE,
  PHASES,
  STRATEGY,
  startedBy,
  VERDICT,
} from "./rollout-looks.ts";
import { StepDots } from "./step-track.tsx";

type RolloutObject = ResourceListResponse["items"][number];

interface RolloutRow {
  readonly namespace: string;
  readonly name: string;
  readonly strategy: keyof typeof STRATEGY;
  readonly versions: string;
  /** Null until the control plane has looked at it. */
  readonly state: RolloutState | null;
}

/** The view. */
export function View() {
  const live = useLive<ResourceListResponse>("/resources/rollouts");
  return (
    <Page title="Rollouts" cli="tulle get rollouts">
      <Loaded live={live} lines={6}>
        {({ items }) => <Rollouts items={items} />}
      </Loaded>
    </Page>
  );
}

function Rollouts({ items }: { readonly items: readonly RolloutObject[] }) {
  const rows = useMemo(() => items.map(rowOf), [items]);
  if (rows.length === 0) {
    return (
      <Empty title="Nothing is rolled out">
        Move a service to a new version, step by step, and back by itself when it is no good:{" "}
        <code>tulle rollout start catalog v2 --success-rate 99</code>
      </Empty>
    );
  }
  const [text, wanted] = [parameter("q").trim().toLowerCase(), parameter("phase")];
  const shown = rows.filter(
    ({ namespace, name, versions, state }) =>
      `${namespace}/${name} ${versions}`.toLowerCase().includes(text) &&
      (wanted === "" || state?.phase === wanted),
  );
  return (
    <>
      <div class="toolbar">
        <SearchField name="q" label="Find a rollout" isMain />
        <PhaseFilter rows={rows} />
      </div>
      {shown.length === 0 ? (
        <Empty title="No rollout is like that" />
      ) : (
        <div class="panel panel-flush">
          <Table
            label="Rollouts"
            columns={COLUMNS}
            rows={shown}
            keyOf={({ namespace, name }) => `${namespace}/${name}`}
            order="name"
            isStacked
          />
        </div>
      )}
    </>
  );
}

function rowOf({ metadata, spec, status }: RolloutObject): RolloutRow {
  const { stableService, canaryService, strategy } = spec as unknown as {
    readonly stableService: string;
    readonly canaryService: string;
    readonly strategy: Readonly<Record<string, unknown>>;
  };
  const state = (status?.["rollout"] as RolloutState | undefined) ?? null;
  const [from, to] = [state?.stableService ?? stableService, state?.canaryService ?? canaryService];
  return {
    namespace: metadata.namespace ?? "default",
    name: metadata.name,
    strategy: strategyOf(strategy),
    versions: `${from} → ${to}`,
    state,
  };
}

function strategyOf(strategy: Readonly<Record<string, unknown>>): keyof typeof STRATEGY {
  if (strategy["blueGreen"] !== undefined) return "blueGreen";
  return strategy["abTest"] === undefined ? "canary" : "abTest";
}

function PhaseFilter({ rows }: { readonly rows: readonly RolloutRow[] }) {
  const wanted = parameter("phase");
  return (
    <fieldset class="filter-chips">
      <legend class="visually-hidden">Phase</legend>
      {PHASES.map((phase) => {
        const count = rows.filter(({ state }) => state?.phase === phase).length;
        if (count === 0) return null;
        return (
          <button
            key={phase}
            type="button"
            class="chip"
            aria-pressed={wanted === phase}
            onClick={() => setParameters({ phase: wanted === phase ? null : phase })}
          >
            <Mark look={PHASE[phase]} />
            {PHASE[phase].word} <span class="faint">{count}</span>
          </button>
        );
      })}
    </fieldset>
  );
}

const NOT_YET = { word: "Not looked at yet", shape: "dashed", tone: "idle", rank: 9 } as const;

function lookOf({ state }: RolloutRow) {
  return state === null ? NOT_YET : PHASE[state.phase];
}

const COLUMNS: readonly Column<RolloutRow>[] = [
  {
    key: "name",
    title: "Rollout",
    sortBy: (row) => `${lookOf(row).rank} ${row.name}`,
    cell: (row) => (
      <span class="cell-name-state">
        <Mark look={lookOf(row)} />
        <a href={hrefTo(`/rollouts/${row.namespace}/${row.name}`)}>{serviceName(row)}</a>
        <span>{lookOf(row).word}</span>
      </span>
    ),
  },
  {
    key: "versions",
    title: "Versions",
    sortBy: ({ versions }) => versions,
    cell: ({ versions, strategy }) => (
      <span class="cell-pair rollout-pair">
        <span>{versions}</span>
        <span>{STRATEGY[strategy]}</span>
      </span>
    ),
  },
  {
    key: "step",
    title: "Step",
    cell: ({ state }) => (state === null ? "–" : <StepCell state={state} />),
  },
  {
    key: "weight",
    title: "Canary gets",
    hint: "Its weight, and its share of the requests of this step as callers' sidecars counted them",
    isNumeric: true,
    sortBy: ({ state }) => state?.weights.canary ?? null,
    cell: ({ state }) => state !== null && <WeightCell state={state} />,
  },
  {
    key: "gate",
    title: "Gates",
    cell: ({ state }) => state !== null && <GateCell state={state} />,
  },
  {
    key: "began",
    title: "Began",
    sortBy: ({ state }) => state?.startedAt ?? null,
    cell: ({ state }) =>
      state !== null && (
        <span class="cell-pair rollout-pair">
          <Age at={state.startedAt} />
          <span>
            {startedBy(state) === undefined ? "as its object says" : `by ${startedBy(state)}`}
          </span>
        </span>
      ),
  },
];

function StepCell({ state }: { readonly state: RolloutState }) {
  const { currentStepIndex, stepCount, phase, stepStartedAt } = state;
  const isOver = phase === "Succeeded" || phase === "RolledBack";
  return (
    <span class="cell-pair rollout-pair">
      <StepDots state={state} count={stepCount} />
      <span>
        {phase === "Succeeded" && `all ${stepCount}`}
        {phase === "Pending" && `none of ${stepCount} yet`}
        {phase === "RolledBack" && `ended in ${currentStepIndex + 1} of ${stepCount}`}
        {!isOver && phase !== "Pending" && (
          <>
            {currentStepIndex + 1} of {stepCount}, since <Age at={stepStartedAt} />
          </>
        )}
      </span>
    </span>
  );
}

function WeightCell({ state }: { readonly state: RolloutState }) {
  return (
    <span class="cell-pair rollout-pair">
      <b>{state.weights.canary}%</b>
      <span>{formatShare(observedShare(state, "canary"))} observed</span>
    </span>
  );
}

/** The gate that one should look at, with its figure and what is allowed. */
function GateCell({ state }: { readonly state: RolloutState }) {
  const { gates } = state;
  const open = openGate(state);
  if (gates.length === 0) return <span class="rollout-why muted">{messageOf(state)}</span>;
  const look = VERDICT[open?.verdict ?? "Passed"];
  return (
    <span class="rollout-why">
      <span class="status">
        <Mark look={look} />
        {open === undefined
          ? `${gates.length === 1 ? gates[0]?.name : `${gates.length} gates`} passed`
          : open.name}
      </span>
      <span class="muted">
        {open === undefined ? messageOf(state) : `${open.value}, ${open.threshold} is allowed`}
      </span>
    </span>
  );
}
