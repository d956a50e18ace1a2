/** All that is found wrong with valid objects: by translation, and by comparing them with each other. */
import type { CheckFinding } from "../resource/checks/check-finding.ts";
import { checkObjects } from "../resource/checks/check-objects.ts";
import { formatKey } from "../resource/object.ts";
import type { Finding } from "../translate/translation.ts";
import type { ObjectCache } from "./object-cache.ts";

export type MeshFinding = Finding | CheckFinding;

/** Adds what comparing the objects finds. */
export function withChecks(
  findings: readonly Finding[],
  objects: ObjectCache,
): readonly MeshFinding[] {
  return [...findings, ...checkObjects(objects.all())];
}

/** By `formatKey` of the object. */
export function groupByObject(
  findings: readonly MeshFinding[],
): ReadonlyMap<string, readonly MeshFinding[]> {
  const groups = new Map<string, MeshFinding[]>();
  for (const finding of findings) {
    const key = formatKey(finding.object);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [finding]);
    else group.push(finding);
  }
  return groups;
}
