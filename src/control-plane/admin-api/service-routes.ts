/** Services as a person wants to see them: endpoints by version, routes, and what holds for their traffic. */
import { Hono } from "hono";
import type { ObjectOf } from "../../resource/kind-map.ts";
import { endpointsOf, servicePorts } from "../../resource/kinds/external-service.ts";
import { defaultMeshConfigSpec, type MeshConfigSpec } from "../../resource/kinds/mesh-config.ts";
import { isHeadless, targetPortOf } from "../../resource/kinds/service.ts";
import { nearestName } from "../../resource/nearest-name.ts";
import { formatKey, keyOf } from "../../resource/object.ts";
import { effectiveProtocol } from "../../resource/port-protocol.ts";
import { DNS_PORT } from "../../translate/dns-listener.ts";
import { listenPortOf } from "../../translate/loopback-block.ts";
import { qualifiedName, serviceHost } from "../../translate/names.ts";
import type {
  InstanceView,
  ServicesResponse,
  ServiceVersionView,
  ServiceView,
} from "../api-types.ts";
import { addressedInstances } from "../instance-indexes.ts";
import { groupByObject, type MeshFinding } from "../mesh-finding.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import { apiError } from "./api-error.ts";
import { findingView } from "./finding-view.ts";
import { instanceViews } from "./instance-routes.ts";
import { effectiveAuthentication } from "./service-authentication.ts";
import { effectiveAuthorization } from "./service-authorization.ts";
import { effectiveCache } from "./service-cache.ts";
import { effectiveFaults } from "./service-faults.ts";
import { effectiveLimits } from "./service-limits.ts";
import { effectiveMeshSettings } from "./service-mesh-settings.ts";
import { effectiveMtls } from "./service-mtls.ts";
import { effectiveSettings } from "./service-policy.ts";
import { attachedRoutes } from "./service-routes-view.ts";
import { effectiveTelemetry } from "./service-telemetry.ts";

export function serviceRoutes(deps: AdminApiDeps): Hono {
  const app = new Hono();

  app.get("/services", (context) => {
    const response: ServicesResponse = {
      revision: deps.reconciler.translatedRevision,
      services: serviceViews(deps),
      ...(meshConfigOf(deps).dns.enabled ? { dnsPort: DNS_PORT } : {}),
    };
    return context.json(response);
  });

  app.get("/services/:namespace/:name", (context) => {
    const { namespace, name } = context.req.param();
    const service =
      deps.objects.get("Service", namespace, name) ??
      deps.objects.get("ExternalService", namespace, name);
    if (service === undefined) throw notFound(deps, namespace, name);
    return context.json(serviceView(deps, service, viewContext(deps)));
  });

  return app;
}

function serviceViews(deps: AdminApiDeps): readonly ServiceView[] {
  const context = viewContext(deps);
  return routableObjects(deps)
    .toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
    .map((service) => serviceView(deps, service, context));
}

type Routable = ObjectOf<"Service" | "ExternalService">;

/** Services, and hosts outside the mesh whose name is no Service's. */
function routableObjects({ objects }: AdminApiDeps): readonly Routable[] {
  const services = objects.list("Service");
  const names = new Set(services.map(nameOf));
  const externals = objects.list("ExternalService").filter((one) => !names.has(nameOf(one)));
  return [...services, ...externals];
}

function nameOf({ metadata }: Routable): string {
  return `${metadata.namespace}/${metadata.name}`;
}

interface ViewContext {
  readonly instances: readonly InstanceView[];
  readonly findingsOf: ReadonlyMap<string, readonly MeshFinding[]>;
  /** MeshConfig's. */
  readonly opaquePorts: readonly number[];
}

function viewContext(deps: AdminApiDeps): ViewContext {
  return {
    instances: instanceViews(deps),
    findingsOf: groupByObject(deps.reconciler.report.findings),
    opaquePorts: meshConfigOf(deps).protocolDetection.opaquePorts,
  };
}

function meshConfigOf({ objects }: AdminApiDeps): MeshConfigSpec {
  return objects.list("MeshConfig")[0]?.spec ?? defaultMeshConfigSpec();
}

function serviceView(deps: AdminApiDeps, service: Routable, context: ViewContext): ServiceView {
  const { metadata } = service;
  const { namespace, name } = metadata;
  const ports = service.kind === "Service" ? service.spec.ports : servicePorts(service.spec);
  const endpoints = context.instances.filter(
    (instance) => instance.namespace === namespace && instance.services.includes(name),
  );
  const routes = attachedRoutes(service, deps.objects, context.findingsOf);
  return {
    kind: service.kind,
    name,
    namespace,
    host: serviceHost(metadata, deps.info.trustDomain),
    serviceIndex: deps.serviceIndexes.get(`${namespace}/${name}`) ?? -1,
    ports: ports.map((port) => {
      const { protocol, origin } = effectiveProtocol(port, context.opaquePorts);
      return {
        name: port.name ?? "",
        port: port.port,
        listenPort: listenPortOf(port.port),
        targetPort: String(targetPortOf(port)),
        protocol: port.protocol === "TCP" ? protocol : port.protocol,
        protocolOrigin: port.protocol === "TCP" ? origin : "not meshed",
      };
    }),
    selector: service.kind === "Service" ? (service.spec.selector ?? {}) : {},
    versions: service.kind === "Service" ? versionViews(endpoints) : outsideViews(service),
    routes,
    instanceIndexes: instanceIndexes(deps, service, endpoints),
    policy: [
      ...effectiveSettings(service, deps.objects),
      ...effectiveLimits(service, deps.objects),
      ...effectiveFaults(service, deps.objects, deps.clock.nowMs()),
      ...effectiveCache(service, deps.objects),
      ...effectiveMtls(ports, endpoints, deps.objects),
      ...effectiveMeshSettings(deps.objects),
      ...effectiveTelemetry(qualifiedName(service.metadata), endpoints, routes, deps.objects),
      ...effectiveAuthentication(
        qualifiedName(service.metadata),
        endpoints,
        deps.objects,
        deps.keySets.sets,
      ),
      ...effectiveAuthorization(qualifiedName(service.metadata), ports, endpoints, deps.objects),
    ],
    findings: (context.findingsOf.get(formatKey(keyOf(service))) ?? []).map(findingView),
  };
}

function instanceIndexes(
  { serviceIndexes }: AdminApiDeps,
  service: Routable,
  endpoints: readonly InstanceView[],
): ServiceView["instanceIndexes"] {
  if (service.kind !== "Service" || !isHeadless(service.spec)) return {};
  const addressed = addressedInstances(service, endpoints, serviceIndexes);
  return Object.fromEntries(
    addressed.map(({ instance, serviceIndex }) => [instance.name, serviceIndex]),
  );
}

/** Nobody reports how hosts outside are: they are shown as Workloads that are written by hand. */
function outsideViews({ spec }: ObjectOf<"ExternalService">): readonly ServiceVersionView[] {
  const [port] = spec.ports;
  const endpoints = endpointsOf(spec).map((endpoint) => ({
    instance: endpoint.address,
    address: `${endpoint.address}:${endpoint.port ?? port?.targetPort ?? port?.port ?? 0}`,
    zone: endpoint.zone,
    state: "manual" as const,
    serving: true,
  }));
  return [{ version: "", endpoints, serving: endpoints.length }];
}

function versionViews(endpoints: readonly InstanceView[]): readonly ServiceVersionView[] {
  const versions = [...new Set(endpoints.map(({ version }) => version))].sort();
  return versions.map((version) => {
    const members = endpoints.filter((endpoint) => endpoint.version === version);
    return {
      version,
      endpoints: members.map((endpoint) => ({
        instance: endpoint.name,
        address: endpoint.address,
        zone: endpoint.zone,
        state: endpoint.state,
        serving: endpoint.serving,
      })),
      serving: members.filter(({ serving }) => serving).length,
    };
  });
}

function notFound(deps: AdminApiDeps, namespace: string, name: string): Error {
  const names = routableObjects(deps)
    .filter(({ metadata }) => metadata.namespace === namespace)
    .map(({ metadata }) => metadata.name);
  const nearest = nearestName(name, names);
  return apiError("not_found", `there is no Service ${namespace}/${name}`, {
    hint: nearest === undefined ? "`tulle get services` lists them" : `did you mean ${nearest}?`,
  });
}
