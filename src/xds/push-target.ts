/**
 * What one stream is being brought to. A round takes clusters, listeners and routes from one snapshot to its
 * end, so that a stream of newer snapshots cannot starve the late steps; endpoints and secrets always come from
 * the newest snapshot, because they may not wait.
 */
import type { ClusterReferenceIndex } from "./cluster-references.ts";
import {
  type EncodedResource,
  encodedResource,
  type ProxySnapshot,
  type ResourceMap,
  resourcesOfType,
} from "./snapshot.ts";
import { EMPTY_ASSIGNMENT_VERSION } from "./type-state.ts";
import { CLUSTER_TYPE_URL, ENDPOINT_TYPE_URL, SECRET_TYPE_URL } from "./type-urls.ts";
import { stringField } from "./wire.ts";

export interface TypeTarget {
  readonly round: ResourceMap;
  /** Equals `round` except for endpoints and secrets. */
  readonly newest: ResourceMap;
  readonly revision: number;
  /** The resource that the client should have; undefined when there is none by that name. */
  lookup(name: string, knownVersion: string | undefined): EncodedResource | undefined;
}

export function typeTarget(
  typeUrl: string,
  round: ProxySnapshot,
  newest: ProxySnapshot,
  references: ClusterReferenceIndex,
): TypeTarget {
  const roundMap = resourcesOfType(round, typeUrl);
  if (typeUrl !== ENDPOINT_TYPE_URL && typeUrl !== SECRET_TYPE_URL) {
    return {
      round: roundMap,
      newest: roundMap,
      revision: round.revision,
      lookup: (name) => roundMap.get(name),
    };
  }
  const newestMap = resourcesOfType(newest, typeUrl);
  // What only the newest snapshot dropped may still be in use by clusters of the round.
  const find = (name: string): EncodedResource | undefined =>
    newestMap.get(name) ?? roundMap.get(name);
  if (typeUrl === SECRET_TYPE_URL) {
    return { round: roundMap, newest: newestMap, revision: newest.revision, lookup: find };
  }
  const clusters = resourcesOfType(round, CLUSTER_TYPE_URL);
  return {
    round: roundMap,
    newest: newestMap,
    revision: newest.revision,
    lookup: (name, knownVersion) => {
      const found = find(name);
      if (found !== undefined) return found;
      // Envoy may stop listening for an assignment that it was told does not exist. As long as a cluster
      // waits for it, or the client never had a real one, an empty one is the better answer.
      const hadReal = knownVersion !== undefined && knownVersion !== EMPTY_ASSIGNMENT_VERSION;
      if (hadReal && !references.endpointNames(clusters).has(name)) return undefined;
      return emptyAssignment(name);
    },
  };
}

/** ClusterLoadAssignment{cluster_name = 1}. */
function emptyAssignment(name: string): EncodedResource {
  return encodedResource({
    typeUrl: ENDPOINT_TYPE_URL,
    name,
    bytes: stringField(1, name),
    version: EMPTY_ASSIGNMENT_VERSION,
  });
}
