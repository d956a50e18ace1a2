/**
 * The configuration in force as bytes: what a worker that starts now has to take. The workers alone
 * know what it means.
 */
import type { ResourceUpdate } from "../../xds/resource-consumer.ts";
import {
  CLUSTER_TYPE_URL,
  ENDPOINT_TYPE_URL,
  LISTENER_TYPE_URL,
  ROUTE_TYPE_URL,
  SECRET_TYPE_URL,
} from "../../xds/type-urls.ts";
import type { AppliedResource } from "../dynamic-resources.ts";
import type { MissingNames, WantedNames } from "./calls.ts";

/** Listeners come last: they are bound when what they refer to is there. */
const ORDER: readonly string[] = [
  SECRET_TYPE_URL,
  CLUSTER_TYPE_URL,
  ENDPOINT_TYPE_URL,
  ROUTE_TYPE_URL,
  LISTENER_TYPE_URL,
];

export class Configuration {
  readonly #applied = new Map<string, Map<string, AppliedResource>>();
  /** Secrets that the control plane withdrew. Proxies go on with them. */
  readonly #withdrawn = new Map<string, AppliedResource>();
  readonly #missing = new Map<string, Set<string>>();

  /** Resources in force of one type, by name. */
  applied(typeUrl: string): ReadonlyMap<string, AppliedResource> {
    return this.#applied.get(typeUrl) ?? new Map();
  }

  /** Takes what workers have taken: all of the update but resources with these names. */
  apply({ typeUrl, changed, removed }: ResourceUpdate, refused: ReadonlySet<string>): void {
    const applied = this.#applied.get(typeUrl) ?? new Map<string, AppliedResource>();
    this.#applied.set(typeUrl, applied);
    for (const { name, version, bytes } of changed) {
      if (refused.has(name)) continue;
      applied.set(name, { version, bytes: Uint8Array.from(bytes) });
      this.#missing.get(typeUrl)?.delete(name);
      if (typeUrl === SECRET_TYPE_URL) this.#withdrawn.delete(name);
    }
    for (const name of removed) {
      const last = applied.get(name);
      applied.delete(name);
      if (typeUrl === SECRET_TYPE_URL && last !== undefined) this.#withdrawn.set(name, last);
    }
  }

  addMissing({ typeUrl, names }: MissingNames): void {
    const missing = this.#missing.get(typeUrl) ?? new Set();
    this.#missing.set(typeUrl, missing);
    for (const name of names) missing.add(name);
  }

  /** Forgets, of the types that `wanted` lists, what it does not. */
  keepOnly(wanted: WantedNames): void {
    for (const [typeUrl, names] of wanted) {
      const kept = new Set(names);
      const maps = [this.#applied.get(typeUrl), this.#missing.get(typeUrl)];
      if (typeUrl === SECRET_TYPE_URL) maps.push(this.#withdrawn);
      for (const map of maps) {
        for (const name of map?.keys() ?? []) if (!kept.has(name)) map?.delete(name);
      }
    }
  }

  /** All of it, in the order in which it is to be applied. */
  updates(): readonly ResourceUpdate[] {
    const updates: ResourceUpdate[] = [];
    for (const typeUrl of ORDER) {
      const applied = this.#applied.get(typeUrl);
      if (applied === undefined) continue;
      const isSecret = typeUrl === SECRET_TYPE_URL;
      const all = isSecret ? new Map([...this.#withdrawn, ...applied]) : applied;
      const changed = [...all].map(([name, resource]) => ({ name, ...resource }));
      updates.push({ typeUrl, changed, removed: [] });
    }
    return updates;
  }

  missing(): readonly MissingNames[] {
    return [...this.#missing].map(([typeUrl, names]) => ({ typeUrl, names: [...names] }));
  }
}
