/** Whom Prometheus is to scrape: HTTP service discovery (`http_sd_configs`), the proxies and the control plane itself. */
import { Hono } from "hono";
import type { ScrapeTarget } from "../api-types.ts";
import { SYSTEM_NAMESPACE } from "../join-token-issuer.ts";
import type { ProxyEntry } from "../proxy-directory.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";

/** What boards select the control plane by. */
const CONTROL_PLANE_APP = "tulle-control-plane";

export function prometheusRoutes(deps: AdminApiDeps): Hono {
  const app = new Hono();
  app.get("/prometheus/targets", (context) => {
    const proxies = deps.proxies.connected().flatMap((entry) => proxyTarget(entry));
    // Prometheus asks for itself where it finds us: what it called us by is where to scrape us.
    const own = context.req.header("host") ?? "";
    const targets: readonly ScrapeTarget[] = [
      ...(own === "" ? [] : [controlPlaneTarget(own, deps.info.mesh)]),
      ...proxies,
    ];
    return context.json(targets);
  });
  return app;
}

/** Labels as Kubernetes' service discovery gives them, which Istio's boards and Kiali look for. */
function proxyTarget({ node }: ProxyEntry): readonly ScrapeTarget[] {
  if (node.adminAddress === "") return [];
  const { namespace, nodeId } = node.scope;
  return [
    {
      targets: [node.adminAddress],
      labels: {
        __metrics_path__: "/stats/prometheus",
        namespace,
        pod: nodeId,
        app: node.service,
      },
    },
  ];
}

function controlPlaneTarget(address: string, mesh: string): ScrapeTarget {
  return {
    targets: [address],
    labels: {
      __metrics_path__: "/metrics",
      namespace: SYSTEM_NAMESPACE,
      pod: mesh,
      app: CONTROL_PLANE_APP,
    },
  };
}
