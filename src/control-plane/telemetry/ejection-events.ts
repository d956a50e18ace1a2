/** Which hosts callers ejected and took back between two looks, by name, as events. Pure. */
import { hostOfCluster } from "../../translate/names.ts";
import type { Instance } from "../instance.ts";
import type { MeshEvent } from "../telemetry-types.ts";
import type { InstanceFigures } from "./store/instance-figures.ts";

type EjectionEvent = Pick<MeshEvent, "severity" | "type" | "subject" | "message">;
type Told = Pick<InstanceFigures, "namespace" | "instance" | "ejectedEndpoints">;

/** Of one caller: `cluster address:port` of what is out. */
export type EjectedBefore = ReadonlyMap<string, ReadonlySet<string>>;

export interface EjectionChanges {
  readonly now: EjectedBefore;
  readonly events: readonly EjectionEvent[];
}

/** A caller that is not heard of any more takes nothing back. */
export function ejectionChanges(
  before: EjectedBefore,
  figures: readonly Told[],
  instances: readonly Pick<Instance, "description">[],
): EjectionChanges {
  const now = new Map<string, ReadonlySet<string>>();
  const events: EjectionEvent[] = [];
  const names = lazyNames(instances);
  for (const { namespace, instance, ejectedEndpoints } of figures) {
    const caller = `${namespace}/${instance}`;
    const out = new Set(
      Object.entries(ejectedEndpoints).flatMap(([cluster, endpoints]) =>
        endpoints.map((endpoint) => `${cluster} ${endpoint}`),
      ),
    );
    const known = before.get(caller) ?? new Set();
    if (out.size > 0) now.set(caller, out);
    const event = (key: string, severity: EjectionEvent["severity"], what: string): void => {
      events.push({
        ...{ severity, type: "ejection", subject: caller },
        message: `${what} ${named(key, names)}`,
      });
    };
    for (const key of out) if (!known.has(key)) event(key, "warning", "ejected");
    for (const key of known) if (!out.has(key)) event(key, "info", "took back");
  }
  return { now, events };
}

/** `catalog-2 (10.0.0.2:9000) of catalog.default.svc.tulle.local`. */
function named(key: string, names: () => ReadonlyMap<string, string>): string {
  const space = key.indexOf(" ");
  const [cluster, endpoint] = [key.slice(0, space), key.slice(space + 1)];
  const host = hostOfCluster(cluster) || cluster;
  const name = names().get(endpoint);
  return name === undefined ? `${endpoint} of ${host}` : `${name} (${endpoint}) of ${host}`;
}

/** Made when something has changed only. */
function lazyNames(
  instances: readonly Pick<Instance, "description">[],
): () => ReadonlyMap<string, string> {
  let names: ReadonlyMap<string, string> | undefined;
  return () => {
    names ??= new Map(
      instances.flatMap(({ description: { name, address, ports } }) =>
        ports.flatMap(({ port, inboundPort }): readonly (readonly [string, string])[] => [
          [`${address}:${port}`, name],
          [`${address}:${inboundPort}`, name],
        ]),
      ),
    );
    return names;
  };
}
