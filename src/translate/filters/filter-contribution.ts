/**
 * An HTTP filter that policies bring into listeners, and what hosts and routes say to it. The filter stands in the
 * listener disabled: it acts only where its virtual host or the request's route has settings for it.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import type { RateLimit } from "../../gen/envoy/config/route/v3/route_components_pb.js";
import type { HttpFilterSchema } from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { Caller } from "../caller.ts";

export interface FilterContribution {
  /** Its name in `http_filters` and in `typed_per_filter_config`: `envoy.filters.http.fault`. */
  readonly name: string;
  /** The least that makes a listener have the filter. */
  readonly ofListener: Any;
  /** A filter of ours: proxies that do not know it pass over it. */
  readonly isOptional?: boolean;
  /** It acts on every request of its listeners, and neither hosts nor routes have settings. */
  readonly actsAlways?: boolean;
  /** For every request of the Service; undefined when only routes have settings. */
  readonly ofHost: Any | undefined;
  /** By route object as `routeKey` names it. They go before the host's. */
  readonly ofRoutes: ReadonlyMap<string, Any>;
  /**
   * What it says to hosts and routes in the sidecar of one caller, where that is not the same for all. Without it, and
   * where the caller is not known, `ofHost` and `ofRoutes` hold.
   */
  readonly forCaller?: (caller: Caller) => FilterSettings;
  /** `rate_limits` of the virtual host, and those of routes by `routeKey`: what filters of this kind ask a service about. */
  readonly limitsOfHost?: readonly RateLimit[];
  readonly limitsOfRoutes?: ReadonlyMap<string, readonly RateLimit[]>;
  /**
   * Response flags that no other filter raises (`["FI"]`), and the policy that is the cause of answers with them
   * (`FaultPolicy/default/catalog`). Such answers name it.
   */
  readonly replies?: { readonly flags: readonly string[]; readonly cause: string };
}

/** What hosts and routes say to a filter. */
export type FilterSettings = Pick<FilterContribution, "ofHost" | "ofRoutes">;

/** Whether any of them differs from caller to caller. */
export function dependOnCaller(contributions: readonly FilterContribution[]): boolean {
  return contributions.some(({ forCaller }) => forCaller !== undefined);
}

type HttpFilterInit = MessageInitShape<typeof HttpFilterSchema>;

/** `HTTPRoute/default/catalog`. */
export function routeKey(kind: string, qualifiedName: string): string {
  return `${kind}/${qualifiedName}`;
}

/** Entries for `http_filters`, in the order of the contributions. */
export function listenerFilters(contributions: readonly FilterContribution[]): HttpFilterInit[] {
  return contributions.map(({ name, ofListener, isOptional = false, actsAlways = false }) => ({
    name,
    disabled: !actsAlways,
    isOptional,
    configType: { case: "typedConfig", value: ofListener },
  }));
}

/** `typed_per_filter_config` of a virtual host. */
export function hostFilterConfigs(
  contributions: readonly FilterContribution[],
  caller?: Caller,
): Record<string, Any> {
  return configsOf(contributions, caller, ({ ofHost }) => ofHost);
}

/** `typed_per_filter_config` of the routes that one route object becomes. */
export function routeFilterConfigs(
  contributions: readonly FilterContribution[],
  key: string,
  caller?: Caller,
): Record<string, Any> {
  return configsOf(contributions, caller, ({ ofRoutes }) => ofRoutes.get(key));
}

/** `rate_limits` of a virtual host. */
export function hostRateLimits(contributions: readonly FilterContribution[]): RateLimit[] {
  return contributions.flatMap(({ limitsOfHost = [] }) => limitsOfHost);
}

/** `rate_limits` of the routes that one route object becomes. */
export function routeRateLimits(
  contributions: readonly FilterContribution[],
  key: string,
): RateLimit[] {
  return contributions.flatMap(({ limitsOfRoutes }) => limitsOfRoutes?.get(key) ?? []);
}

function configsOf(
  contributions: readonly FilterContribution[],
  caller: Caller | undefined,
  pick: (settings: FilterSettings) => Any | undefined,
): Record<string, Any> {
  const entries = contributions.flatMap((contribution) => {
    const { forCaller } = contribution;
    const ofCaller = caller === undefined ? undefined : forCaller?.(caller);
    const config = pick(ofCaller ?? contribution);
    return config === undefined ? [] : [[contribution.name, config] as const];
  });
  return Object.fromEntries(entries);
}
