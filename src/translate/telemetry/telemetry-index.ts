/**
 * TelemetryPolicies resolved: what is told of the requests that a workload gets or sends, and who says so. The mesh's policy,
 * the namespace's, the workload's and that of the Service which is called are laid over each other, field by
 * field; of several of a kind the oldest holds, and the others are told.
 */
import type { AccessLogSpec } from "../../resource/kinds/access-log-settings.ts";
import { defaultMeshConfigSpec } from "../../resource/kinds/mesh-config.ts";
import type {
  TelemetryPolicy,
  TelemetryPolicySpec,
} from "../../resource/kinds/telemetry-policy.ts";
import type { MetricsSettings } from "../../resource/kinds/telemetry-policy-metrics.ts";
import { formatKey, keyOf } from "../../resource/object.ts";
import type { Findings } from "../findings.ts";
import type { MeshSnapshot } from "../mesh-snapshot.ts";
import { qualifiedName } from "../names.ts";
import { compareAge } from "../object-order.ts";
import { hasLabels, reportWorkloadTargets } from "../workload-policy.ts";
import { isRouteTarget, type RouteSamplingIndex, resolveRouteSampling } from "./route-sampling.ts";
import type { Said } from "./said.ts";

type Part<K extends "tracing" | "metrics"> = NonNullable<TelemetryPolicySpec[K]>;
/** The fields that somebody has set. */
export type SaidFields<T> = { readonly [F in keyof T]?: Said<NonNullable<T[F]>> };

export interface EffectiveTelemetry {
  /** Lines of the sidecar itself. */
  readonly accessLogs: Said<readonly AccessLogSpec[]>;
  /** Records for the control plane. */
  readonly controlPlaneLogs: Said<readonly AccessLogSpec[]>;
  readonly tracing: SaidFields<Part<"tracing">>;
  readonly metrics: SaidFields<MetricsSettings>;
  /** Undefined: off. */
  readonly proxyStatus: Said<NonNullable<TelemetryPolicySpec["proxyStatus"]>> | undefined;
  /** Lower-case names of header fields that any policy in force forbids to write, with those of narrower policies. */
  readonly redactedHeaders: ReadonlySet<string>;
}

/** A workload, as far as policies choose it. */
export interface TelemetryWorkload {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What workloads with the same policies have in common. */
export interface TelemetryGroup {
  /** The same for workloads that the same policies hold for. */
  readonly key: string;
  /** Of requests to these Services (`default/catalog`), the first of which with a policy counts. The same object for the same policies. */
  of(services: readonly string[]): EffectiveTelemetry;
}

export interface TelemetryIndex {
  groupOf(workload: TelemetryWorkload): TelemetryGroup;
  /** What policies for routes say. */
  readonly routes: RouteSamplingIndex;
}

export const BUILT_IN_ORIGIN = "built in";
const MESH_CONFIG_ORIGIN = "MeshConfig default";

/**
 * What the control plane gets while nobody says anything: all failures, and one good request a second to see what those
 * look like. A request costs as much there as in the sidecar: more is a decision.
 */
const CONTROL_PLANE_DEFAULT: AccessLogSpec = {
  disabled: false,
  output: "ControlPlane",
  filter: { errors: true },
  samplingPercentage: 100,
  samplePerSecond: 1,
};

type TelemetrySnapshot = Pick<MeshSnapshot, "meshConfig" | "telemetryPolicies"> & {
  /** Where policies may point; undefined: they are not looked for. */
  readonly services?: MeshSnapshot["services"];
  readonly httpRoutes?: MeshSnapshot["httpRoutes"];
  readonly grpcRoutes?: MeshSnapshot["grpcRoutes"];
};

export function resolveTelemetry(snapshot: TelemetrySnapshot, findings: Findings): TelemetryIndex {
  const config = snapshot.meshConfig?.spec ?? defaultMeshConfigSpec();
  const policies = (snapshot.telemetryPolicies ?? []).toSorted(compareAge);
  const wide = new Map<string, TelemetryPolicy>();
  const ofService = new Map<string, TelemetryPolicy>();
  const selecting = policies.filter(hasSelector);
  const known = new Set(snapshot.services?.map(({ resource }) => qualifiedName(resource.metadata)));
  for (const policy of policies) {
    if (policy.spec.targetRefs !== undefined) {
      if (snapshot.services !== undefined) {
        reportWorkloadTargets(policy, known, findings, isRouteTarget);
      }
      holdServices(policy, ofService, findings);
    } else if (!hasSelector(policy)) {
      const { namespace } = policy.metadata;
      const older = wide.get(namespace);
      if (older === undefined) wide.set(namespace, policy);
      else report(policy, older, "spec.selector", `namespace ${namespace}`, findings);
    }
  }
  const { rootNamespace } = config;
  const groups = new Map<string, TelemetryGroup>();
  const { httpRoutes, grpcRoutes } = snapshot;
  const knownRoutes = httpRoutes && grpcRoutes ? { httpRoutes, grpcRoutes } : undefined;
  return {
    routes: resolveRouteSampling(policies, knownRoutes, findings),
    groupOf: ({ namespace, labels }) => {
      const selectedIn = (of: string): TelemetryPolicy | undefined =>
        selecting.find(
          ({ metadata, spec }) => metadata.namespace === of && hasLabels(labels, spec.selector),
        );
      const layers = [
        wide.get(rootNamespace),
        namespace === rootNamespace ? undefined : selectedIn(rootNamespace),
        namespace === rootNamespace ? undefined : wide.get(namespace),
        selectedIn(namespace),
      ].filter((policy) => policy !== undefined);
      const key = layers.map(({ metadata }) => qualifiedName(metadata)).join(",");
      let group = groups.get(key);
      if (group === undefined) {
        group = groupOf(key, layers, ofService, meshLogs(config.accessLog));
        groups.set(key, group);
      }
      return group;
    },
  };
}

/** The Services among the targets of a policy that no older one holds. */
function holdServices(
  policy: TelemetryPolicy,
  ofService: Map<string, TelemetryPolicy>,
  findings: Findings,
): void {
  for (const [index, target] of (policy.spec.targetRefs ?? []).entries()) {
    if (isRouteTarget(target)) continue;
    const service = qualifiedName({ namespace: policy.metadata.namespace, name: target.name });
    const older = ofService.get(service);
    if (older === undefined) ofService.set(service, policy);
    else report(policy, older, `spec.targetRefs[${index}]`, `Service ${service}`, findings);
  }
}

function groupOf(
  key: string,
  layers: readonly TelemetryPolicy[],
  ofService: ReadonlyMap<string, TelemetryPolicy>,
  base: Said<readonly AccessLogSpec[]>,
): TelemetryGroup {
  const known = new Map<TelemetryPolicy | undefined, EffectiveTelemetry>();
  return {
    key,
    of: (services) => {
      const policy = services.map((service) => ofService.get(service)).find((one) => one);
      let effective = known.get(policy);
      if (effective === undefined) {
        effective = overlaid(policy === undefined ? layers : [...layers, policy], base);
        known.set(policy, effective);
      }
      return effective;
    },
  };
}

/** `layers`: from the widest to the narrowest. */
function overlaid(
  layers: readonly TelemetryPolicy[],
  base: Said<readonly AccessLogSpec[]>,
): EffectiveTelemetry {
  let accessLogs = base;
  let controlPlaneLogs: Said<readonly AccessLogSpec[]> = {
    value: [CONTROL_PLANE_DEFAULT],
    origin: BUILT_IN_ORIGIN,
  };
  let tracing: EffectiveTelemetry["tracing"] = {};
  let metrics: EffectiveTelemetry["metrics"] = {};
  let proxyStatus: EffectiveTelemetry["proxyStatus"];
  const redactedHeaders = new Set<string>();
  for (const policy of layers) {
    const { spec } = policy;
    const origin = formatKey(keyOf(policy));
    if (spec.accessLogs !== undefined) {
      const forControlPlane = spec.accessLogs.filter(({ output }) => output === "ControlPlane");
      const others = spec.accessLogs.filter(({ output }) => output !== "ControlPlane");
      if (forControlPlane.length > 0) controlPlaneLogs = { value: forControlPlane, origin };
      if (others.length > 0 || spec.accessLogs.length === 0) accessLogs = { value: others, origin };
      for (const { redact } of spec.accessLogs) {
        for (const name of redact?.headers ?? []) redactedHeaders.add(name.toLowerCase());
      }
    }
    tracing = { ...tracing, ...saidBy(spec.tracing, origin) };
    metrics = { ...metrics, ...saidBy(spec.metrics, origin) };
    if (spec.proxyStatus !== undefined) proxyStatus = { value: spec.proxyStatus, origin };
  }
  return { accessLogs, controlPlaneLogs, tracing, metrics, proxyStatus, redactedHeaders };
}

function saidBy<T extends object>(part: T | undefined, origin: string): SaidFields<T> {
  const fields = Object.entries(part ?? {}).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    fields.map(([field, value]) => [field, { value, origin }]),
  ) as unknown as SaidFields<T>;
}

/** MeshConfig's line for each request. */
function meshLogs(config: {
  readonly enabled: boolean;
  readonly path: string;
}): Said<readonly AccessLogSpec[]> {
  if (!config.enabled) return { value: [], origin: MESH_CONFIG_ORIGIN };
  const where =
    config.path === "/dev/stdout"
      ? ({ output: "Stdout" } as const)
      : ({ output: "File", path: config.path } as const);
  const log = { disabled: false, samplingPercentage: 100, samplePerSecond: 0, ...where };
  return { value: [log], origin: MESH_CONFIG_ORIGIN };
}

function hasSelector({ spec }: TelemetryPolicy): boolean {
  return Object.keys(spec.selector?.matchLabels ?? {}).length > 0;
}

function report(
  policy: TelemetryPolicy,
  older: TelemetryPolicy,
  path: string,
  what: string,
  findings: Findings,
): void {
  const name = qualifiedName(older.metadata);
  const message = `${what} has an older TelemetryPolicy, ${name}`;
  findings.add("policy-conflict", { object: keyOf(policy), path }, message);
}
