/** To which Service an observed call went: by where its sidecar took it, else by what the request was told to ask for. */
import { targetPortOf } from "../../resource/kinds/service.ts";
import type { ObservedCall } from "../../telemetry/observed/observed-calls.ts";
import { isSelected } from "../../translate/mesh-index.ts";
import type {
  MeshInstance,
  MeshInstancePort,
  MeshService,
  MeshSnapshot,
} from "../../translate/mesh-snapshot.ts";
import { qualifiedName } from "../../translate/names.ts";

export interface CallDestination {
  readonly service: MeshService;
  /** Of the Service. */
  readonly port: number;
  /** Where the app listens. */
  readonly appPort: number;
}

export type FindDestination = (call: ObservedCall) => CallDestination | undefined;

export function destinationFinder(snapshot: MeshSnapshot): FindDestination {
  const { instances, services } = snapshot;
  const byAddress = new Map<string, readonly [MeshInstance, MeshInstancePort]>();
  for (const instance of instances) {
    for (const port of instance.ports) {
      if (port.inboundPort === undefined) continue;
      byAddress.set(`${instance.address}:${port.inboundPort}`, [instance, port]);
    }
  }
  return (call) => {
    const found = byAddress.get(call.address);
    const name = nameIn(call.authority);
    if (found !== undefined) return leadingTo(found, services, name);
    const service = services.find(({ resource }) => qualifiedName(resource.metadata) === name);
    // A caller's sidecar takes calls at addresses of its own: only a port of the app tells the called one.
    return call.appPort === undefined || service === undefined
      ? undefined
      : portOf(service, call.appPort, "");
  };
}

/** Of several Services that lead to the port, the one that was asked for. */
function leadingTo(
  [instance, port]: readonly [MeshInstance, MeshInstancePort],
  services: readonly MeshService[],
  name: string,
): CallDestination | undefined {
  const leading = services.flatMap((service) => {
    const { metadata, spec } = service.resource;
    const isBehind =
      metadata.namespace === instance.namespace && isSelected(instance.labels, spec.selector);
    const found = isBehind ? portOf(service, port.port, port.name) : undefined;
    return found === undefined ? [] : [found];
  });
  return (
    leading.find(({ service }) => qualifiedName(service.resource.metadata) === name) ?? leading[0]
  );
}

function portOf(service: MeshService, number: number, name: string): CallDestination | undefined {
  const found = service.resource.spec.ports.find((one) => {
    const target = targetPortOf(one);
    return target === number || (name !== "" && target === name);
  });
  return found === undefined ? undefined : { service, port: found.port, appPort: number };
}

/** `catalog`, `catalog.shop:80` and `catalog.shop.svc.tulle.local` as `shop/catalog`. */
function nameIn(authority: string): string {
  const [name = "", namespace = "default"] = authority.replace(/:\d+$/, "").split(".");
  return `${namespace}/${name}`;
}
