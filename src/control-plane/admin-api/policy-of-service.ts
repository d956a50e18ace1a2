/** The policy of a kind that holds for a Service, and its settings with where each comes from, for `describe`. Pure. */
import type { ObjectOf } from "../../resource/kind-map.ts";
import { settingLeaves } from "../../resource/merge-settings.ts";
import type { MeshObject } from "../../resource/object.ts";
import { type LooseRecord, valueAt } from "../../resource/rule.ts";
import { compareAge } from "../../translate/object-order.ts";
import type { PolicyTarget } from "../../translate/policy-targets.ts";
import type { EffectiveSetting } from "../api-types.ts";

/** The origin of a setting that nobody wrote. */
export const BUILT_IN = "built-in default";

type TargetingPolicy = MeshObject<string, { readonly targetRefs: readonly PolicyTarget[] }, object>;

/** As translation does it: of several policies for one Service the oldest holds, then the first by name. */
export function policyOf<P extends TargetingPolicy>(
  { kind, metadata }: ObjectOf<"Service" | "ExternalService">,
  policies: readonly P[],
): P | undefined {
  const group = kind === "Service" ? "" : "mesh.tulle.dev";
  return policies
    .filter(
      (policy) =>
        policy.metadata.namespace === metadata.namespace &&
        policy.spec.targetRefs.some(
          (target) =>
            target.group === group && target.kind === kind && target.name === metadata.name,
        ),
    )
    .toSorted(compareAge)[0];
}

/** What the settings of a policy are compared with. */
export interface LeafOrigins {
  /** In front of each field: `cache`. */
  readonly prefix: string;
  /** `CachePolicy default/catalog`. */
  readonly policy: string;
  /** What holds of a spec that says nothing. */
  readonly builtIn: LooseRecord;
  /** What it means that a field without a default is not there: `match: every request`. */
  readonly unset?: Readonly<Record<string, string>>;
}

/** Every field of a group of settings. A parsed spec holds every default: only what differs can have been written. */
export function policyLeaves(
  spec: LooseRecord,
  { prefix, policy, builtIn, unset = {} }: LeafOrigins,
): readonly EffectiveSetting[] {
  const leaves = settingLeaves(spec).map(({ path, value }) => {
    const text = settingText(value);
    const byDefault = valueAt(builtIn, ...path.split("."));
    const isBuiltIn = byDefault !== undefined && settingText(byDefault) === text;
    return { field: `${prefix}.${path}`, value: text, origin: isBuiltIn ? BUILT_IN : policy };
  });
  const missing = Object.entries(unset)
    .filter(([name]) => spec[name] === undefined)
    .map(([name, value]) => ({ field: `${prefix}.${name}`, value, origin: BUILT_IN }));
  return [...leaves, ...missing];
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
