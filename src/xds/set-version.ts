/**
 * The version of a set of resources: a hash of names and versions, so that it is the same on every
 * stream and after a restart of the control plane. Remembered per map, because proxies share maps.
 */
import { createHash } from "node:crypto";
import type { ResourceMap } from "./snapshot.ts";

export class SetVersions {
  readonly #byMap = new WeakMap<ResourceMap, string>();

  of(resources: ResourceMap): string {
    const cached = this.#byMap.get(resources);
    if (cached !== undefined) return cached;
    const hash = createHash("sha256");
    for (const name of [...resources.keys()].sort()) {
      hash.update(`${name}\0${resources.get(name)?.version}\0`);
    }
    const version = hash.digest("hex").slice(0, 16);
    this.#byMap.set(resources, version);
    return version;
  }
}
