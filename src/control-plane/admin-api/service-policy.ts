/** The settings that hold for the traffic to a Service, each with the object that it comes from. Pure. */
import type { ObjectOf } from "../../resource/kind-map.ts";
import { defaultMeshConfigSpec } from "../../resource/kinds/mesh-config.ts";
import { mergeSettings, settingLeaves } from "../../resource/merge-settings.ts";
import { formatKey, keyOf } from "../../resource/object.ts";
import { type LooseRecord, valueAt } from "../../resource/rule.ts";
import type { EffectiveSetting } from "../api-types.ts";
import type { ObjectCache } from "../object-cache.ts";
import { BUILT_IN, policyOf, settingText } from "./policy-of-service.ts";

/** As translation does it: of several policies for one Service the oldest holds, and what it leaves out is MeshConfig's. */
export function effectiveSettings(
  service: ObjectOf<"Service" | "ExternalService">,
  objects: ObjectCache,
): readonly EffectiveSetting[] {
  const policy = policyOf(service, objects.list("TrafficPolicy"));
  const meshConfig = objects.list("MeshConfig")[0];
  const builtIn = defaultMeshConfigSpec().defaults;
  const defaults = meshConfig?.spec.defaults ?? builtIn;
  const { targetRefs: _, ...own } = policy?.spec ?? { targetRefs: [] };
  const merged = mergeSettings(defaults as unknown as LooseRecord, own as LooseRecord);
  return settingLeaves(merged).map(({ path, value }) => {
    const keys = path.split(".");
    const setting = { field: path, value: settingText(value) };
    if (policy !== undefined && valueAt(own, ...keys) !== undefined) {
      return { ...setting, origin: formatKey(keyOf(policy)) };
    }
    // A parsed MeshConfig holds every default; only what differs can have been written by somebody.
    const isBuiltIn = settingText(valueAt(builtIn, ...keys)) === setting.value;
    if (isBuiltIn || meshConfig === undefined) return { ...setting, origin: BUILT_IN };
    return { ...setting, origin: formatKey(keyOf(meshConfig)) };
  });
}
