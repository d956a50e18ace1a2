/** How much one may store: objects of a kind in a namespace, and bytes of one object. Judged before anything is written. */
import type { AnyObject } from "../../resource/kind-map.ts";
import { defaultMeshConfigSpec, MESH_CONFIG_NAME } from "../../resource/kinds/mesh-config.ts";
import { formatKey, keyOf } from "../../resource/object.ts";
import type { ObjectCache } from "../object-cache.ts";

/** What is over a quota, in a sentence, or undefined. */
export function quotaProblem(
  applied: readonly AnyObject[],
  objects: ObjectCache,
): { readonly message: string; readonly hint: string } | undefined {
  const config = objects.get("MeshConfig", "", MESH_CONFIG_NAME);
  const { objectsPerNamespace, documentBytes } = (config?.spec ?? defaultMeshConfigSpec()).quotas;
  const added = new Map<string, { readonly sample: AnyObject; count: number }>();
  for (const object of applied) {
    const size = Buffer.byteLength(JSON.stringify(object));
    if (size > documentBytes) {
      const message = `${formatKey(keyOf(object))} has ${size} bytes; the quota is ${documentBytes}`;
      return { message, hint: "divide it, or raise MeshConfig spec.quotas.documentBytes" };
    }
    const { kind, namespace, name } = keyOf(object);
    if (objects.get(kind, namespace, name) !== undefined) continue;
    const entry = added.get(`${kind}\n${namespace}`) ?? { sample: object, count: 0 };
    entry.count += 1;
    added.set(`${kind}\n${namespace}`, entry);
  }
  for (const { sample, count } of added.values()) {
    const { kind, namespace } = keyOf(sample);
    const present = objects
      .list(kind)
      .filter(({ metadata }) => metadata.namespace === namespace).length;
    if (present + count <= objectsPerNamespace) continue;
    const where = namespace === "" ? "" : ` in namespace ${namespace}`;
    const message = `${present} objects of kind ${kind}${where} are there and ${count} would be added; the quota is ${objectsPerNamespace}`;
    return {
      message,
      hint: "delete some, or raise MeshConfig spec.quotas.objectsPerNamespace",
    };
  }
  return undefined;
}
