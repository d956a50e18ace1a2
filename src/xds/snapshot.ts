/**
 * What the control plane hands to the ADS server: encoded resources, and the set of them that one
 * proxy should have. A resource is encoded once and the object is shared between proxies and
 * revisions; nothing here is ever changed after it was made.
 */
import { createHash } from "node:crypto";

export interface EncodedResource {
  readonly name: string;
  readonly typeUrl: string;
  /** Equal for equal bytes; survives restarts of the control plane. */
  readonly version: string;
  /** The resource message itself (not wrapped in Any), deterministically serialised. Shared: never write to it. */
  readonly bytes: Uint8Array;
}

export type ResourceMap = ReadonlyMap<string, EncodedResource>;

export interface ProxySnapshot {
  /** The revision of the store that the snapshot was built from. */
  readonly revision: number;
  /**
   * Type URL, then resource name. Reuse the inner map object between revisions and proxies when the
   * type did not change: the server then knows without looking that there is nothing to send.
   */
  readonly resources: ReadonlyMap<string, ResourceMap>;
}

const NO_RESOURCES: ResourceMap = new Map();

/** Wraps an encoded message; `version` defaults to a hash of the bytes. */
export function encodedResource(resource: {
  readonly typeUrl: string;
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly version?: string;
}): EncodedResource {
  const { typeUrl, name, bytes } = resource;
  return { typeUrl, name, bytes, version: resource.version ?? contentVersion(bytes) };
}

/** The first 64 bits of the SHA-256 of the bytes, in hexadecimal. */
export function contentVersion(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 16);
}

/** Groups resources by type. A later resource of the same type and name replaces an earlier one. */
export function proxySnapshot(
  revision: number,
  resources: Iterable<EncodedResource>,
): ProxySnapshot {
  const byType = new Map<string, Map<string, EncodedResource>>();
  for (const resource of resources) {
    const byName = byType.get(resource.typeUrl);
    if (byName === undefined) {
      byType.set(resource.typeUrl, new Map([[resource.name, resource]]));
    } else {
      byName.set(resource.name, resource);
    }
  }
  return { revision, resources: byType };
}

/** The resources of one type; empty when the snapshot has none. */
export function resourcesOfType(snapshot: ProxySnapshot, typeUrl: string): ResourceMap {
  return snapshot.resources.get(typeUrl) ?? NO_RESOURCES;
}
