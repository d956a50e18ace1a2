/**
 * The timeouts and retries of a route, each with the object that asked for it. The values are those of the route that
 * proxies run; the objects only tell whose they are.
 */
import type { Duration } from "@bufbuild/protobuf/wkt";
import type {
  RetryPolicy,
  RouteAction,
  Route as RouteMessage,
} from "../../gen/envoy/config/route/v3/route_components_pb.js";
import { BUILT_IN } from "../admin-api/policy-of-service.ts";
import type { EffectiveSetting } from "../api-types.ts";
import type { RouteSource } from "./explain-types.ts";

/** What the objects of the mesh say; empty where they are not known. */
export interface SettingSources {
  /** The rule that the route was made of, as far as settings go. */
  readonly rule: object | undefined;
  readonly source: RouteSource | null;
  /** Of the Service and of the route. */
  readonly service: readonly EffectiveSetting[];
}

/** What some kinds of rules say themselves. */
interface OwnSettings {
  readonly timeouts?: Readonly<Record<string, unknown>>;
  readonly retry?: unknown;
}

/** Envoy's, where the route does not say. */
const DEFAULT_TIMEOUT = "15s";
const NOT_KNOWN = "the route";

export function routeSettings(
  { action }: RouteMessage,
  sources: SettingSources,
): readonly EffectiveSetting[] {
  if (action.case !== "route") return [];
  const route = action.value;
  const rule = (sources.rule ?? {}) as OwnSettings;
  const hasOwn = (field: string): boolean => rule.timeouts?.[field] !== undefined;
  const origin = (isOwn: boolean, field: string): string =>
    isOwn ? ruleText(sources.source) : originOf(field, sources);
  const perTry = route.retryPolicy?.perTryTimeout;
  return [
    {
      field: "timeouts.request",
      value: route.timeout === undefined ? DEFAULT_TIMEOUT : limitText(route.timeout),
      origin: origin(hasOwn("request"), "timeouts.request"),
    },
    ...(perTry === undefined
      ? []
      : [
          {
            field: "timeouts.backendRequest",
            value: limitText(perTry),
            origin: origin(hasOwn("backendRequest"), "timeouts.backendRequest"),
          },
        ]),
    ...(route.idleTimeout === undefined
      ? []
      : [
          {
            field: "timeouts.idle",
            value: limitText(route.idleTimeout),
            origin: origin(false, "timeouts.idle"),
          },
        ]),
    {
      field: "retry",
      value: retryText(route.retryPolicy),
      origin: origin(rule.retry !== undefined, "retry"),
    },
    ...mirrorSettings(route, sources.source),
  ];
}

/** `HTTPRoute default/catalog rule 2`. */
export function ruleText(source: RouteSource | null): string {
  if (source === null) return NOT_KNOWN;
  const object = `${source.kind} ${source.namespace}/${source.name}`;
  return source.rule === null ? object : `${object} rule ${source.rule}`;
}

/** What TrafficPolicy calls the fields that routes have by another name. */
const POLICY_FIELDS: Readonly<Record<string, string>> = {
  "timeouts.backendRequest": "timeouts.perTry",
  retry: "retries",
};

/** A field's own entry; of a group like `retries`, what somebody wrote goes before what nobody did. */
function originOf(field: string, { service, source }: SettingSources): string {
  const name = POLICY_FIELDS[field] ?? field;
  const found = service.filter(
    (setting) => setting.field === name || setting.field.startsWith(`${name}.`),
  );
  const written = found.find(({ origin }) => origin !== BUILT_IN);
  if (written !== undefined) return written.origin;
  return service.length > 0 ? BUILT_IN : ruleText(source);
}

function retryText(policy: RetryPolicy | undefined): string {
  if (policy === undefined || policy.retryOn === "") return "never";
  const count = policy.numRetries ?? 1;
  const statuses =
    policy.retriableStatusCodes.length === 0 ? "" : ` (${policy.retriableStatusCodes.join(", ")})`;
  return `up to ${count} ${count === 1 ? "time" : "times"} on ${policy.retryOn.split(",").join(", ")}${statuses}`;
}

function mirrorSettings(route: RouteAction, source: RouteSource | null): EffectiveSetting[] {
  return route.requestMirrorPolicies.map(({ cluster, runtimeFraction }) => {
    const percent = runtimeFraction?.defaultValue;
    const share =
      percent === undefined
        ? "every request"
        : `${percent.numerator} of ${DENOMINATORS[percent.denominator]} requests`;
    return { field: "mirror", value: `${share} to ${cluster}`, origin: ruleText(source) };
  });
}

const DENOMINATORS = [100, 10_000, 1_000_000] as const;

function limitText(duration: Duration): string {
  const ms = Number(duration.seconds) * 1000 + duration.nanos / 1e6;
  if (ms === 0) return "none";
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}
