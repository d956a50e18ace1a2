/** Instances of services: registered by sidecars, or written by hand. */
import { Hono } from "hono";
import { nearestName } from "../../resource/nearest-name.ts";
import { keyOf } from "../../resource/object.ts";
import { isSelected } from "../../translate/mesh-index.ts";
import type { InstanceActionResponse } from "../action-types.ts";
import type { InstancesResponse, InstanceView } from "../api-types.ts";
import { isServing } from "../instance.ts";
import { manualWorkloads } from "../snapshot-builder.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import type { AdminEnv } from "./admin-env.ts";
import { apiError } from "./api-error.ts";
import { isoTime } from "./iso-time.ts";
import { readBody } from "./request-body.ts";
import { parseBody, REQUEST_SCHEMAS } from "./request-schemas.ts";

export function instanceRoutes(deps: AdminApiDeps): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  app.get("/instances", (context) => {
    const { translatedRevision: revision } = deps.reconciler;
    const response: InstancesResponse = { revision, instances: instanceViews(deps) };
    return context.json(response);
  });
  app.post("/instances/:namespace/:name/actions", async (context) => {
    const { namespace, name } = context.req.param();
    const body = await readBody(context.req.raw);
    const { action } = parseBody(REQUEST_SCHEMAS.InstanceActionRequest, body);
    context.set("audited", {
      object: { kind: "Workload", namespace, name },
      details: { asked: action },
    });
    await setMaintenance(deps, { namespace, name }, action === "drain");
    const instance = instanceViews(deps).find(
      (view) => view.namespace === namespace && view.name === name,
    );
    if (instance === undefined) throw unknownInstance(deps, { namespace, name });
    const response: InstanceActionResponse = { action, instance };
    return context.json(response);
  });
  return app;
}

interface InstanceRef {
  readonly namespace: string;
  readonly name: string;
}

/** Of a registered instance the registry knows it, of one written by hand its Workload's status. */
async function setMaintenance(
  deps: AdminApiDeps,
  { namespace, name }: InstanceRef,
  isInMaintenance: boolean,
): Promise<void> {
  if (deps.registry.setMaintenance(`${namespace}/${name}`, isInMaintenance)) return;
  const workload = deps.objects.get("Workload", namespace, name);
  if (workload === undefined) throw unknownInstance(deps, { namespace, name });
  const { maintenance: _, ...status } = workload.status ?? {};
  const key = keyOf(workload);
  const after = isInMaintenance ? { ...status, maintenance: true } : status;
  await deps.store.apply([{ type: "status", key, status: after }]);
}

function unknownInstance(deps: AdminApiDeps, { namespace, name }: InstanceRef): Error {
  const names = instanceViews(deps)
    .filter((view) => view.namespace === namespace)
    .map((view) => view.name);
  const nearest = nearestName(name, names);
  return apiError("not_found", `there is no instance ${namespace}/${name}`, {
    hint: nearest === undefined ? "`tulle get workloads` lists them" : `did you mean ${nearest}?`,
  });
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
      maintenance: instance.isInMaintenance,
      stateSince: isoTime(instance.stateSinceMs),
      serving: isServing(instance),
    };
  });
}

function manualViews(deps: AdminApiDeps): readonly Unselected[] {
  return manualWorkloads(deps.objects).map(({ metadata, spec, status }) => ({
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
    maintenance: status?.maintenance === true,
    stateSince: metadata.creationTimestamp ?? isoTime(0),
    serving: status?.maintenance !== true,
  }));
}
