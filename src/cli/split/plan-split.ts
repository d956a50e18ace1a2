/**
 * Decides what `tulle split` writes, without writing it: the rule of the route whose backends change, and the
 * Services of versions that do not exist yet. Everything else of an existing route stays as it is.
 */
import type { Service, ServicePort } from "../../resource/kinds/service.ts";
import { failedError, usageError } from "../errors.ts";
import { suggestion } from "../nearest.ts";
import {
  backendsAt,
  catchAllIndex,
  emptyRoute,
  kindsFor,
  type SplitBackendRef,
  type SplitKind,
  type SplitRoute,
  withBackends,
} from "./split-route.ts";
import {
  resolveBackend,
  VERSION_LABEL,
  type VersionBackend,
  type VersionCatalog,
} from "./version-services.ts";
import type { VersionWeight } from "./weights.ts";

export interface SplitRequest {
  readonly service: Service;
  /** Services of the same namespace. */
  readonly services: readonly Service[];
  /** Routes of the same namespace, oldest first. */
  readonly routes: readonly SplitRoute[];
  /** What a port of the service speaks, in the word of the admin API. */
  readonly protocolOf: (port: number) => string;
  readonly runningVersions: readonly string[];
  readonly weights: readonly VersionWeight[];
  /** `--port`. */
  readonly port: number | undefined;
  /** `--route`. */
  readonly route: string | undefined;
}

export interface SplitPlan {
  readonly route: SplitRoute;
  readonly isNewRoute: boolean;
  readonly newServices: readonly Service[];
  readonly backends: readonly PlannedBackend[];
  /** Backends that the rule had and has no more. */
  readonly dropped: readonly string[];
}

export interface PlannedBackend {
  readonly version: string;
  readonly service: string;
  readonly port: number;
  readonly weight: number;
}

export function planSplit(request: SplitRequest): SplitPlan {
  checkParent(request.service);
  const port = choosePort(request);
  const { route, isNew } = chooseRoute(request, port);
  const ruleIndex = catchAllIndex(route);
  const current = backendsAt(route, ruleIndex);
  const catalog: VersionCatalog = {
    parent: request.service,
    services: request.services.filter((service) => service !== request.service),
    runningVersions: request.runningVersions,
    currentBackends: current.map((backend) => backend.name),
  };
  const planned = request.weights.map(({ name, weight }) => {
    const backend = resolveBackend(catalog, name);
    return { backend, weight, port: backendPort(backend, port) };
  });
  checkDistinct(planned.map(({ backend }) => backend.service.metadata.name));
  const backendRefs = planned.map(({ backend, weight, port: number }): SplitBackendRef => {
    const name = backend.service.metadata.name;
    const old = current.find((candidate) => candidate.name === name);
    return { ...(old ?? { group: "", kind: "Service", name }), port: number, weight };
  });
  const names = new Set(backendRefs.map((backend) => backend.name));
  return {
    route: withBackends(route, ruleIndex, backendRefs),
    isNewRoute: isNew,
    newServices: planned
      .filter(({ backend }) => backend.isNew)
      .map(({ backend }) => backend.service),
    backends: planned.map(({ backend, weight, port: number }) => ({
      version: backend.version,
      service: backend.service.metadata.name,
      port: number,
      weight,
    })),
    dropped: current.map((backend) => backend.name).filter((name) => !names.has(name)),
  };
}

function checkParent(service: Service): void {
  const { name } = service.metadata;
  const selector = service.spec.selector ?? {};
  if (Object.keys(selector).length === 0) {
    throw failedError(
      `service ${name} has no selector, so its versions cannot be told apart`,
      "give it a spec.selector, for example app: catalog",
    );
  }
  const version = selector[VERSION_LABEL];
  if (version === undefined) return;
  throw failedError(
    `service ${name} is one version (${VERSION_LABEL}=${version}), so there is nothing to split`,
    "name the service that all versions share",
  );
}

function choosePort(request: SplitRequest): ServicePort {
  const { ports } = request.service.spec;
  const { name } = request.service.metadata;
  const numbers = ports.map((port) => port.port).join(", ");
  if (request.port !== undefined) {
    const found = ports.find((port) => port.port === request.port);
    if (found !== undefined) return found;
    throw usageError(
      `--port: service ${name} has no port ${request.port}`,
      `its ports are ${numbers}`,
    );
  }
  const [only, ...others] = ports;
  if (only === undefined) throw failedError(`service ${name} has no ports`);
  if (others.length === 0) return only;
  throw usageError(`service ${name} has several ports: ${numbers}`, "choose one with --port");
}

/** The route that `--route` names, else the oldest with a rule for every request, else the oldest, else a new one. */
function chooseRoute(
  request: SplitRequest,
  port: ServicePort,
): { readonly route: SplitRoute; readonly isNew: boolean } {
  const { service } = request;
  const kinds = kindsFor(request.protocolOf(port.port));
  const attached = request.routes.filter(
    (route) => kinds.includes(route.kind) && isAttached(route, service, port),
  );
  if (request.route !== undefined) {
    const found = attached.find((route) => route.metadata.name === request.route);
    if (found !== undefined) return { route: found, isNew: false };
    const names = attached.map((route) => route.metadata.name);
    throw failedError(
      `no ${kinds.join(" or ")} "${request.route}" is attached to service ${service.metadata.name}${suggestion(request.route, names)}`,
      names.length === 0 ? "leave out --route to make one" : `its routes are ${names.join(", ")}`,
    );
  }
  const withRule = attached.find((route) => catchAllIndex(route) >= 0);
  const existing = withRule ?? attached[0];
  if (existing !== undefined) return { route: existing, isNew: false };
  return { route: newRoute(request, port, kinds[0] ?? "HTTPRoute"), isNew: true };
}

/** Gateway API (GAMMA): a parentRef to a Service; without port or sectionName it means every port. */
function isAttached(route: SplitRoute, service: Service, port: ServicePort): boolean {
  return (route.spec.parentRefs ?? []).some(
    (ref) =>
      ref.group === "" &&
      ref.kind === "Service" &&
      ref.name === service.metadata.name &&
      (ref.namespace ?? route.metadata.namespace) === service.metadata.namespace &&
      (ref.port ?? port.port) === port.port &&
      (ref.sectionName ?? port.name) === port.name,
  );
}

function newRoute(request: SplitRequest, port: ServicePort, kind: SplitKind): SplitRoute {
  const { name: service, namespace } = request.service.metadata;
  const isOnlyPort = request.service.spec.ports.length === 1;
  const name = isOnlyPort ? service : `${service}-${port.port}`;
  if (request.routes.some((route) => route.kind === kind && route.metadata.name === name)) {
    throw failedError(
      `${kind} ${name} exists, but is not attached to service ${service}`,
      `add {group: "", kind: Service, name: ${service}} to its spec.parentRefs, or delete it`,
    );
  }
  const parent = { group: "", kind: "Service", name: service };
  return emptyRoute(
    kind,
    { name, namespace },
    isOnlyPort ? parent : { ...parent, port: port.port },
  );
}

/** The same number as the parent's port, else the port of the same name, else the only one. */
function backendPort(backend: VersionBackend, parentPort: ServicePort): number {
  const { ports } = backend.service.spec;
  const found =
    ports.find((port) => port.port === parentPort.port) ??
    ports.find((port) => port.name !== undefined && port.name === parentPort.name) ??
    (ports.length === 1 ? ports[0] : undefined);
  if (found !== undefined) return found.port;
  throw failedError(
    `Service ${backend.service.metadata.name} has no port ${parentPort.port}`,
    "give it the same ports as the service that is split",
  );
}

function checkDistinct(names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  throw usageError(`two of the names mean Service ${twice}`, "give each version one weight");
}
