/** What MeshConfig says of the control plane's own behaviour, read anew whenever it is needed. */
import { durationMs } from "../resource/duration.ts";
import {
  defaultMeshConfigSpec,
  MESH_CONFIG_NAME,
  type MeshConfigSpec,
} from "../resource/kinds/mesh-config.ts";
import type { ObjectCache } from "./object-cache.ts";
import type { RegistryTimes } from "./registry.ts";

export class MeshSettings {
  readonly #objects: ObjectCache;

  constructor(objects: ObjectCache) {
    this.#objects = objects;
  }

  get registryTimes(): RegistryTimes {
    const { gracePeriod, reconnectWindow } = this.#spec.registry;
    return {
      suspectGraceMs: durationMs(gracePeriod),
      reconnectWindowMs: durationMs(reconnectWindow),
    };
  }

  get emptySetHoldMs(): number {
    return durationMs(this.#spec.registry.emptySetHold);
  }

  get certificateLifetimeMs(): number {
    return durationMs(this.#spec.certificates.lifetime);
  }

  /** Networks that the control plane may fetch from although they are closed by default. */
  get fetchableAddresses(): readonly string[] {
    return this.#spec.fetching.allowedAddresses;
  }

  get joinTokenLifetimeMs(): number {
    return durationMs(this.#spec.certificates.joinTokenLifetime);
  }

  get #spec(): MeshConfigSpec {
    return this.#objects.get("MeshConfig", "", MESH_CONFIG_NAME)?.spec ?? defaultMeshConfigSpec();
  }
}
