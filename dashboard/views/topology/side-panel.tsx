/** Beside the drawing: the service or the call that is picked, in figures and with where to go on; else the mesh in short. */
import type { ComponentChildren } from "preact";
import type { EdgeTraffic, ServiceTraffic } from "../../../src/control-plane/telemetry-types.ts";
import {
  formatBytes,
  formatCount,
  formatMs,
  formatRate,
  formatShare,
  serviceName,
} from "../../core/format.ts";
import { toneOfErrors } from "../../core/health.ts";
import { hrefTo, parameter, setParameters } from "../../core/location.ts";
import { Segmented } from "../../ui/controls.tsx";
import { Icon } from "../../ui/icons.tsx";
import { ServiceLink } from "../../ui/page.tsx";
import { Health } from "../../ui/status.tsx";
import { pick } from "./asked.ts";
import { CallList } from "./call-list.tsx";
import { isFailing, SECURITY_WORDS } from "./drawing.ts";
import { LockMark } from "./lock-mark.tsx";
import { type GraphEdge, type GraphNode, idOf, type Mesh } from "./mesh-graph.ts";
import type { Scene } from "./scene.ts";
import { SplitList } from "./split-list.tsx";
import type { SplitShare } from "./splits.ts";

const STEPS = [
  { value: "all", label: "All" },
  { value: "1", label: "1 step" },
  { value: "2", label: "2 steps" },
];

export interface SidePanelProps {
  readonly mesh: Mesh;
  readonly scene: Scene;
  readonly services: readonly ServiceTraffic[];
  readonly told: readonly EdgeTraffic[];
  readonly shares: readonly SplitShare[];
  readonly nameOf: (id: string) => string;
}

export function SidePanel(props: SidePanelProps) {
  const { mesh, scene } = props;
  const wanted = parameter("edge");
  const call = [...scene.graph.edges, ...mesh.calls].find(({ id }) => id === wanted);
  const node = mesh.nodes.find(({ id }) => id === scene.focus);
  const isPicked = call !== undefined || node !== undefined;
  return (
    <aside
      class={`topology-side panel ${isPicked ? "is-picked" : ""}`}
      aria-label="What is picked"
      // What scrolls must be reached by keys (WCAG 2.1.1).
      tabIndex={isPicked ? 0 : -1}
    >
      {call !== undefined && <PickedCall {...props} call={call} />}
      {call === undefined && node !== undefined && <PickedNode {...props} node={node} />}
      {call === undefined && node === undefined && <MeshInShort {...props} />}
    </aside>
  );
}

function Head({
  children,
  isClosable = true,
}: {
  readonly children: ComponentChildren;
  readonly isClosable?: boolean;
}) {
  return (
    <div class="side-head">
      <h2>{children}</h2>
      {isClosable && (
        <button
          type="button"
          class="icon-button"
          aria-label="Let go"
          title="Let go (Esc)"
          onClick={() => pick(undefined)}
        >
          <Icon name="close" size={13} />
        </button>
      )}
    </div>
  );
}

function Figures({ rows }: { readonly rows: readonly (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="side-figures">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Errors({ rate }: { readonly rate: number | null }) {
  return (
    <span class={isFailing(rate) ? `tone-${toneOfErrors(rate)}` : ""}>{formatShare(rate)}</span>
  );
}

function PickedNode({
  node,
  scene,
  mesh,
  services,
  shares,
  nameOf,
}: SidePanelProps & { readonly node: GraphNode }) {
  const { id, health, healthReason, sentPerSecond } = node;
  const traffic = services.find(({ service }) => idOf(service) === id);
  const depth = scene.steps === undefined ? "all" : String(scene.steps);
  return (
    <>
      <Head isClosable={!scene.isStart}>
        <ServiceLink service={node} />
      </Head>
      <p class="side-health">
        <Health state={health} />
        {healthReason !== null && <span class="muted">{healthReason}</span>}
      </p>
      <Figures rows={nodeFigures(node, traffic)} />
      {traffic !== undefined && <Links id={id} />}
      <Segmented
        label="Shown around it"
        choices={STEPS}
        value={depth}
        onChoose={(value) => setParameters({ focus: id, depth: value })}
      />
      <CallList
        title="Called by"
        calls={mesh.calls.filter(({ to }) => to === id)}
        {...{ nameOf, end: "from" }}
      />
      <CallList
        title="Calls"
        calls={mesh.calls.filter(({ from }) => from === id)}
        {...{ nameOf, end: "to" }}
      />
      <SplitList shares={shares.filter((one) => one.service === id || sharesOf(node, one))} />
      {sentPerSecond === 0 && node.requestsPerSecond === null && (
        <p class="muted">No request to or from it in this time.</p>
      )}
    </>
  );
}

function sharesOf({ id, split }: GraphNode, one: SplitShare): boolean {
  return split !== null && one.service === split.service && one.route === split.route && id !== "";
}

function nodeFigures(
  { requestsPerSecond, errorRate, sentPerSecond }: GraphNode,
  traffic: ServiceTraffic | undefined,
): readonly (readonly [string, ComponentChildren])[] {
  const latency = traffic?.inbound.latency;
  return [
    ["Requests/s", formatRate(requestsPerSecond)],
    ["Errors", <Errors key="errors" rate={errorRate} />],
    ["P50", formatMs(latency?.p50 ?? null)],
    ["P99", formatMs(latency?.p99 ?? null)],
    ["Sends", `${formatRate(sentPerSecond)}/s`],
    [
      "Instances",
      traffic === undefined
        ? "–"
        : `${formatCount(traffic.instances.healthy)}/${formatCount(traffic.instances.total)}`,
    ],
  ];
}

/** Where to go on with a service. */
function Links({ id }: { readonly id: string }) {
  return (
    <p class="side-links">
      <a class="button button-small" href={hrefTo(`/services/${id}`)}>
        Service
      </a>
      <a class="button button-small" href={hrefTo("/errors", { service: id })}>
        Errors
      </a>
      <a class="button button-small" href={hrefTo("/traces", { service: id })}>
        Traces
      </a>
    </p>
  );
}

function PickedCall({
  call,
  told,
  mesh,
  shares,
  nameOf,
}: SidePanelProps & { readonly call: GraphEdge }) {
  const { from, to, split, security } = call;
  const parts = told.filter(
    ({ source, destination }) => idOf(source) === from && idOf(destination) === to,
  );
  const isService = (id: string): boolean =>
    mesh.nodes.some((node) => node.id === id && node.kind === "service");
  return (
    <>
      <Head>
        <NodeName {...{ id: from, nameOf }} /> <span class="faint">→</span>{" "}
        <NodeName {...{ id: to, nameOf }} />
      </Head>
      {split === null && (
        <p class="side-health">
          <LockMark security={security} />
          <span>{sentence(SECURITY_WORDS[security])}</span>
        </p>
      )}
      {split === null && <Figures rows={callFigures(call, parts)} />}
      {isService(to) && <Links id={to} />}
      {split !== null && (
        <SplitList
          shares={shares.filter((one) => one.service === from && one.route === split.route)}
        />
      )}
      {parts.length > 1 && <Protocols parts={parts} />}
      {parts.length > 0 && <Identities parts={parts} />}
      {parts.length === 0 && split === null && (
        <p class="muted">
          All calls from one namespace to the other together. Open a namespace to see its services.
        </p>
      )}
    </>
  );
}

function sentence(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function NodeName({
  id,
  nameOf,
}: {
  readonly id: string;
  readonly nameOf: (id: string) => string;
}) {
  return (
    <button type="button" class="link-button" onClick={() => pick({ kind: "node", id })}>
      {nameOf(id)}
    </button>
  );
}

function callFigures(
  call: GraphEdge,
  [only, ...others]: readonly EdgeTraffic[],
): readonly (readonly [string, ComponentChildren])[] {
  const { requestsPerSecond, errorRate, requests, bytesPerSecond, protocols } = call;
  const latency = others.length === 0 ? only?.traffic.latency : undefined;
  return [
    ["Requests/s", formatRate(requestsPerSecond)],
    ["Errors", <Errors key="errors" rate={errorRate} />],
    ["P50", formatMs(latency?.p50 ?? null)],
    ["P99", formatMs(latency?.p99 ?? null)],
    ["Requests", formatCount(requests)],
    ["Protocol", protocols],
    ...(bytesPerSecond > 0 ? [["Bytes/s", formatBytes(bytesPerSecond)] as const] : []),
  ];
}

/** Percentiles of several protocols are not to be added. */
function Protocols({ parts }: { readonly parts: readonly EdgeTraffic[] }) {
  return (
    <ul class="side-list">
      {parts.map(({ protocol, traffic }) => (
        <li key={protocol}>
          {protocol}: {formatRate(traffic.requestsPerSecond)}/s, {formatShare(traffic.errorRate)}{" "}
          errors, P99 {formatMs(traffic.latency.p99)}
        </li>
      ))}
    </ul>
  );
}

function Identities({ parts: [first] }: { readonly parts: readonly EdgeTraffic[] }) {
  if (first === undefined) return null;
  return (
    <dl class="side-identities">
      <dt>Caller</dt>
      <dd class="mono">{first.sourcePrincipal ?? "not proven"}</dd>
      <dt>Called</dt>
      <dd class="mono">{first.destinationPrincipal ?? "not proven"}</dd>
    </dl>
  );
}

function MeshInShort({ scene, mesh, shares, nameOf }: SidePanelProps) {
  const { graph } = scene;
  const failing = graph.edges.filter(
    ({ errorRate, split }) => split === null && isFailing(errorRate),
  );
  const open = graph.edges.filter(({ security }) => security === "none" || security === "mixed");
  const calls = graph.edges.filter(({ split }) => split === null);
  const secured = mesh.calls.filter(({ security }) => security === "mutual_tls").length;
  return (
    <>
      <div>
        <Head isClosable={false}>{parameter("namespace") || "The mesh"}</Head>
        <Figures
          rows={[
            ["Services", formatCount(mesh.nodes.filter(({ kind }) => kind === "service").length)],
            ["Pairs", formatCount(mesh.calls.length)],
            [
              "Mutual TLS",
              mesh.calls.length === 0
                ? "–"
                : `${formatCount(secured)} of ${formatCount(mesh.calls.length)}`,
            ],
            ["Drawn", `${formatCount(graph.nodes.length)}, ${formatCount(calls.length)} calls`],
          ]}
        />
      </div>
      <CallList title="Failing" calls={failing} nameOf={nameOf} />
      <CallList title="In plain text" calls={open} nameOf={nameOf} />
      <SplitList shares={shares} />
      <p class="muted side-help">
        Pick a service or a call. <kbd>←</kbd> <kbd>→</kbd> follow calls, <kbd>↑</kbd> <kbd>↓</kbd>{" "}
        go to neighbours, <kbd>Enter</kbd> picks, <kbd>+</kbd> <kbd>-</kbd> <kbd>0</kbd> zoom.
      </p>
    </>
  );
}

/** The name of a node, by its id. */
export function namer(mesh: Mesh): (id: string) => string {
  const names = new Map(mesh.nodes.map(({ id, label }) => [id, label]));
  return (id) => names.get(id) ?? serviceName({ namespace: "", name: id.replace(/^\w+:/, "") });
}
