/** What MeshConfig says of the requests to every Service, each with the object that it comes from. Pure. */
import { defaultMeshConfigSpec } from "../../resource/kinds/mesh-config.ts";
import { formatKey, keyOf } from "../../resource/object.ts";
import type { EffectiveSetting } from "../api-types.ts";
import type { ObjectCache } from "../object-cache.ts";
import { BUILT_IN, settingText } from "./policy-of-service.ts";

export function effectiveMeshSettings(objects: ObjectCache): readonly EffectiveSetting[] {
  const meshConfig = objects.list("MeshConfig")[0];
  const builtIn = defaultMeshConfigSpec();
  const spec = meshConfig?.spec ?? builtIn;
  const settings = [
    ["pathNormalization.mode", spec.pathNormalization.mode, builtIn.pathNormalization.mode],
    [
      "pathNormalization.rejectEscapedSlashes",
      spec.pathNormalization.rejectEscapedSlashes,
      builtIn.pathNormalization.rejectEscapedSlashes,
    ],
    ["numTrustedProxies", spec.numTrustedProxies, builtIn.numTrustedProxies],
  ] as const;
  return settings.map(([field, value, byDefault]) => ({
    field,
    value: settingText(value),
    // A parsed MeshConfig holds every default; only what differs can have been written by somebody.
    origin:
      meshConfig === undefined || value === byDefault ? BUILT_IN : formatKey(keyOf(meshConfig)),
  }));
}
