/** The settings that hold for the traffic to a Service, each with the object that it comes from. Pure. */
import type { ObjectOf } from "../../resource/kind-map.ts";
import { defaultMeshConfigSpec } from "../../resource/kinds/mesh-config.ts";
import { formatKey, keyOf } from "../../resource/object.ts";
import { compareAge } from "../../translate/object-order.ts";
import type { EffectiveSetting } from "../api-types.ts";
import type { ObjectCache } from "../object-cache.ts";

const BUILT_IN = "built-in default";

/** As translation does it: of several policies for one Service the oldest holds, and what it leaves out is MeshConfig's. */
export function effectiveSettings(
  service: ObjectOf<"Service">,
  objects: ObjectCache,
): readonly EffectiveSetting[] {
  const policy = policyOf(service, objects);
  const meshConfig = objects.list("MeshConfig")[0];
  const builtIn = defaultMeshConfigSpec().defaults;
  const defaults = meshConfig?.spec.defaults ?? builtIn;
  const setting = (
    field: string,
    own: string | undefined,
    shared: string,
    builtInValue: string,
  ): EffectiveSetting => {
    if (own !== undefined && policy !== undefined) {
      return { field, value: own, origin: formatKey(keyOf(policy)) };
    }
    // A parsed MeshConfig holds every default; only what differs can have been written by somebody.
    const isBuiltIn = meshConfig === undefined || shared === builtInValue;
    const origin = isBuiltIn ? BUILT_IN : formatKey(keyOf(meshConfig));
    return { field, value: shared, origin };
  };
  const { loadBalancer, connectTimeout, timeouts } = policy?.spec ?? {};
  return [
    setting(
      "loadBalancer",
      loadBalancer?.algorithm,
      defaults.loadBalancer.algorithm,
      builtIn.loadBalancer.algorithm,
    ),
    setting("connectTimeout", connectTimeout, defaults.connectTimeout, builtIn.connectTimeout),
    ...(["request", "idle", "connectionIdle"] as const).map((name) =>
      setting(
        `timeouts.${name}`,
        timeouts?.[name],
        defaults.timeouts[name],
        builtIn.timeouts[name],
      ),
    ),
  ];
}

function policyOf(
  service: ObjectOf<"Service">,
  objects: ObjectCache,
): ObjectOf<"TrafficPolicy"> | undefined {
  const { namespace, name } = service.metadata;
  return objects
    .list("TrafficPolicy")
    .filter(
      ({ metadata, spec }) =>
        metadata.namespace === namespace &&
        spec.targetRefs.some(
          (target) => target.group === "" && target.kind === "Service" && target.name === name,
        ),
    )
    .toSorted(compareAge)[0];
}
