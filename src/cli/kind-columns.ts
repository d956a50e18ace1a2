/** What `tulle get` shows of each kind besides its name and age. */
import type {
  InstancesResponse,
  InstanceView,
  ResourceObject,
  ServicesResponse,
  ServiceView,
} from "../control-plane/api-types.ts";
import type { AdminClient } from "./admin-client.ts";
import { EXPORTER_TEXTS } from "./exporter-columns.ts";
import { GATEWAY_COLUMNS } from "./gateway/gateway-columns.ts";
import { asRecord, labelsText, recordsAt, textAt, valueAt } from "./json-view.ts";
import type { Style } from "./output/style.ts";
import type { Cell, Column } from "./output/table.ts";
import { TELEMETRY_TEXTS, workloadsText } from "./telemetry-columns.ts";
import { ATTESTOR_TEXTS, FEDERATION_TEXTS, type TextColumns } from "./trust-columns.ts";

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

const SECURITY_COLUMNS: KindColumns = {
  columns: [{ title: "TARGETS" }, { title: "ISSUER" }, { title: "ACCEPTED" }],
  cells: (object, _live, style) => {
    const accepted = acceptedText(object);
    return [
      targetsText(object.spec),
      textAt(object.spec, "oidc", "provider", "issuer"),
      { text: accepted, paint: accepted === "True" ? style.green : style.yellow },
    ];
  },
};

const POLICY_COLUMNS: KindColumns = {
  columns: [
    { title: "TARGETS" },
    { title: "LOAD BALANCER" },
    { title: "SETS", isWide: true },
    { title: "ACCEPTED" },
  ],
  cells: (object, _live, style) => {
    const accepted = acceptedText(object);
    return [
      targetsText(object.spec),
      textAt(object.spec, "loadBalancer", "algorithm") || "-",
      Object.keys(object.spec)
        .filter((name) => name !== "targetRefs")
        .join(","),
      { text: accepted, paint: accepted === "True" ? style.green : style.yellow },
    ];
  },
};

const FAULT_POLICY_COLUMNS: KindColumns = {
  columns: [{ title: "TARGETS" }, { title: "FAULTS" }, { title: "ENDS" }, { title: "ACCEPTED" }],
  cells: (object, _live, style) => {
    const accepted = acceptedText(object);
    const { spec } = object;
    return [
      targetsText(spec),
      ["delay", "abort", "reset", "responseRateLimit"]
        .filter((name) => spec[name] !== undefined)
        .join(","),
      textAt(spec, "expiresAt") || `after ${textAt(spec, "ttl") || "1h"}`,
      { text: accepted, paint: accepted === "True" ? style.green : style.yellow },
    ];
  },
};

const ROLLOUT_COLUMNS: KindColumns = {
  columns: [
    { title: "TARGET" },
    { title: "PHASE", isKept: true },
    { title: "STEP" },
    { title: "STABLE" },
    { title: "CANARY" },
    { title: "ACCEPTED" },
    { title: "MESSAGE", isWide: true },
  ],
  cells: ({ spec, status, ...object }, _live, style) => {
    const accepted = acceptedText({ spec, ...object, ...(status === undefined ? {} : { status }) });
    const phase = textAt(status, "rollout", "phase") || "Pending";
    const step = Number(textAt(status, "rollout", "currentStepIndex")) + 1;
    const isUnderWay = phase === "Progressing" || phase === "Paused";
    const share = (name: "stable" | "canary") =>
      `${textAt(status, "rollout", `${name}Service`) || textAt(spec, `${name}Service`)} ${textAt(status, "rollout", "weights", name) || (name === "stable" ? 100 : 0)}%`;
    return [
      textAt(spec, "targetRef", "name"),
      { text: phase, paint: phase === "RolledBack" ? style.red : style.green },
      isUnderWay ? `${step}/${textAt(status, "rollout", "stepCount")}` : "-",
      share("stable"),
      share("canary"),
      { text: accepted, paint: accepted === "True" ? style.green : style.yellow },
      textAt(status, "rollout", "message"),
    ];
  },
};

const RATE_LIMIT_COLUMNS: KindColumns = {
  columns: [
    { title: "TARGETS" },
    { title: "WHERE" },
    { title: "LIMITS" },
    { title: "MODE" },
    { title: "ACCEPTED" },
  ],
  cells: (object, _live, style) => {
    const accepted = acceptedText(object);
    const { spec } = object;
    const isForRoute = recordsAt(spec, "targetRefs").some(
      (ref) => textAt(ref, "kind") !== "Service",
    );
    return [
      targetsText(spec),
      textAt(spec, "where") || (isForRoute ? "Client" : "Server"),
      limitsText(spec),
      textAt(spec, "mode"),
      { text: accepted, paint: accepted === "True" ? style.green : style.yellow },
    ];
  },
};

const CACHE_POLICY_COLUMNS: KindColumns = {
  columns: [
    { title: "TARGETS" },
    { title: "SHARING" },
    { title: "MEMORY", align: "right" },
    { title: "ACCEPTED" },
  ],
  cells: (object, _live, style) => {
    const accepted = acceptedText(object);
    return [
      targetsText(object.spec),
      textAt(object.spec, "sharing"),
      `${textAt(object.spec, "memory", "totalMebibytes")} MiB`,
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
      { text: stateText(view, object), paint },
      textAt(object.spec, "address"),
      recordsAt(object.spec, "ports")
        .map((port) => `${textAt(port, "port")}/${textAt(port, "protocol")}`)
        .join(","),
      textAt(object.spec, "zone") || "-",
      textAt(object.spec, "serviceAccount"),
    ];
  },
};

function stateText(view: InstanceView | undefined, object: ResourceObject): string {
  const state = view?.state ?? (textAt(object.status, "health") || "-");
  return view?.maintenance === true ? `${state}, drained` : state;
}

const EXTERNAL_SERVICE_COLUMNS: KindColumns = {
  columns: [{ title: "HOSTS" }, { title: "PORTS" }, { title: "TLS" }, { title: "ACCEPTED" }],
  cells: (object, _live, style) => {
    const accepted = acceptedText(object);
    return [
      textList(object.spec["hosts"]),
      portsText(object.spec),
      object.spec["tls"] === undefined ? "no" : "yes",
      { text: accepted, paint: accepted === "True" ? style.green : style.yellow },
    ];
  },
};

const REVOCATION_COLUMNS: KindColumns = {
  columns: [{ title: "REVOKED" }, { title: "REASON" }],
  cells: ({ spec }) => {
    const instance = valueAt(spec, "instance");
    const who =
      instance === undefined
        ? textAt(spec, "spiffeId") || `serial ${textAt(spec, "serial")}`
        : `instance ${textAt(instance, "namespace")}/${textAt(instance, "name")}`;
    return [who, textAt(spec, "reason") || "-"];
  },
};

const PEER_AUTHENTICATION_COLUMNS: KindColumns = {
  columns: [{ title: "MODE" }, { title: "PORTS" }, { title: "FOR" }],
  cells: ({ spec }) => {
    const ports = Object.entries(asRecord(valueAt(spec, "portLevelMtls"))).map(
      ([port, said]) => `${port}=${textAt(said, "mode")}`,
    );
    const labels = Object.entries(asRecord(valueAt(spec, "selector", "matchLabels")));
    const holder = labels.map(([key, value]) => `${key}=${String(value)}`).join(",");
    return [
      textAt(valueAt(spec, "mtls"), "mode") || "UNSET",
      ports.join(",") || "-",
      holder || "all workloads",
    ];
  },
};

const AUTHORIZATION_COLUMNS: KindColumns = {
  columns: [{ title: "ACTION" }, { title: "RULES" }, { title: "FOR" }, { title: "ACCEPTED" }],
  cells: (object, _live, style) => {
    const accepted = acceptedText(object);
    const { spec } = object;
    const rules = recordsAt(spec, "rules").length + recordsAt(spec, "bindings").length;
    const targets = recordsAt(spec, "targetRefs").map((target) => textAt(target, "name"));
    const labels = Object.entries(asRecord(valueAt(spec, "selector", "matchLabels")));
    const holder =
      targets.join(",") || labels.map(([key, value]) => `${key}=${String(value)}`).join(",");
    const action = textAt(spec, "action");
    return [
      spec["dryRun"] === true ? `${action} (dry run)` : action,
      String(rules),
      holder || "all workloads",
      { text: accepted, paint: accepted === "True" ? style.green : style.yellow },
    ];
  },
};

const AUTHENTICATION_COLUMNS: KindColumns = {
  columns: [{ title: "ISSUERS" }, { title: "FOR" }, { title: "ACCEPTED" }],
  cells: (object, _live, style) => {
    const accepted = acceptedText(object);
    const { spec } = object;
    const issuers = recordsAt(spec, "jwtRules").map((rule) => textAt(rule, "issuer"));
    return [
      [...new Set(issuers)].join(","),
      workloadsText(spec),
      { text: accepted, paint: accepted === "True" ? style.green : style.yellow },
    ];
  },
};

function withAcceptance({ titles, texts }: TextColumns): KindColumns {
  return {
    columns: [...titles, "ACCEPTED"].map((title) => ({ title })),
    cells: (object, _live, style) => {
      const accepted = acceptedText(object);
      const paint = accepted === "True" ? style.green : style.yellow;
      return [...texts(object.spec), { text: accepted, paint }];
    },
  };
}

const COLUMNS_BY_KIND: Readonly<Record<string, KindColumns>> = {
  Service: SERVICE_COLUMNS,
  ExternalService: EXTERNAL_SERVICE_COLUMNS,
  AuthorizationPolicy: AUTHORIZATION_COLUMNS,
  CachePolicy: CACHE_POLICY_COLUMNS,
  FaultPolicy: FAULT_POLICY_COLUMNS,
  Gateway: GATEWAY_COLUMNS,
  GRPCRoute: ROUTE_COLUMNS,
  HTTPRoute: ROUTE_COLUMNS,
  TCPRoute: ROUTE_COLUMNS,
  TLSRoute: ROUTE_COLUMNS,
  RateLimitPolicy: RATE_LIMIT_COLUMNS,
  TrafficPolicy: POLICY_COLUMNS,
  PeerAuthentication: PEER_AUTHENTICATION_COLUMNS,
  RequestAuthentication: AUTHENTICATION_COLUMNS,
  Revocation: REVOCATION_COLUMNS,
  SecurityPolicy: SECURITY_COLUMNS,
  Rollout: ROLLOUT_COLUMNS,
  TelemetryExporter: withAcceptance(EXPORTER_TEXTS),
  TelemetryPolicy: withAcceptance(TELEMETRY_TEXTS),
  TrustDomainFederation: withAcceptance(FEDERATION_TEXTS),
  Workload: WORKLOAD_COLUMNS,
  WorkloadAttestor: withAcceptance(ATTESTOR_TEXTS),
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

function targetsText(spec: unknown): string {
  return recordsAt(spec, "targetRefs")
    .map((ref) => `${textAt(ref, "kind")}/${textAt(ref, "name")}`)
    .join(",");
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

/** `everyone 1000/Second, response 512 KiB/s, load shedding`. */
function limitsText(spec: unknown): string {
  const rules = recordsAt(valueAt(spec, "local"), "rules").map(
    (rule) =>
      `${textAt(rule, "name")} ${textAt(rule, "limit", "requests")}/${textAt(rule, "limit", "unit")}`,
  );
  const shared = recordsAt(valueAt(spec, "global"), "rules").map((rule) => {
    const requests = textAt(rule, "limit", "requests");
    const limit = requests === "" ? "" : ` ${requests}/${textAt(rule, "limit", "unit")}`;
    return `${textAt(rule, "name")}${limit} together`;
  });
  const bytes = ["request", "response"].flatMap((direction) => {
    const rate = textAt(spec, "bandwidth", direction, "kibibytesPerSecond");
    return rate === "" ? [] : [`${direction} ${rate} KiB/s`];
  });
  const open = textAt(spec, "connections", "max");
  const fresh = textAt(spec, "connections", "newPerSecond");
  const connections = [
    ...(open === "" ? [] : [`${open} connections`]),
    ...(fresh === "" ? [] : [`${fresh} new connections/Second`]),
  ];
  const shedding = valueAt(spec, "loadShedding") === undefined ? [] : ["load shedding"];
  return [...rules, ...connections, ...shared, ...bytes, ...shedding].join(", ");
}

function textList(value: unknown): string {
  return Array.isArray(value) ? value.map(String).join(",") : "";
}

function liveKey(ref: { readonly namespace: string; readonly name: string }): string {
  return `${ref.namespace}/${ref.name}`;
}
