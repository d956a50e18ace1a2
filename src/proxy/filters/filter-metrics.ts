/** What HTTP filters count, declared once per process and shared by the filters of all listeners. */
import type { MetricRegistry } from "../../telemetry/metric-registry.ts";
import { createExtAuthzMetrics, type ExtAuthzMetrics } from "../ext-authz/ext-authz-metrics.ts";
import { createOidcMetrics, type OidcMetrics } from "../oidc/oidc-metrics.ts";
import { PolicyMetrics } from "../policy-decisions.ts";
import { type BandwidthMetrics, createBandwidthMetrics } from "./bandwidth-metrics.ts";
import { type CacheMetrics, createCacheMetrics } from "./cache-metrics.ts";
import { type ConcurrencyMetrics, createConcurrencyMetrics } from "./concurrency-metrics.ts";
import { type CorsMetrics, createCorsMetrics } from "./cors-metrics.ts";
import { createFaultMetrics, type FaultMetrics } from "./fault-metrics.ts";
import { createJwtMetrics, type JwtMetrics } from "./jwt-metrics.ts";
import { createRateLimitMetrics, type RateLimitMetrics } from "./local-rate-limit-metrics.ts";
import {
  createRateLimitServiceMetrics,
  type RateLimitServiceMetrics,
} from "./rate-limit-service-metrics.ts";

export interface FilterMetrics {
  readonly authorization: PolicyMetrics;
  readonly bandwidth: BandwidthMetrics;
  readonly cache: CacheMetrics;
  readonly cors: CorsMetrics;
  readonly extAuthz: ExtAuthzMetrics;
  readonly fault: FaultMetrics;
  readonly jwt: JwtMetrics;
  readonly oidc: OidcMetrics;
  readonly rateLimit: RateLimitMetrics;
  readonly rateLimitService: RateLimitServiceMetrics;
  readonly concurrency: ConcurrencyMetrics;
}

export function createFilterMetrics(registry: MetricRegistry): FilterMetrics {
  return {
    authorization: new PolicyMetrics(registry),
    bandwidth: createBandwidthMetrics(registry),
    cache: createCacheMetrics(registry),
    cors: createCorsMetrics(registry),
    extAuthz: createExtAuthzMetrics(registry),
    fault: createFaultMetrics(registry),
    jwt: createJwtMetrics(registry),
    oidc: createOidcMetrics(registry),
    rateLimit: createRateLimitMetrics(registry),
    rateLimitService: createRateLimitServiceMetrics(registry),
    concurrency: createConcurrencyMetrics(registry),
  };
}
