/** Backends of a rule: which cluster each one is, what is changed on the way to it, and its share. */
import { namedHost } from "../../resource/kinds/external-service.ts";
import type { HttpRoute } from "../../resource/kinds/http-route.ts";
import { mayBeHttp } from "../../resource/port-protocol.ts";
import { isMeshed } from "../cluster.ts";
import { type FindingPlace, type Findings, within } from "../findings.ts";
import type { IndexedPort, MeshIndex } from "../mesh-index.ts";
import { missingClusterName, qualifiedName, serviceHost } from "../names.ts";
import type { TrafficSettings } from "../traffic-settings.ts";
import { applyModifierFilter, type MessageChanges } from "./header-modifier.ts";
import { isRouteRef, MESH_GROUP } from "./reference-kinds.ts";

type Rule = HttpRoute["spec"]["rules"][number];
type BackendRef = NonNullable<Rule["backendRefs"]>[number];
/** What a mirror's reference has too. */
type BackendObjectRef = Omit<BackendRef, "weight" | "filters">;

/** A backend with a weight above zero. */
export interface Backend extends MessageChanges {
  readonly clusterName: string;
  /** False: its share of requests gets 500 (HTTPRouteRule.backendRefs). */
  readonly isValid: boolean;
  /** Its sidecar is told what the client speaks. */
  readonly isMeshed: boolean;
  readonly weight: number;
  /** The Host that it sees, if not the request's. */
  readonly host: string | undefined;
  /** The Host that it sees where nobody wrote one: of a host outside the mesh. */
  readonly defaultHost: string | undefined;
  /** Of the Service; undefined when it does not exist. */
  readonly settings: TrafficSettings | undefined;
}

export type BackendTarget = Pick<
  Backend,
  "clusterName" | "isValid" | "isMeshed" | "defaultHost" | "settings"
>;

/** What holds for every backend of a rule before its own filters. */
export interface BackendDefaults extends MessageChanges {
  readonly host: string | undefined;
}

export interface BackendContext {
  readonly index: MeshIndex;
  /** Of the route. */
  readonly namespace: string;
  /** The rule. */
  readonly place: FindingPlace;
  readonly findings: Findings;
}

/** The backends that get requests at all, in the author's order. */
export function resolveBackends(
  refs: readonly BackendRef[],
  defaults: BackendDefaults,
  context: BackendContext,
): readonly Backend[] {
  return refs.flatMap((ref, index) => {
    if (ref.weight === 0) return [];
    const place = within(context.place, `.backendRefs[${index}]`);
    const target = resolveTarget(ref, "requests", { ...context, place });
    const filtered = applyFilters(ref, defaults, { ...context, place });
    if (filtered !== undefined) return [{ ...target, ...filtered, weight: ref.weight }];
    return [{ ...missing(ref, context), ...defaults, weight: ref.weight }];
  });
}

/** The cluster of a reference. A Service in another namespace needs no ReferenceGrant in a mesh (GEP-1426). */
export function resolveTarget(
  ref: BackendObjectRef,
  carried: "requests" | "stream",
  context: BackendContext,
): BackendTarget {
  const { index, place, findings } = context;
  const key = qualifiedName({ namespace: ref.namespace ?? context.namespace, name: ref.name });
  // A route that delegates: what is wrong with it was said where it was to be replaced.
  if (isRouteRef(ref)) return missing(ref, context);
  const isExternal = ref.group === MESH_GROUP && ref.kind === "ExternalService";
  if (!isExternal && (ref.group !== "" || ref.kind !== "Service")) {
    findings.add("backend-not-found", place, `a ${ref.kind} cannot be a backend`);
    return missing(ref, context);
  }
  const service = index.serviceByKey.get(key);
  if (service === undefined || (service.external !== undefined) !== isExternal) {
    findings.add("backend-not-found", place, `there is no ${ref.kind} ${key}`);
    return missing(ref, context);
  }
  const port = service.ports.find((candidate) => candidate.port.port === ref.port);
  const clusterName = carried === "stream" ? port?.streamCluster : httpClusterOf(port);
  if (port === undefined || clusterName === undefined) {
    const kind = carried === "stream" ? "TCP" : "HTTP";
    findings.add("backend-not-found", place, `${ref.kind} ${key} has no ${kind} port ${ref.port}`);
    return missing(ref, context);
  }
  return {
    clusterName,
    isValid: true,
    isMeshed: isMeshed(port),
    defaultHost: service.external === undefined ? undefined : namedHost(service.external.spec),
    settings: service.settings,
  };
}

function httpClusterOf(port: IndexedPort | undefined): string | undefined {
  return port !== undefined && mayBeHttp(port.protocol) ? port.requestCluster : undefined;
}

function missing(ref: BackendObjectRef, context: BackendContext): BackendTarget {
  const namespace = ref.namespace ?? context.namespace;
  const host = serviceHost({ name: ref.name, namespace }, context.index.snapshot.trustDomain);
  return {
    clusterName: missingClusterName(host, ref.port ?? 0),
    isValid: false,
    isMeshed: false,
    defaultHost: undefined,
    settings: undefined,
  };
}

/** What the backend's own filters make of the rule's changes, or undefined when one cannot be expressed. */
function applyFilters(
  ref: BackendRef,
  defaults: BackendDefaults,
  context: BackendContext,
): BackendDefaults | undefined {
  let { host } = defaults;
  let changes: MessageChanges = defaults;
  for (const [index, filter] of (ref.filters ?? []).entries()) {
    const place = within(context.place, `.filters[${index}]`);
    const { findings } = context;
    switch (filter.type) {
      case "RequestHeaderModifier":
      case "ResponseHeaderModifier":
        changes = applyModifierFilter(changes, filter, place, findings);
        break;
      case "URLRewrite":
        if (filter.urlRewrite.path === undefined) {
          host = filter.urlRewrite.hostname ?? host;
          break;
        }
        findings.add("field-unsupported", place, "a path is rewritten for a whole rule only");
        return undefined;
      case "CORS":
        findings.add("field-ignored", place, "CORS has no effect yet");
        break;
      case "RequestMirror":
      case "RequestRedirect":
      case "ExtensionRef":
      case "ExternalAuth":
        findings.add("field-unsupported", place, `${filter.type} is for whole rules only`);
        return undefined;
    }
  }
  const { requestChanges, responseChanges } = changes;
  return { requestChanges, responseChanges, host };
}
