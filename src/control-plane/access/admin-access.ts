/** The admin API's door, put together: tokens, users, mesh identities and limits. */
import type { Clock } from "../../core/clock.ts";
import type { Logger } from "../../core/logger.ts";
import type { MetricRegistry } from "../../telemetry/metric-registry.ts";
import type { AdminAccess } from "../admin-api/admin-api-deps.ts";
import type { ObjectCache } from "../object-cache.ts";
import { createAccessMetrics } from "./access-metrics.ts";
import { MeshAccessSettings } from "./access-settings.ts";
import { AdminTokens } from "./admin-tokens.ts";
import { Authenticator } from "./authenticator.ts";
import { ClientLimits } from "./client-limits.ts";
import { OidcUserTokens } from "./user-tokens.ts";

export function createAdminAccess(deps: {
  readonly objects: ObjectCache;
  readonly tokensPath: string;
  readonly metrics: MetricRegistry;
  readonly clock: Clock;
  readonly log: Logger;
}): AdminAccess {
  const tokens = new AdminTokens(deps.tokensPath, deps.clock);
  const settings = new MeshAccessSettings(deps.objects);
  return {
    tokens,
    authenticator: new Authenticator({ tokens, settings, users: new OidcUserTokens(deps) }),
    limits: new ClientLimits(deps.clock),
    metrics: createAccessMetrics(deps.metrics),
  };
}
