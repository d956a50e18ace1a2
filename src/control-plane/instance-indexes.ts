/**
 * Which instances of headless Services have an address of their own in every sidecar's block. One that is gone keeps
 * it for as long as there is room, so that it comes back under the same address, and a caller that still knows the
 * address never reaches another instance.
 */
import type { ObjectOf } from "../resource/kind-map.ts";
import { isHeadless } from "../resource/kinds/service.ts";
import { isSelected } from "../translate/mesh-index.ts";
import type { ObjectCache } from "./object-cache.ts";
import type { ServiceIndexes } from "./service-index.ts";

/** Of one Service. Each is a listener and a cluster of every sidecar of the mesh. */
export const ADDRESSED_INSTANCES_MAX = 64;

/** Of an instance, registered or written by hand. */
export interface SelectableInstance {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

type Service = ObjectOf<"Service">;

/** `default/catalog/catalog-0`: what {@link ServiceIndexes} knows it by. */
export function instanceIndexKey(service: Service, instance: string): string {
  const { namespace, name } = service.metadata;
  return `${namespace}/${name}/${instance}`;
}

export function headlessServices(objects: ObjectCache): readonly Service[] {
  return objects.list("Service").filter(({ spec }) => isHeadless(spec));
}

/** Those behind a Service that have an address, in the order of their names. */
export function addressedInstances<I extends SelectableInstance>(
  service: Service,
  instances: readonly I[],
  indexes: ServiceIndexes,
): readonly { readonly instance: I; readonly serviceIndex: number }[] {
  return selectedBy(service, instances).flatMap((instance) => {
    const serviceIndex = indexes.get(instanceIndexKey(service, instance.name));
    return serviceIndex === undefined ? [] : [{ instance, serviceIndex }];
  });
}

/** The keys that ought to have an index: what is there, those with an address first, then what was there. */
export function wantedInstanceKeys(
  services: readonly Service[],
  instances: readonly SelectableInstance[],
  indexes: ServiceIndexes,
): readonly string[] {
  if (services.length === 0) return [];
  const known = indexes.instanceKeys();
  return services.flatMap((service) => {
    const prefix = instanceIndexKey(service, "");
    const before = new Set(known.filter((key) => key.startsWith(prefix)));
    const present = new Set(
      selectedBy(service, instances).map(({ name }) => instanceIndexKey(service, name)),
    );
    const wanted = [
      ...[...present].filter((key) => before.has(key)),
      ...[...present].filter((key) => !before.has(key)),
      ...[...before].filter((key) => !present.has(key)),
    ];
    return wanted.slice(0, ADDRESSED_INSTANCES_MAX);
  });
}

/** For the status of a Service; undefined when it is not headless. */
export function instanceIndexesOf(
  service: Service,
  indexes: ServiceIndexes,
): Readonly<Record<string, number>> | undefined {
  if (!isHeadless(service.spec)) return undefined;
  const prefix = instanceIndexKey(service, "");
  const keys = indexes.instanceKeys().filter((key) => key.startsWith(prefix));
  return Object.fromEntries(
    keys.sort().map((key) => [key.slice(prefix.length), indexes.get(key) ?? 0]),
  );
}

function selectedBy<I extends SelectableInstance>(
  { metadata, spec }: Service,
  instances: readonly I[],
): readonly I[] {
  return instances
    .filter(
      ({ namespace, labels }) =>
        namespace === metadata.namespace && isSelected(labels, spec.selector),
    )
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
