/** Instances of services: registered by sidecars, or written by hand. */
import { Hono } from "hono";
import { isSelected } from "../../translate/mesh-index.ts";
import type { InstancesResponse, InstanceView } from "../api-types.ts";
import { isServing } from "../instance.ts";
import { manualWorkloads } from "../snapshot-builder.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import { isoTime } from "./iso-time.ts";

export function instanceRoutes(deps: AdminApiDeps): Hono {
  const app = new Hono();
  app.get("/instances", (context) => {
    const { translatedRevision: revision } = deps.reconciler;
    const response: InstancesResponse = { revision, instances: instanceViews(deps) };
    return context.json(response);
  });
  return app;
}

type Unselected = Omit<InstanceView, "services">;

/** Sorted by namespace, then name. */
export function instanceViews(deps: AdminApiDeps): readonly InstanceView[] {
  const services = deps.objects.list("Service");
  return [...registeredViews(deps), ...manualViews(deps)]
    .map((view): InstanceView => {
      const selecting = services.filter(
        ({ metadata, spec }) =>
          metadata.namespace === view.namespace && isSelected(view.labels, spec.selector),
      );
      return { ...view, services: selecting.map(({ metadata }) => metadata.name).sort() };
    })
    .sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
}

function orderOf(view: InstanceView): string {
  return `${view.namespace}\n${view.name}`;
}

function registeredViews(deps: AdminApiDeps): readonly Unselected[] {
  return deps.registry.list().map((instance) => {
    const { description } = instance;
    return {
      ...description,
      version: description.labels["version"] ?? "",
      state: instance.state,
      stateSince: isoTime(instance.stateSinceMs),
      serving: isServing(instance),
    };
  });
}

function manualViews(deps: AdminApiDeps): readonly Unselected[] {
  return manualWorkloads(deps.objects).map(({ metadata, spec }) => ({
    name: metadata.name,
    namespace: metadata.namespace,
    service: metadata.labels["app"] ?? "",
    serviceAccount: spec.serviceAccount,
    version: metadata.labels["version"] ?? "",
    address: spec.address,
    zone: spec.zone,
    ports: spec.ports.map((port) => ({
      name: port.name ?? "",
      port: port.port,
      inboundPort: port.inboundPort ?? port.port,
      protocol: port.protocol,
    })),
    labels: metadata.labels,
    state: "manual",
    stateSince: metadata.creationTimestamp ?? isoTime(0),
    serving: true,
  }));
}
