/**
 * Which HTTPRoutes are in force on a Service port, and for whom. A route in the Service's own namespace is a
 * producer route, for every caller; one in another namespace is a consumer route, for callers of its own
 * namespace only, where it replaces the producer's (Gateway API GEP-1426, "Namespace boundaries").
 */
import type { HttpRoute } from "../../resource/kinds/http-route.ts";
import { keyOf } from "../../resource/object.ts";
import type { Findings } from "../findings.ts";
import type { IndexedPort, MeshIndex } from "../mesh-index.ts";
import { compareText, qualifiedName } from "../names.ts";

/** The routes attached to one Service port. */
export interface Attachments {
  readonly producer: readonly HttpRoute[];
  /** By the callers' namespace, in the order of its name. Never empty lists. */
  readonly consumer: ReadonlyMap<string, readonly HttpRoute[]>;
}

/** Attachments by port name (`outbound|80||catalog.default.svc.tulle.local`). */
export type AttachmentsOf = ReadonlyMap<string, Attachments>;

type ParentRef = NonNullable<HttpRoute["spec"]["parentRefs"]>[number];

export function resolveAttachments(index: MeshIndex, findings: Findings): AttachmentsOf {
  const byPort = new Map<string, { producer: HttpRoute[]; consumer: Map<string, HttpRoute[]> }>();
  for (const route of index.snapshot.httpRoutes.toSorted(compareByName)) {
    for (const { port, isConsumer } of parentPorts(route, index, findings)) {
      const entry = byPort.get(port.name) ?? { producer: [], consumer: new Map() };
      byPort.set(port.name, entry);
      const { namespace } = route.metadata;
      const list = isConsumer ? (entry.consumer.get(namespace) ?? []) : entry.producer;
      if (isConsumer) entry.consumer.set(namespace, list);
      if (!list.includes(route)) list.push(route);
    }
  }
  return byPort;
}

interface ParentPort {
  readonly port: IndexedPort;
  readonly isConsumer: boolean;
}

/** The Service ports that a route attaches to. Parents of other kinds are for others (a Gateway). */
function parentPorts(
  route: HttpRoute,
  index: MeshIndex,
  findings: Findings,
): readonly ParentPort[] {
  return (route.spec.parentRefs ?? []).flatMap((ref, refIndex) => {
    if (ref.group !== "" || ref.kind !== "Service") return [];
    const place = { object: keyOf(route), path: `spec.parentRefs[${refIndex}]` };
    const namespace = ref.namespace ?? route.metadata.namespace;
    const key = qualifiedName({ namespace, name: ref.name });
    const service = index.serviceByKey.get(key);
    if (service === undefined) {
      findings.add("parent-not-found", place, `there is no Service ${key}`);
      return [];
    }
    if ((route.spec.hostnames ?? []).length > 0) {
      // GEP-1426, "hostnames field": implementations SHOULD NOT infer any functionality from it.
      const message = "has no effect when the parent is a Service; match the Host header instead";
      findings.add("field-ignored", { ...place, path: "spec.hostnames" }, message);
    }
    const ports = service.ports.filter(({ port }) => isMeant(ref, port));
    if (ports.length === 0) {
      const wanted = [ref.port ?? [], ref.sectionName ?? []].flat().join(" named ");
      const message =
        wanted === ""
          ? `Service ${key} has no HTTP port`
          : `Service ${key} has no HTTP port ${wanted}`;
      findings.add("parent-not-found", place, message);
    }
    const isConsumer = namespace !== route.metadata.namespace;
    return ports.map((port) => ({ port, isConsumer }));
  });
}

/** Without a port or section a route is for every port of the Service. */
function isMeant(ref: ParentRef, port: IndexedPort["port"]): boolean {
  if (ref.port !== undefined && ref.port !== port.port) return false;
  return ref.sectionName === undefined || ref.sectionName === port.name;
}

function compareByName(a: HttpRoute, b: HttpRoute): number {
  return compareText(qualifiedName(a.metadata), qualifiedName(b.metadata));
}
