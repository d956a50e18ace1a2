/** What is told of requests to a Service, each with the object that says so: logs, traces, metrics. Pure. */
import type { AccessLogSpec } from "../../resource/kinds/access-log-settings.ts";
import { TRACING_DEFAULTS } from "../../resource/kinds/telemetry-policy-tracing.ts";
import { Findings } from "../../translate/findings.ts";
import type { Said } from "../../translate/telemetry/said.ts";
import {
  BUILT_IN_ORIGIN,
  type EffectiveTelemetry,
  resolveTelemetry,
  type TelemetryIndex,
} from "../../translate/telemetry/telemetry-index.ts";
import type { AttachedRouteView, EffectiveSetting, InstanceView } from "../api-types.ts";
import type { ObjectCache } from "../object-cache.ts";
import { BUILT_IN, settingText } from "./policy-of-service.ts";

/**
 * `service` is `default/catalog`. More lines where its instances differ, and for routes that say something themselves;
 * `instances` are those of the Service.
 */
export function effectiveTelemetry(
  service: string,
  instances: readonly Pick<InstanceView, "namespace" | "labels">[],
  routes: readonly Pick<AttachedRouteView, "kind" | "namespace" | "name">[],
  objects: ObjectCache,
): readonly EffectiveSetting[] {
  const index = resolveTelemetry(
    {
      meshConfig: objects.list("MeshConfig")[0],
      telemetryPolicies: objects.list("TelemetryPolicy"),
    },
    new Findings(),
  );
  const [namespace = ""] = service.split("/");
  // Of a Service without instances there is what its namespace says.
  const workloads = instances.length > 0 ? instances : [{ namespace, labels: {} }];
  const settings = new Map<string, EffectiveSetting>();
  for (const workload of workloads) {
    for (const setting of settingsOf(index.groupOf(workload).of([service]))) {
      settings.set(JSON.stringify(setting), setting);
    }
  }
  return [...settings.values(), ...routes.flatMap((route) => routeSettings(route, index, objects))];
}

/** `tracing.sampling of HTTPRoute default/items rule slow`. */
function routeSettings(
  { kind, namespace, name }: Pick<AttachedRouteView, "kind" | "namespace" | "name">,
  index: TelemetryIndex,
  objects: ObjectCache,
): readonly EffectiveSetting[] {
  if (kind !== "HTTPRoute" && kind !== "GRPCRoute") return [];
  const rules = objects.get(kind, namespace, name)?.spec.rules ?? [];
  const route = { kind, namespace, name };
  const ofRoute = index.routes.of(route);
  const text = `${kind} ${namespace}/${name}`;
  const own = rules.flatMap((rule) => {
    const ofRule = rule.name === undefined ? undefined : index.routes.of(route, rule.name);
    const isOwn = ofRule !== undefined && ofRule.sampling.origin !== ofRoute?.sampling.origin;
    return isOwn ? samplingSettings(`${text} rule ${rule.name}`, ofRule) : [];
  });
  return [...(ofRoute === undefined ? [] : samplingSettings(text, ofRoute)), ...own];
}

function samplingSettings(of: string, said: object): readonly EffectiveSetting[] {
  return saidSettings("tracing", said).map((one) => ({ ...one, field: `${one.field} of ${of}` }));
}

function saidSettings(prefix: string, fields: object): readonly EffectiveSetting[] {
  return Object.entries(fields).flatMap(([field, said]: [string, Said<unknown> | undefined]) => {
    if (said === undefined) return [];
    return [{ field: `${prefix}.${field}`, value: settingText(said.value), origin: said.origin }];
  });
}

function settingsOf(telemetry: EffectiveTelemetry): readonly EffectiveSetting[] {
  const { accessLogs, controlPlaneLogs, tracing, metrics, proxyStatus } = telemetry;
  return [
    ...logSettings("accessLogs", accessLogs),
    ...logSettings("controlPlaneLogs", controlPlaneLogs),
    ...(tracing.sampling === undefined
      ? [{ field: "tracing.sampling", value: `${TRACING_DEFAULTS.sampling}`, origin: BUILT_IN }]
      : []),
    ...saidSettings("tracing", tracing),
    ...saidSettings("metrics", metrics),
    ...(proxyStatus === undefined ? [] : saidSettings("telemetry", { proxyStatus })),
  ];
}

function logSettings(
  name: string,
  { value, origin }: Said<readonly AccessLogSpec[]>,
): readonly EffectiveSetting[] {
  const from = origin === BUILT_IN_ORIGIN ? BUILT_IN : origin;
  const logs = value.filter(({ disabled }) => !disabled);
  if (logs.length === 0) return [{ field: name, value: "none", origin: from }];
  return logs.map((log, index) => ({
    field: logs.length === 1 ? name : `${name}[${index}]`,
    value: logText(log),
    origin: from,
  }));
}

/** `Stdout, server side: {"statusCodes":["5xx"]}, 10 % of them`. */
function logText(log: AccessLogSpec): string {
  const { output, path, match, filter, samplingPercentage, samplePerSecond, capture } = log;
  const mode = match?.mode ?? "CLIENT_AND_SERVER";
  const side = mode === "CLIENT_AND_SERVER" ? "" : `, ${mode.toLowerCase()} side`;
  const parts = [
    filter === undefined ? "every request" : requestsText(filter),
    ...(samplePerSecond > 0 ? [`and ${samplePerSecond} other a second`] : []),
    ...(samplingPercentage < 100 ? [`${samplingPercentage} % of them`] : []),
    ...(capture === undefined ? [] : [`with ${Object.keys(capture).join(", ")}`]),
  ];
  return `${path ?? output}${side}: ${parts.join(", ")}`;
}

function requestsText(filter: NonNullable<AccessLogSpec["filter"]>): string {
  const { errors, ...others } = filter;
  const isOnly = Object.values(others).every((value) => value === undefined);
  return errors === true && isOnly ? "failures" : JSON.stringify(filter);
}
