/** Settings in layers: what an inner layer says goes before what an outer one says, field by field. Pure. */
import { isRecord, type LooseRecord } from "./rule.ts";

/** A field of a group of settings: `loadBalancer.slowStart.window`, and what it holds. */
export interface SettingLeaf {
  readonly path: string;
  readonly value: unknown;
}

/**
 * `base` with every field that `over` sets. Groups are merged; lists and everything else are replaced whole. Groups in
 * which one field stands for a choice (`http`, `grpc` or `tcp`) are in no base.
 */
export function mergeSettings(base: LooseRecord, over: LooseRecord): LooseRecord {
  const merged: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(over)) {
    if (value === undefined) continue;
    const before = merged[name];
    merged[name] = isRecord(before) && isRecord(value) ? mergeSettings(before, value) : value;
  }
  return merged;
}

/** Every field that is set, in the order in which they stand. */
export function settingLeaves(settings: LooseRecord, path = ""): readonly SettingLeaf[] {
  return Object.entries(settings).flatMap(([name, value]) => {
    if (value === undefined) return [];
    const here = path === "" ? name : `${path}.${name}`;
    return isRecord(value) && Object.keys(value).length > 0
      ? settingLeaves(value, here)
      : [{ path: here, value }];
  });
}
