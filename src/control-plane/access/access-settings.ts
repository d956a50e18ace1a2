/** Who has which role, as MeshConfig says at this moment. */
import { defaultMeshConfigSpec, MESH_CONFIG_NAME } from "../../resource/kinds/mesh-config.ts";
import type { AdminRole } from "../access-types.ts";
import type { ObjectCache } from "../object-cache.ts";
import type { AccessSettings } from "./authenticator.ts";

const ROLES = { Viewer: "viewer", Operator: "operator", Admin: "admin" } as const;

export class MeshAccessSettings implements AccessSettings {
  readonly #objects: ObjectCache;

  constructor(objects: ObjectCache) {
    this.#objects = objects;
  }

  get isAnonymousViewer(): boolean {
    return this.#spec.anonymous === "Viewer";
  }

  roleOfIdentity(spiffeId: string): AdminRole | undefined {
    const entry = this.#spec.identities.find((one) => one.spiffeId === spiffeId);
    return entry && ROLES[entry.role];
  }

  get #spec() {
    const config = this.#objects.get("MeshConfig", "", MESH_CONFIG_NAME);
    return (config?.spec ?? defaultMeshConfigSpec()).access;
  }
}
