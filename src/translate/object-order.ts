/** The order of objects that compete: older first, then by name, as the Gateway API asks everywhere. */
import type { MeshObject } from "../resource/object.ts";
import { compareText, qualifiedName } from "./names.ts";

/** Gateway API, HTTPRouteRule.matches: the oldest by creation timestamp, then by `namespace/name`. */
export function compareAge(a: MeshObject, b: MeshObject): number {
  const byTime = createdAtMs(a) - createdAtMs(b);
  if (byTime !== 0) return byTime;
  return compareText(qualifiedName(a.metadata), qualifiedName(b.metadata));
}

/** An object that is not stored yet is the youngest. */
function createdAtMs(object: MeshObject): number {
  const { creationTimestamp } = object.metadata;
  return creationTimestamp === undefined ? Number.MAX_SAFE_INTEGER : Date.parse(creationTimestamp);
}
