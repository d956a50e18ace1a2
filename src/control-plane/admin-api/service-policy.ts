/** The settings that hold for the traffic to a Service, each with the object that it comes from. Pure. */
import type { ObjectOf } from "../../resource/kind-map.ts";
import { defaultMeshConfigSpec } from "../../resource/kinds/mesh-config.ts";
import { mergeSettings, settingLeaves } from "../../resource/merge-settings.ts";
import { formatKey, keyOf } from "../../resource/object.ts";
import { type LooseRecord, valueAt } from "../../resource/rule.ts";
import { compareAge } from "../../translate/object-order.ts";
import type { EffectiveSetting } from "../api-types.ts";
import type { ObjectCache } from "../object-cache.ts";

/** The origin of a setting that nobody wrote. */
export const BUILT_IN = "built-in default";

/** As translation does it: of several policies for one Service the oldest holds, and what it leaves out is MeshConfig's. */
export function effectiveSettings(
  service: ObjectOf<"Service" | "ExternalService">,
  objects: ObjectCache,
): readonly EffectiveSetting[] {
  const policy = policyOf(service, objects);
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

/** The largest number of a limit stands for none. */
const NO_LIMIT = "4294967295";

/** As `describe` shows it. */
export function settingText(value: unknown): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) {
    return value.length === 0 ? "none" : value.map((item) => itemText(item)).join(", ");
  }
  const text = JSON.stringify(value) ?? "";
  return text === NO_LIMIT ? "no limit" : text;
}

function itemText(item: unknown): string {
  return typeof item === "string" ? item : JSON.stringify(item);
}

function policyOf(
  service: ObjectOf<"Service" | "ExternalService">,
  objects: ObjectCache,
): ObjectOf<"TrafficPolicy"> | undefined {
  const { namespace, name } = service.metadata;
  const { kind } = service;
  const group = kind === "Service" ? "" : "mesh.tulle.dev";
  return objects
    .list("TrafficPolicy")
    .filter(
      ({ metadata, spec }) =>
        metadata.namespace === namespace &&
        spec.targetRefs.some(
          (target) => target.group === group && target.kind === kind && target.name === name,
        ),
    )
    .toSorted(compareAge)[0];
}
