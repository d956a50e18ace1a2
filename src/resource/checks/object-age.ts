/** Which of two objects that compete counts. */
import { formatKey, keyOf, type MeshObject } from "../object.ts";

/**
 * Gateway API, HTTPRouteRule.matches: the older by creation timestamp, then by namespace and name. An
 * object that isn't stored yet is the youngest.
 */
export function compareAge(a: MeshObject, b: MeshObject): number {
  const [createdA, createdB] = [createdMs(a), createdMs(b)];
  if (createdA !== createdB) return createdA - createdB;
  return formatKey(keyOf(a)) < formatKey(keyOf(b)) ? -1 : 1;
}

function createdMs(object: MeshObject): number {
  const { creationTimestamp } = object.metadata;
  return creationTimestamp === undefined ? Number.MAX_SAFE_INTEGER : Date.parse(creationTimestamp);
}
