/** The filters of one listener, made from their compiled configuration. Those that stay the same keep their state. */
import { assertNever } from "../../core/assert.ts";
import type { FilterEntry } from "../config/http-filters.ts";
import { AdmissionFilter } from "./admission-filter.ts";
import { BandwidthFilter } from "./bandwidth-filter.ts";
import { CacheFilter } from "./cache-filter.ts";
import { ConcurrencyFilter } from "./concurrency-filter.ts";
import { CorsFilter } from "./cors-filter.ts";
import { ExtAuthzFilter } from "./ext-authz-filter.ts";
import { FaultFilter } from "./fault-filter.ts";
import { FaultResetFilter } from "./fault-reset-filter.ts";
import type { FilterServices } from "./filter-services.ts";
import { GrpcWebFilter } from "./grpc-web-filter.ts";
import type { HttpFilter } from "./http-filter.ts";
import { JwtAuthnFilter } from "./jwt-authn-filter.ts";
import { LocalRateLimitFilter } from "./local-rate-limit-filter.ts";
import { OidcFilter } from "./oidc-filter.ts";
import { RateLimitServiceFilter } from "./rate-limit-service-filter.ts";
import { RbacFilter } from "./rbac-filter.ts";
import { StatefulSessionFilter } from "./stateful-session-filter.ts";

export interface ChainedFilter {
  /** Under which routes speak of it. */
  readonly name: string;
  readonly filter: HttpFilter;
  /** It acts only where a route has settings for it. */
  readonly isDisabled: boolean;
  readonly entry: FilterEntry;
}

export type FilterChain = readonly ChainedFilter[];

/** `before` is the chain that this one replaces. */
export function createFilterChain(
  entries: readonly FilterEntry[],
  services: FilterServices,
  before: FilterChain,
): FilterChain {
  return entries.map((entry) => {
    const known = before.find((other) => other.name === entry.name);
    const filter =
      known?.entry.key === entry.key ? known.filter : createFilter(entry, services, known?.filter);
    return { name: entry.name, filter, isDisabled: entry.isDisabled, entry };
  });
}

/** `before` had the same name, and other settings. */
function createFilter(
  { rule }: FilterEntry,
  services: FilterServices,
  before: HttpFilter | undefined,
): HttpFilter {
  switch (rule.kind) {
    case "cache":
      return new CacheFilter(rule, services);
    case "cors":
      return new CorsFilter(rule, services);
    case "ext-authz":
      return new ExtAuthzFilter(rule, services);
    case "fault":
      return new FaultFilter(rule, services);
    case "fault-reset":
      return new FaultResetFilter(rule, services);
    case "grpc-web":
      return new GrpcWebFilter();
    case "jwt-authn":
      return new JwtAuthnFilter(rule, services, before);
    case "admission":
      return new AdmissionFilter(rule);
    case "bandwidth":
      return new BandwidthFilter(rule, services);
    case "adaptive-concurrency":
      return new ConcurrencyFilter(rule, services);
    case "local-rate-limit":
      return new LocalRateLimitFilter(rule, services, before);
    case "oidc":
      return new OidcFilter(rule, services);
    case "rate-limit-service":
      return new RateLimitServiceFilter(rule, services);
    case "ext-authz-route":
    case "jwt-authn-route":
    case "rate-limit-service-route":
      throw new Error("invariant broken: what routes say makes no filter");
    case "rbac":
      return new RbacFilter(rule, services);
    case "stateful-session":
      return new StatefulSessionFilter(rule, services);
    default:
      return assertNever(rule, "kind of filter");
  }
}
