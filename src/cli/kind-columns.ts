/** What `tulle get` shows of each kind besides its name and age. */
import type {
  InstancesResponse,
  InstanceView,
  ResourceObject,
  ServicesResponse,
  ServiceView,
} from "../control-plane/api-types.ts";
import type { AdminClient } from "./admin-client.ts";
import { labelsText, recordsAt, textAt } from "./json-view.ts";
import type { Style } from "./output/style.ts";
import type { Cell, Column } from "./output/table.ts";

/** What is known of the running mesh, for columns that no object holds. */
export interface LiveView {
  readonly services: ReadonlyMap<string, ServiceView>;
  readonly instances: ReadonlyMap<string, InstanceView>;
}

export interface KindColumns {
  readonly columns: readonly Column[];
  readonly cells: (object: ResourceObject, live: LiveView, style: Style) => readonly Cell[];
}

const SERVICE_COLUMNS: KindColumns = {
  columns: [
    { title: "PORTS" },
    { title: "ENDPOINTS", align: "right" },
    { title: "VERSIONS" },
    { title: "SELECTOR", isWide: true },
    { title: "HOST", isWide: true },
  ],
  cells: (object, live, style) => {
    const view = live.services.get(liveKey(object.metadata));
    const versions = view?.versions ?? [];
    const total = versions.reduce((sum, version) => sum + version.endpoints.length, 0);
    const serving = versions.reduce((sum, version) => sum + version.serving, 0);
    return [
      portsText(object.spec),
      {
        text: view === undefined ? "-" : `${serving}/${total}`,
        paint: serving < total || total === 0 ? style.yellow : style.green,
      },
      versions.map((version) => version.version).join(",") || "-",
      labelsText(object.spec["selector"]) || "-",
      view?.host ?? "-",
    ];
  },
};

const ROUTE_COLUMNS: KindColumns = {
  columns: [
    { title: "PARENTS" },
    { title: "RULES", align: "right" },
    { title: "BACKENDS" },
    { title: "ACCEPTED" },
    { title: "HOSTNAMES", isWide: true },
  ],
  cells: (object, _live, style) => {
    const accepted = acceptedText(object);
    return [
      recordsAt(object.spec, "parentRefs")
        .map((ref) => textAt(ref, "name"))
        .join(","),
      String(recordsAt(object.spec, "rules").length),
      recordsAt(object.spec, "rules").map(ruleBackends).join("; ") || "-",
      { text: accepted, paint: accepted === "True" ? style.green : style.yellow },
      textList(object.spec["hostnames"]) || "-",
    ];
  },
};

const POLICY_COLUMNS: KindColumns = {
  columns: [{ title: "TARGETS" }, { title: "LOAD BALANCER" }, { title: "ACCEPTED" }],
  cells: (object, _live, style) => {
    const accepted = acceptedText(object);
    return [
      recordsAt(object.spec, "targetRefs")
        .map((ref) => `${textAt(ref, "kind")}/${textAt(ref, "name")}`)
        .join(","),
      textAt(object.spec, "loadBalancer", "type") || "-",
      { text: accepted, paint: accepted === "True" ? style.green : style.yellow },
    ];
  },
};

const WORKLOAD_COLUMNS: KindColumns = {
  columns: [
    { title: "SERVICE" },
    { title: "VERSION" },
    { title: "STATE" },
    { title: "ADDRESS" },
    { title: "PORTS", isWide: true },
    { title: "ZONE", isWide: true },
    { title: "SERVICE ACCOUNT", isWide: true },
  ],
  cells: (object, live, style) => {
    const view = live.instances.get(liveKey(object.metadata));
    const paint = view?.serving === true ? style.green : style.yellow;
    return [
      view?.services.join(",") || view?.service || "-",
      object.metadata.labels?.["version"] ?? "-",
      { text: view?.state ?? textAt(object.status, "health") ?? "-", paint },
      textAt(object.spec, "address"),
      recordsAt(object.spec, "ports")
        .map((port) => `${textAt(port, "port")}/${textAt(port, "protocol")}`)
        .join(","),
      textAt(object.spec, "zone") || "-",
      textAt(object.spec, "serviceAccount"),
    ];
  },
};

const COLUMNS_BY_KIND: Readonly<Record<string, KindColumns>> = {
  Service: SERVICE_COLUMNS,
  GRPCRoute: ROUTE_COLUMNS,
  HTTPRoute: ROUTE_COLUMNS,
  TCPRoute: ROUTE_COLUMNS,
  TLSRoute: ROUTE_COLUMNS,
  TrafficPolicy: POLICY_COLUMNS,
  Workload: WORKLOAD_COLUMNS,
};

export function columnsOf(kind: string): KindColumns {
  return COLUMNS_BY_KIND[kind] ?? { columns: [], cells: () => [] };
}

/** Asks for what the kind's columns need besides the objects. */
export async function readLiveView(client: AdminClient, kind: string): Promise<LiveView> {
  const services: ServicesResponse["services"] =
    kind === "Service" ? (await client.services()).services : [];
  const instances: InstancesResponse["instances"] =
    kind === "Workload" ? (await client.instances()).instances : [];
  return {
    services: new Map(services.map((view) => [liveKey(view), view])),
    instances: new Map(instances.map((view) => [liveKey(view), view])),
  };
}

/**
 * The object's `Accepted` condition: `True`, the reason when it is not, or `Unknown` when nobody has judged it.
 * Routes have one per parent (Gateway API RouteParentStatus); the worst counts.
 */
export function acceptedText(object: ResourceObject): string {
  const conditions = [
    ...recordsAt(object.status, "conditions"),
    ...recordsAt(object.status, "parents").flatMap((parent) => recordsAt(parent, "conditions")),
  ].filter((condition) => ["Accepted", "ResolvedRefs"].includes(textAt(condition, "type")));
  const bad = conditions.find((condition) => textAt(condition, "status") !== "True");
  if (bad !== undefined) return textAt(bad, "reason") || textAt(bad, "status");
  return conditions.length === 0 ? "Unknown" : "True";
}

/** `catalog-v1 90%, catalog-v2 10%`; no shares when there is one backend. */
function ruleBackends(rule: unknown): string {
  const backends = recordsAt(rule, "backendRefs");
  const weights = backends.map((backend) => Number(textAt(backend, "weight") || "1"));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (backends.length === 1) return textAt(backends[0], "name");
  return backends
    .map(
      (backend, index) => `${textAt(backend, "name")} ${percentText(weights[index] ?? 0, total)}`,
    )
    .join(", ");
}

/** `90%`, `33.3%`; `0%` when all weights are zero. */
export function percentText(weight: number, total: number): string {
  if (total === 0) return "0%";
  return `${Number(((weight / total) * 100).toFixed(1))}%`;
}

function portsText(spec: unknown): string {
  const ports = recordsAt(spec, "ports").map((port) => {
    const number = textAt(port, "port");
    const target = textAt(port, "targetPort");
    const name = textAt(port, "name");
    const arrow = target === "" || target === number ? number : `${number}→${target}`;
    return name === "" ? arrow : `${name}:${arrow}`;
  });
  return ports.join(",") || "-";
}

function textList(value: unknown): string {
  return Array.isArray(value) ? value.map(String).join(",") : "";
}

function liveKey(ref: { readonly namespace: string; readonly name: string }): string {
  return `${ref.namespace}/${ref.name}`;
}
