/** Proxies with what they tell of themselves. */
import type { ProxiesTelemetryResponse, ProxyFigures } from "../telemetry-types.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import { proxyView } from "./proxy-routes.ts";
import { freshFigures } from "./telemetry-mesh.ts";
import { type AskedWindow, windowView } from "./telemetry-query.ts";

export async function proxyFigures(
  deps: AdminApiDeps,
  { fromMs, toMs, namespace, service }: AskedWindow,
): Promise<ProxiesTelemetryResponse> {
  const figures = await freshFigures(deps);
  const nowMs = deps.clock.nowMs();
  const proxies = deps.proxies
    .list()
    .map((entry) => proxyView(deps, entry))
    .filter((view) => namespace === undefined || view.namespace === namespace)
    .filter((view) => service === undefined || view.service === service)
    .map((view): ProxyFigures => {
      const told = figures.get(`${view.namespace}/${view.id}`);
      const refused = view.types.find((type) => type.refused !== null)?.refused;
      const waitingSince = view.types
        .filter((type) => type.stale && type.sentAt !== null)
        .map((type) => Date.parse(type.sentAt ?? ""));
      return {
        name: view.id,
        service: { namespace: view.namespace, name: view.service },
        version: view.version,
        isConnected: view.connected,
        revision: view.acknowledgedRevision === 0 ? null : view.acknowledgedRevision,
        staleSeconds: waitingSince.length === 0 ? null : (nowMs - Math.min(...waitingSince)) / 1000,
        refusal: refused?.message ?? null,
        cpuCores: told?.cpuCores ?? null,
        memoryBytes: told?.memoryBytes ?? null,
        eventLoopLagMs: told?.eventLoopLagMs ?? null,
        lastTelemetry: told === undefined ? null : new Date(told.heardMs).toISOString(),
      };
    });
  return { window: windowView({ fromMs, toMs, stepMs: toMs - fromMs }), proxies };
}
